"""The API against its own description: made-up requests, for everybody, get a documented answer and no 5xx."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.web.conftest import PEOPLE, Site

EXAMPLES = 6


def description(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.as_("auditor").get("/tillflow/api/v1/openapi.json").json()
    return found


def test_the_description_names_every_route_of_the_api_and_nothing_else(site: Site) -> None:
    paths = description(site)["paths"]
    assert "/api/v1/imports" in paths
    assert all(path.startswith("/api/v1/") for path in paths)
    for path, operations in paths.items():
        for method, operation in operations.items():
            assert {"401", "403", "404", "422", "503"} <= operation["responses"].keys(), (method, path)


@pytest.mark.parametrize("person", [*PEOPLE, None])
def test_made_up_requests_get_documented_answers(site: Site, person: str | None) -> None:
    described = description(site)
    client = site.as_(person)
    client.headers["sec-fetch-site"] = "same-origin"
    operations = [one.ok() for one in schemathesis.openapi.from_dict(described).get_all_operations()]
    cases = st.one_of([operation.as_strategy() for operation in operations])

    @settings(
        max_examples=EXAMPLES * len(operations),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        wanted = case.as_transport_kwargs(base_url="http://tillflow.test/tillflow")
        allowed = {"method", "url", "headers", "params", "data", "json", "files"}
        made = requests.Request(**{name: value for name, value in wanted.items() if name in allowed}).prepare()
        answer = client.request(str(made.method), str(made.url), headers=dict(made.headers), content=made.body or b"")
        said = f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500, said
        documented = described["paths"][case.operation.path][case.method.lower()]["responses"]
        if answer.status_code in {404, 405} and case.operation.path.count("{"):
            return  # a made-up key can lead to another path
        assert str(answer.status_code) in documented, said
        content = documented[str(answer.status_code)].get("content", {}).get("application/json")
        if content and answer.headers["content-type"].startswith("application/json"):
            jsonschema.validate(answer.json(), content["schema"] | {"components": described["components"]})

    ask()
