"""Offline sales by clicking: hand a file in, see what is wrong with it, watch an import."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import Any

import pytest
from httpx import Response

from tests.web.conftest import Site
from tests.web.situations import HEADER, a_validated_import, add_import, order_file, sampled
from tillflow.web import dag_runs

IMPORT = "/tillflow/offline-sales/import/"


def send(site: Site, person: str = "uploader", **form: Any) -> Response:
    file = form.pop("file", None) or order_file()()["file"]
    return site.as_(person).post(IMPORT, data={"channel": "call-centre"} | form, files={"file": file})


def imports_kept(site: Site) -> int:
    (count,) = site.conn.execute("select count(*) from intake.import").fetchone()  # type: ignore[misc]
    return int(count)


def words(response: Response) -> str:
    """What a person reads of a page, on one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.text)))


def test_a_file_that_is_taken_in_leads_to_its_page_which_says_so_once(site: Site) -> None:
    client = site.as_("uploader")
    taken = client.post(IMPORT, data={"channel": "call-centre"}, files=order_file()())
    assert taken.status_code == 303
    assert re.fullmatch(r"/tillflow/offline-sales/\d+/", taken.headers["location"])
    page = client.get(taken.headers["location"])
    assert "was taken in with 1 row; they are being processed." in words(page)
    assert 'hx-get="/tillflow' in page.text
    assert "was taken in" not in client.get(taken.headers["location"]).text


def test_a_preview_shows_the_balance_and_keeps_nothing(site: Site) -> None:
    told = send(site, action="preview", file=("<i>orders</i>.csv", order_file()()["file"][1], "text/csv"))
    assert told.status_code == 200
    assert "Importing <i>orders</i>.csv would do this" in words(told)
    assert "<i>" not in told.text
    assert "Rows read Sales Exceptions" in words(told)
    assert imports_kept(site) == 0


def test_every_error_of_a_file_is_on_the_page_with_what_to_do(site: Site) -> None:
    refused = send(site, file=("bad.csv", HEADER.replace("LOTTERY,", "").replace(",EMAIL", "").encode(), "text/csv"))
    assert refused.status_code == 422
    said = words(refused)
    assert "bad.csv was refused Nothing of it was booked. It has 2 errors: 2 × missing_header ." in said
    assert said.count("correct the header") == 2
    assert 'role="alert"' in refused.text


