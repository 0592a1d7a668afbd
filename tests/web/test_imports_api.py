"""Files handed in through REST: what is taken, what is refused, and that nothing of a refused one stays."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from tests.web.conftest import Site, messages
from tests.web.situations import HEADER, add_import, four_orders, order_file
from tillflow import import_desk
from tillflow.codes import Kind
from tillflow.web import dag_runs, uploads

IMPORTS = "/tillflow/api/v1/imports"


def send(site: Site, person: str = "uploader", *, query: str = "", **form: Any) -> Response:
    file = form.pop("file", None) or order_file()()["file"]
    data = {"kind": "offline_sales"} | form
    return site.as_(person).post(IMPORTS + query, data=data, files={"file": file})


def imports_kept(site: Site) -> int:
    (count,) = site.conn.execute("select count(*) from intake.import").fetchone()  # type: ignore[misc]
    return int(count)


def left_over(site: Site) -> list[Path]:
    return list(site.importer.settings.temp_dir.glob("*"))


def test_a_file_is_taken_in_and_its_run_is_started_under_the_number_of_the_import(site: Site) -> None:
    taken = send(site)
    number = taken.json()["result"]["id"]
    assert taken.status_code == 202
    run = f"/dags/import_offline_sales/runs/offline_sales__{number}"
    assert taken.json() == {"messages": [], "result": {"id": number, "status": "processing", "run": run}}
    found = site.as_("uploader").get(f"{IMPORTS}/{number}").json()["result"]
    assert {name: found[name] for name in ("kind", "channel", "uploader", "status")} == {
        "kind": "offline_sales", "channel": "call-centre", "uploader": "uploader", "status": "processing",
    }  # fmt: skip
    assert left_over(site) == []
    from airflow.models import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        started = session.query(DagRun).filter_by(run_id=f"offline_sales__{number}").all()
        assert [(run.dag_id, run.conf, run.triggering_user_name, run.logical_date) for run in started] == [
            ("import_offline_sales", {"import_id": number}, "uploader", None)
        ]


def test_the_same_file_again_is_a_conflict_that_names_the_first_import(site: Site) -> None:
    file = order_file()()["file"]
    first = send(site, file=file)
    again = send(site, "lottery_admin", file=("renamed.csv", *file[1:]))
    assert (again.status_code, messages(again)) == (409, [("error", "already_imported")])
    assert again.json()["result"] == {"id": first.json()["result"]["id"]}


def test_every_error_of_a_file_is_listed_with_its_place(site: Site) -> None:
    text = HEADER.replace("LOTTERY,", "").replace(",EMAIL", "")
    refused = send(site, file=("bad.csv", text.encode(), "text/csv"))
    assert refused.status_code == 422
    found = [(one["code"], one["column"], one["row"]) for one in refused.json()["messages"]]
    assert found == [("missing_header", "LOTTERY", 1), ("missing_header", "EMAIL", 1)]
    number = refused.json()["result"]["id"]
    assert site.as_("uploader").get(f"{IMPORTS}/{number}").json()["result"]["status"] == "rejected"


def test_a_preview_says_what_would_be_and_keeps_nothing(site: Site) -> None:
    told = send(site, query="?preview=true")
    assert told.status_code == 200
    (line,) = told.json()["result"]["balance"]
    assert line["rows"] == {
        "read": 1, "sales": 0, "exceptions": 1, "duplicates": 0, "not_billable": 0, "rejected": 0,
    }  # fmt: skip
    assert (line["currency"], line["money"]["read"]) == ("XXX", "0")
    refused = send(site, query="?preview=true", file=("bad.csv", b"nothing\n", "text/csv"))
    assert (refused.status_code, refused.json()["result"]) == (422, None)
    assert imports_kept(site) == 0
    assert left_over(site) == []


def test_who_has_two_channels_names_one(site: Site) -> None:
    site.grant("uploader", "offline_sales_upload", "club-stall")
    asked = send(site)
    assert (asked.status_code, messages(asked)) == (422, [("error", "invalid")])
    assert "call-centre, club-stall" in asked.json()["messages"][0]["message"]
    assert send(site, channel="club-stall").status_code == 202


def test_another_channel_is_unknown_and_another_kind_not_granted_and_both_are_in_the_history(site: Site) -> None:
    assert send(site, channel="club-stall").status_code == 404
    assert send(site, channel="unheard-of").status_code == 404
    assert send(site, kind="equipment_sync").status_code == 403
    assert send(site, kind="portal_data").status_code == 403
    assert send(site, kind="nonsense").status_code == 422
    route = "POST /api/v1/imports"
    assert site.denials() == [
        ("uploader", "channel club-stall", route),
        ("uploader", "channel unheard-of", route),
        ("uploader", f"route {route}", route),
        ("uploader", f"route {route}", route),
    ]
    assert imports_kept(site) == 0


def test_a_run_that_cannot_be_started_leaves_the_file_to_the_daily_run(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise dag_runs.DagNotFound

    monkeypatch.setattr(dag_runs, "trigger_dag", refuse)
    taken = send(site)
    assert (taken.status_code, messages(taken)) == (202, [("warning", "run_not_started")])
    assert taken.json()["result"]["run"] is None


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.csv", "..\\..\\boot.csv", "/etc/cron.d/x.csv", "C:\\orders.csv", "a\x00b.csv", "a\r\nb.csv",
        "<script>alert(1)</script>.csv", "'; drop table x; --.csv", "=cmd|' /C calc'!A0.csv", "%2e%2e%2fx.csv",
        "💰 ünïcode \u202evsc.csv", "x" * 300 + ".csv", "con.csv", "$(reboot).csv", "{{7*7}}.csv",
    ],
)  # fmt: skip
def test_a_name_is_only_shown(site: Site, name: str) -> None:
    taken = send(site, file=(name, *order_file()()["file"][1:]))
    assert taken.status_code == 202
    kept = [path for path in site.importer.home.rglob("*") if path.is_file()]
    assert kept
    assert all(path.is_relative_to(site.importer.home / "storage" / "archive") for path in kept)
    shown = site.as_("uploader").get(f"{IMPORTS}/{taken.json()['result']['id']}").json()["result"]["file_name"]
    assert shown.isprintable()
    page = site.as_("uploader").get("/tillflow/offline-sales/")
    assert page.status_code == 200
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("name", ["orders.exe", "orders.csv.php", "orders", "orders.html", "orders.zip", ".csv", ""])
def test_a_file_of_another_type_is_not_taken(site: Site, name: str) -> None:
    assert send(site, file=(name, *order_file()()["file"][1:])).status_code == 422
    assert imports_kept(site) == 0


def test_a_large_upload_is_stopped_while_it_comes(site: Site) -> None:
    site.limit_files(50_000)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        while sent < 50_000_000:
            sent += 10_000
            yield b"x" * 10_000

    refused = site.as_("uploader").post(
        IMPORTS, content=endless(), headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert (refused.status_code, messages(refused)) == (413, [("error", "too_large")])
    assert left_over(site) == []


def test_a_bomb_is_stopped_while_it_unpacks(site: Site) -> None:
    site.limit_files(2_000_000)
    bomb = gzip.compress(f"{HEADER}\n".encode() + b"0" * 100_000_000)
    refused = send(site, file=("bomb.csv.gz", bomb, "application/gzip"))
    assert (refused.status_code, messages(refused)) == (422, [("error", "too_large")])


def test_a_form_that_is_cut_off_or_no_form_is_not_taken(site: Site) -> None:
    client = site.as_("uploader")
    form = {"content-type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nabc'
    for content, headers in (
        (part, form),
        (b"", form),
        (b"--c\r\n\r\n", form),
        (b"x", {"content-type": "text/csv"}),
        (b"x", {"content-type": "multipart/form-data"}),
        (b"{}", {"content-type": "application/json"}),
    ):
        refused = client.post(IMPORTS, content=content, headers=headers)
        assert (refused.status_code, content) == (422, content)
    two = client.post(
        IMPORTS, files=[("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))], data={"kind": "offline_sales"}
    )
    assert two.status_code == 422
    assert left_over(site) == []


def test_an_upload_that_only_drips_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PATIENCE_SECONDS", -1.0)
    monkeypatch.setattr(uploads, "_LEAST_BYTES_PER_SECOND", 1 << 40)
    dripped = send(site)
    assert (dripped.status_code, messages(dripped)) == (408, [("error", "too_slow")])
    monkeypatch.setattr(uploads, "_IDLE_SECONDS", 0.0)
    assert send(site).status_code == 408
    assert left_over(site) == []


def test_a_card_number_in_a_file_is_a_file_error_and_is_said_nowhere(site: Site) -> None:
    name, content, kind = order_file()()["file"]
    refused = send(site, file=(name, content.replace(b"Ada", b"4111 1111 1111 1111"), kind))
    assert (refused.status_code, messages(refused)[0]) == (422, ("error", "card_number_present"))
    assert "4111" not in refused.text


def test_imports_are_listed_newest_first_in_pages_and_only_ones_own(site: Site) -> None:
    ours = [add_import(site.conn, "call-centre", f"{number}.csv") for number in range(5)]
    theirs = add_import(site.conn, "club-stall", "theirs.csv")
    seen, cursor = [], ""
    while True:
        page = site.as_("uploader").get(f"{IMPORTS}?limit=2{cursor}").json()["result"]
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ours[::-1]
    assert site.as_("uploader").get(f"{IMPORTS}/{theirs}").status_code == 404
    assert site.as_("uploader").get(f"/tillflow/api/v1/balance?import={theirs}").status_code == 404
    assert site.denials()[0] == ("uploader", f"import {theirs}", "GET /api/v1/imports/{import_id}")
    assert len(site.as_("auditor").get(IMPORTS).json()["result"]["items"]) == 6


def test_the_list_tells_of_each_import_what_the_import_itself_tells(site: Site) -> None:
    four_orders(site)
    add_import(site.conn, "call-centre", "empty.csv")
    add_import(site.conn, None, "dump.csv", Kind.EQUIPMENT_SYNC)
    client = site.as_("auditor")
    listed = client.get(IMPORTS).json()["result"]["items"]
    assert [one["kind"] for one in listed] == ["equipment_sync", "offline_sales", "offline_sales"]
    assert listed[2]["tabs"] == {
        "processing": 1, "requires_action": 1, "funds_pending": 1, "successful": 1, "abandoned": 0,
    }  # fmt: skip
    for one in listed:
        assert one == client.get(f"{IMPORTS}/{one['id']}").json()["result"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=processing", ["orders.csv"]),
        ("status=completed", ["theirs.csv", "Empty.csv"]),
        ("channel=club-stall", ["theirs.csv"]),
        ("uploader=test", ["orders.csv"]),
        ("file=EMPTY", ["Empty.csv"]),
        ("uploader=ann&status=processing", []),
    ],
)
def test_imports_are_filtered(site: Site, query: str, found: list[str]) -> None:
    four_orders(site)
    add_import(site.conn, "call-centre", "Empty.csv")
    add_import(site.conn, "club-stall", "theirs.csv")
    page = site.as_("auditor").get(f"{IMPORTS}?{query}").json()["result"]
    assert [one["file_name"] for one in page["items"]] == found
    assert page["next_cursor"] is None
    pages = site.as_("auditor").get(f"/tillflow/offline-sales/?{query}").text
    assert [name for name in ("theirs.csv", "Empty.csv", "orders.csv") if name in pages] == found
    assert site.as_("auditor").get(f"{IMPORTS}?status=done").status_code == 422


def test_a_search_that_finds_nothing_so_far_says_so_and_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = add_import(site.conn, "call-centre", "wanted.csv")
    for number in range(60):
        add_import(site.conn, "call-centre", f"{number}.csv")
    monkeypatch.setattr(import_desk, "_MOST", 51)
    client = site.as_("uploader")
    first = client.get(f"{IMPORTS}?file=wanted").json()["result"]
    assert (first["items"], first["next_cursor"]) == ([], 11)
    second = client.get(f"{IMPORTS}?file=wanted&cursor=11").json()["result"]
    assert ([one["id"] for one in second["items"]], second["next_cursor"]) == ([wanted], None)
    page = client.get("/tillflow/offline-sales/?file=wanted").text
    assert "None of the imports since number 11 is like that" in page
    assert '<a href="/tillflow/offline-sales/?before=11&amp;file=wanted" rel="next">Older</a>' in page
    assert "wanted.csv" in client.get("/tillflow/offline-sales/?file=wanted&before=11").text
