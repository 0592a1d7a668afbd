"""What can be judged about docker-compose.yaml, Dockerfile and the guide by reading them."""

from __future__ import annotations

import copy
import re
from typing import Any

import jsonschema
import pytest

from tests.integration.compose import compose_file
from tests.integration.compose.compose_file import MissingVariableError, interpolate
from tests.integration.compose.conftest import GUIDE
from tillflow.settings import REPOSITORY, Settings

ONE_SHOT = {"databases", "migrate"}
SECRET = re.compile(r"PASSWORD|SECRET|FERNET|AUTH$|_CONN_|KEY")
REQUIRED = {
    "ADMIN_EMAIL", "ADMIN_PASSWORD", "AIRFLOW_CONN_TILLFLOW_PAYMENTS", "AIRFLOW_CONN_TILLFLOW_SMTP",
    "AIRFLOW_DB_PASSWORD", "API_SECRET_KEY", "FERNET_KEY", "JWT_SECRET", "POSTGRES_PASSWORD",
    "TILLFLOW_DB_PASSWORD", "TILLFLOW_MAIL_FROM", "TILLFLOW_MIGRATOR_PASSWORD", "TILLFLOW_PIN_SECRET",
    "TILLFLOW_REPORT_TO",
}  # fmt: skip
GIVEN = dict.fromkeys(REQUIRED, "given")


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose_file.interpolated(GIVEN)["services"]
    return found


def errors(content: object) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(compose_file.SCHEMA).iter_errors(content)]


# --- the schema ---------------------------------------------------------------------------
@pytest.mark.parametrize("environ", [GIVEN, {**GIVEN, "TILLFLOW_EXECUTOR": "CeleryExecutor", "REDIS_PASSWORD": "x"}])
def test_the_file_follows_the_compose_specification(environ: dict[str, str]) -> None:
    assert errors(compose_file.interpolated(environ)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", "scheduler", "command"), 5),
        (("services", "scheduler", "comand"), ["airflow"]),
        (("services", "scheduler", "depends_on", "postgres", "condition"), "healthy"),
        (("services", "api-server", "healthcheck", "retries"), ["many"]),
        (("services", "api-server", "ports"), "8080:8080"),
        (("volums",), {}),
    ],
)
def test_the_schema_refuses_a_broken_file(path: tuple[str, ...], value: object) -> None:
    content = copy.deepcopy(compose_file.interpolated(GIVEN))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert errors(content)


# --- secrets ------------------------------------------------------------------------------
def test_exactly_the_known_variables_are_required() -> None:
    assert {name for name, how, _ in compose_file.variables(compose_file.raw()) if how == ":?"} == REQUIRED


@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_variable_stops_compose_and_is_named(name: str, empty: bool) -> None:
    environ = {**GIVEN, name: ""} if empty else dict.fromkeys(REQUIRED - {name}, "given")
    with pytest.raises(MissingVariableError, match=rf"^required variable {name} is missing .*docs/production\.md$"):
        compose_file.interpolated(environ)


def test_no_secret_has_a_default() -> None:
    defaults = [(name, word) for name, how, word in compose_file.variables(compose_file.raw()) if how in {":-", "-"}]
    assert [(name, word) for name, word in defaults if SECRET.search(name) and word] == []


def test_no_secret_is_written_into_the_file() -> None:
    """Whatever is called like a secret has its value from a variable."""
    written = {
        f"{name}: {key}"
        for name, service in compose_file.raw()["services"].items()
        for key, value in service.get("environment", {}).items()
        if SECRET.search(key) and "${" not in value
    }
    assert written == set()


def test_redis_without_a_password_refuses_to_start() -> None:
    """The only secret of a profile: required in the file, it would be asked of everybody."""
    redis = services()["redis"]
    assert redis["environment"] == {"REDISCLI_AUTH": ""}
    assert redis["command"][0].startswith(': "${REDISCLI_AUTH:?REDIS_PASSWORD is missing')


def test_only_migrate_knows_the_owner_and_only_databases_the_superuser() -> None:
    owner, superuser = {**GIVEN, "TILLFLOW_MIGRATOR_PASSWORD": "M1GRATOR"}, {**GIVEN, "POSTGRES_PASSWORD": "SUPER"}
    assert _who_sees("M1GRATOR", owner) == {"databases", "migrate"}
    assert _who_sees("SUPER", superuser) == {"databases", "postgres"}


def _who_sees(text: str, environ: dict[str, str]) -> set[str]:
    content = compose_file.interpolated(environ)["services"]
    return {name for name, service in content.items() if text in str(service)}


def test_the_guide_makes_every_variable_but_what_only_the_operator_knows(dotenv: dict[str, str]) -> None:
    empty = {name for name, value in dotenv.items() if not value}
    assert empty == {
        "ADMIN_EMAIL", "AIRFLOW_CONN_TILLFLOW_PAYMENTS", "AIRFLOW_CONN_TILLFLOW_SMTP",
        "TILLFLOW_MAIL_FROM", "TILLFLOW_REPORT_TO",
    }  # fmt: skip
    assert set(dotenv) >= REQUIRED
    secrets = [value for name, value in dotenv.items() if SECRET.search(name) and value]
    assert len(secrets) == len(set(secrets)) == 10
    assert all(len(value) >= 44 for value in secrets)
    assert len(dotenv["JWT_SECRET"]) == 64  # what its signature (SHA-512) asks for