def test_ten_thousand_errors_make_no_giant_page_and_all_of_them_can_be_read(site: Site) -> None:
    row = "1,2,3"  # ragged
    refused = send(site, file=("many.csv", "\n".join([HEADER, *[row] * 5000]).encode(), "text/csv"))
    assert refused.status_code == 422
    assert len(refused.content) < 150_000
    total = int(re.search(r"It has (\d+) errors", words(refused)).group(1))  # type: ignore[union-attr]
    assert f"The first 200 of {total} errors" in words(refused)
    address = re.search(r'href="(/tillflow/offline-sales/\d+/)">All', refused.text).group(1)  # type: ignore[union-attr]
    client, read = site.as_("uploader"), 0
    for _ in range(total // 100 + 1):
        page = client.get(address)
        assert len(page.content) < 150_000
        read += page.text.count('class="code quiet"')
        following = re.search(r'href="([^"]*)" rel="next"', page.text)
        if following is None:
            break
        address = html.unescape(following.group(1))
    assert read == total


def test_the_same_file_again_leads_to_the_first_import(site: Site) -> None:
    file = order_file()()["file"]
    first = send(site, file=file).headers["location"]
    again = send(site, file=file)
    assert again.status_code == 409
    assert f'href="{first}"' in again.text


def test_a_form_without_a_file_or_with_a_wrong_name_says_so_on_the_page(site: Site) -> None:
    empty = send(site, file=("", b"", "text/csv"))
    assert (empty.status_code, "there is no file in the form" in words(empty)) == (422, True)
    odd = send(site, file=("orders.exe", b"x", "text/csv"))
    assert (odd.status_code, ".exe" in words(odd), "<form" in odd.text) == (422, True, True)
    site.limit_files(10)
    assert send(site).status_code == 413


def test_a_run_that_cannot_be_started_is_a_warning(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise dag_runs.DagNotFound

    monkeypatch.setattr(dag_runs, "trigger_dag", refuse)
    client = site.as_("uploader")
    taken = client.post(IMPORT, data={"channel": "call-centre"}, files=order_file()())
    assert "the daily run will process them" in words(client.get(taken.headers["location"]))


def test_the_channel_is_chosen_only_where_there_are_several(site: Site) -> None:
    assert "<select" not in site.as_("uploader").get(IMPORT).text
    site.grant("uploader", "offline_sales_upload", "club-stall")
    both = site.as_("uploader").get(IMPORT + "?channel=club-stall").text
    assert '<option value="club-stall" selected>Club stall</option>' in both
    assert 'value="call-centre"' in both


def test_the_page_of_an_import_shows_its_header_and_every_tab(site: Site) -> None:
    number = add_import(site.conn, "call-centre", "ours.csv")
    said = words(site.as_("lottery_admin").get(f"/tillflow/offline-sales/{number}/"))
    for word in ("Channel call-centre", "Uploaded by ann", "Total value", "Cash", "Card", "Cheque", "Money order"):
        assert word in said
    for tab in ("Processing 0", "Requires action 0", "Funds pending approval 0", "Successful 0", "Abandoned 0"):
        assert tab in said
    assert "Australia/Sydney" in said


def test_the_moving_part_asks_for_the_whole_page_once_the_rows_are_known_and_once_all_is_at_rest(site: Site) -> None:
    sampled(site)
    (moving,) = site.conn.execute("select id from intake.import where kind = 'offline_sales'").fetchone()  # type: ignore[misc]
    resting = add_import(site.conn, "call-centre", "ours.csv")

    def asks(number: int, booked: str) -> bool:
        answer = site.as_("uploader").get(f"/tillflow/offline-sales/{number}/progress/?booked={booked}")
        assert "<html" not in answer.text
        assert ("hx-trigger" in answer.text) == (number == moving)
        return answer.headers.get("hx-refresh") == "true"

    assert asks(moving, "false")
    assert not asks(moving, "true")
    assert asks(resting, "true")


def test_imports_are_filtered_by_status_channel_uploader_and_name(site: Site) -> None:
    add_import(site.conn, "call-centre", "first.csv")
    add_import(site.conn, "club-stall", "Second.csv")
    client = site.as_("auditor")

    def files(query: str) -> set[str]:
        return set(re.findall(r"<td>(\w+\.csv)</td>", client.get(f"/tillflow/offline-sales/?{query}").text))

    assert files("channel=club-stall") == {"Second.csv"}
    assert files("file=SECOND") == {"Second.csv"}
    assert files("uploader=ann") == {"first.csv", "Second.csv"}
    assert files("uploader=bob") == set()
    assert files("status=completed") == {"first.csv", "Second.csv"}
    assert files("status=rejected") == set()
    assert files("status=nonsense") == {"first.csv", "Second.csv"}


def test_a_pager_keeps_the_filters(site: Site) -> None:
    for _ in range(51):
        add_import(site.conn, "call-centre", "a.csv")
    page = site.as_("auditor").get("/tillflow/offline-sales/?uploader=ann&file=a.c").text
    following = re.search(r'href="([^"]*)" rel="next"', page)
    assert following is not None
    assert html.unescape(following.group(1)) == "/tillflow/offline-sales/?before=2&uploader=ann&file=a.c"


def test_who_may_not_upload_is_offered_no_upload(site: Site) -> None:
    assert "Import a file" not in site.as_("auditor").get("/tillflow/offline-sales/").text
    assert "Import a file" in site.as_("uploader").get("/tillflow/offline-sales/").text


def test_the_validation_page_is_shut_in(site: Site) -> None:
    number = a_validated_import(site)["import_id"]
    page = site.as_("uploader").get(f"/tillflow/imports/{number}/validation/")
    policy = page.headers["content-security-policy"]
    style = base64.b64encode(hashlib.sha256(b"p { color: red }").digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{style}'" in policy
    assert policy.endswith("; sandbox")
    assert "unsafe" not in policy
    assert site.as_("uploader").get("/tillflow/imports/999/validation/").status_code == 404