def test_the_guide_names_every_variable() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [name for name, _, _ in compose_file.variables(compose_file.raw()) if name not in text] == []


# --- every service ------------------------------------------------------------------------
def test_the_services_and_profiles_are_the_known_ones() -> None:
    assert {name: service.get("profiles", []) for name, service in services().items()} == {
        "postgres": [], "databases": [], "migrate": [], "api-server": [], "scheduler": [], "dag-processor": [],
        "triggerer": [], "redis": ["celery"], "worker": ["celery"], "mail": ["mail"],
    }  # fmt: skip


def test_every_service_has_a_health_check_or_ends() -> None:
    for name, service in services().items():
        assert ("healthcheck" in service) is (name not in ONE_SHOT), name
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name


def test_dependencies_wait_for_health_and_for_the_end_of_one_shots() -> None:
    for name, service in services().items():
        for other, wanted in service.get("depends_on", {}).items():
            ends = other in ONE_SHOT
            assert wanted["condition"] == ("service_completed_successfully" if ends else "service_healthy"), name


def test_nothing_of_the_default_start_depends_on_a_profile() -> None:
    content = services()
    optional = {name for name, service in content.items() if service.get("profiles")}
    plain = [service for name, service in content.items() if name not in optional]
    assert optional.isdisjoint(name for service in plain for name in service.get("depends_on", {}))


def test_every_container_is_locked_down() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] not in {"root", "0", "0:0"}, name
        assert service.get("deploy") or name == "databases", name


def test_only_the_web_server_is_published_and_on_this_machine_only() -> None:
    assert {n: s["ports"] for n, s in services().items() if "ports" in s} == {"api-server": ["127.0.0.1:8080:8080"]}


def test_every_named_volume_and_network_is_declared() -> None:
    content = compose_file.interpolated(GIVEN)
    volumes = {v.split(":")[0] for s in content["services"].values() for v in s.get("volumes", [])}
    assert volumes == set(content["volumes"])
    assert {n for s in content["services"].values() for n in s["networks"]} == set(content["networks"])


# --- Airflow and Tillflow -----------------------------------------------------------------
def test_tillflow_accepts_the_settings_the_file_passes() -> None:
    environ = {**services()["scheduler"]["environment"], "TILLFLOW_REPORT_TO": "a@b", "TILLFLOW_MAIL_FROM": "a@b"}
    settings = Settings.from_environment({**environ, "TILLFLOW_PIN_SECRET": "x" * 16})
    assert settings.storage == "/var/lib/tillflow/storage"
    assert settings.pin_secret == b"x" * 16
    assert settings.zone == "UTC"


def test_one_variable_switches_the_executor_everywhere() -> None:
    content = compose_file.interpolated({**GIVEN, "TILLFLOW_EXECUTOR": "CeleryExecutor", "REDIS_PASSWORD": "secret"})
    airflow = [s["environment"] for s in content["services"].values() if "airflow" in s["command"]]
    assert len(airflow) == 5
    assert {e["AIRFLOW__CORE__EXECUTOR"] for e in airflow} == {"CeleryExecutor"}
    assert {e["AIRFLOW__CELERY__BROKER_URL"] for e in airflow} == {"redis://:secret@redis:6379/0"}
    backends = {e["AIRFLOW__CELERY__RESULT_BACKEND"] for e in airflow}
    assert backends == {f"db+{e['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}" for e in airflow}


def test_celery_is_pinned_below_the_version_that_breaks_its_executor() -> None:
    pins = _pins("requirements-celery.txt")
    assert pins["apache-airflow-providers-celery"] == "3.26.0"
    assert tuple(map(int, pins["celery"].split(".")[:2])) < (5, 7)


def test_the_celery_packages_only_add_to_the_lock() -> None:
    assert set(_pins("requirements-celery.txt")).isdisjoint(_pins("requirements.txt"))


def test_every_package_of_the_image_has_a_hash() -> None:
    for name in ("requirements.txt", "requirements-celery.txt"):
        blocks = re.split(r"\n(?=[a-z0-9])", (REPOSITORY / name).read_text(encoding="utf-8"))[1:]
        assert len(blocks) >= 10
        assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_image_is_the_airflow_of_the_lock() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    assert f"FROM apache/airflow:slim-{_pins('requirements.txt')['apache-airflow']}-python3.12\n" in dockerfile
    assert compose_file.image_environment() == {
        "PYTHONPATH": "/opt/tillflow/include", "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system",
    }  # fmt: skip


def _pins(name: str) -> dict[str, str]:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


# --- the reader of these tests ------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$x and $${x}", "$x and ${x}"),
        ("$FULL ${FULL}", "value value"),
        ("${EMPTY}|${EMPTY-y}|${EMPTY:-y}", "||y"),
        ("${NONE}|${NONE-y}|${NONE:-y}|${NONE:-}", "|y|y|"),
        ("${FULL:-y} ${FULL:?no} ${EMPTY?no}", "value value "),
        ("${NONE:-a:b/c d}", "a:b/c d"),
    ],
)
def test_variables_are_replaced_as_compose_does(text: str, expected: str) -> None:
    environ = {"FULL": "value", "EMPTY": ""}
    assert interpolate({"key": [text]}, environ) == {"key": [expected]}


@pytest.mark.parametrize("text", ["a $ b", "${FULL:+y}", "${", "^x$"])
def test_a_dollar_compose_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no variable"):
        interpolate(text, {})
