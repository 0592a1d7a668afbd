"""The rows that wait go out as a file, come back corrected, and stand for the old ones: nothing is counted twice."""

from __future__ import annotations

import csv
import io

import pytest

from tests.integration.offline_sales.conftest import COLUMNS, ORDERS, CallCentre
from tests.racing import at_once
from tillflow.codes import Tab
from tillflow.db.connection import Connection
from tillflow.intake.booking import Booked

Rows = list[dict[str, str]]


def exported(centre: CallCentre, import_id: int, person: str = "lottery_admin") -> Rows:
    text = b"".join(centre.desk(person).errors_csv(import_id)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def upload(centre: CallCentre, rows: Rows, **changed: str) -> Booked:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return centre.upload(text.getvalue().encode("utf-8-sig"), "orders.errors.csv", **changed)


def verdicts(centre: CallCentre, booked: Booked) -> list[str]:
    return [row.verdict for row in centre.importer.rows(booked.import_id)]


def test_it_has_the_columns_of_the_file_and_what_is_wrong(centre: CallCentre) -> None:
    booked = centre.take({}, {"ORDER_ID": "9002", "QUANTITY": "two", "TITLE": "Captain", "NOTE": "call back"})
    text = b"".join(centre.desk().errors_csv(booked.import_id)).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text))
    assert header == [*COLUMNS, "NOTE", "ROW", "ERROR_CODE", "ERROR_COLUMN", "ERROR_REASON", "IMPORT"]
    (row,) = (dict(zip(header, row, strict=True)) for row in rows)
    assert (row["ORDER_ID"], row["QUANTITY"], row["TITLE"]) == ("9002", "two", "Captain")
    assert (row["ROW"], row["IMPORT"]) == ("3", str(booked.import_id))
    assert row["ERROR_CODE"] == "bad_title; bad_quantity"
    assert row["ERROR_COLUMN"] == "TITLE; QUANTITY"
    assert row["ERROR_REASON"].count("; ") == 1


def test_a_formula_is_text_and_comes_back_as_it_was(centre: CallCentre) -> None:
    booked = centre.take({"PHONE": "+61 2 5550 0101", "LAST_NAME": "=HYPERLINK(1)"})
    (row,) = exported(centre, booked.import_id)
    assert (row["PHONE"], row["LAST_NAME"]) == ("'+61 2 5550 0101", "'=HYPERLINK(1)")
    again = upload(centre, [row | {"LAST_NAME": "Nguyen"}])
    assert verdicts(centre, again) == ["sale"]
    assert centre.conn.execute("select phone from books.offline_sale").fetchone() == ("+61 2 5550 0101",)


def test_a_card_token_has_to_be_given_again(centre: CallCentre) -> None:
    booked = centre.take({"PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok_secret", "QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    assert row["CARD_TOKEN"] == ""
    without = upload(centre, [row | {"QUANTITY": "1"}])
    assert [set(one.reasons) for one in centre.importer.rows(without.import_id)] == [{"missing_card_token"}]
    (row,) = exported(centre, without.import_id)
    again = upload(centre, [row | {"CARD_TOKEN": "tok_ok"}])
    assert [(one.verdict, set(one.reasons)) for one in centre.importer.rows(again.import_id)] == [("sale", set())]


def test_corrected_rows_stand_for_the_old_ones(centre: CallCentre) -> None:
    cheque = {"PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "17"}
    parent = centre.take(cheque, {"ORDER_ID": "9002", "QUANTITY": "two"}, {"ORDER_ID": "9003", "TITLE": "Captain"})
    before = centre.balance(parent.import_id)
    rows = exported(centre, parent.import_id)
    child = upload(centre, [rows[0] | {"QUANTITY": "2", "AMOUNT": "10.00"}, rows[1]])
    assert verdicts(centre, child) == ["sale", "exception"]
    assert centre.balance(parent.import_id) == before  # its rows stay what they were
    for row_no in (3, 4):
        row = centre.row(f"{parent.import_id}-{row_no}")
        assert (row.exception_state, row.tab) == ("superseded", Tab.ABANDONED)
        assert row.superseded_by == f"{child.import_id}-{row_no - 1}"
        assert centre.history(row.transaction)[-1][:2] == ("test", "superseded")
    linked = "select parent_id from intake.import where id = %s"
    assert centre.conn.execute(linked, [child.import_id]).fetchone() == (parent.import_id,)
    assert exported(centre, parent.import_id) == []
    status = "select status from intake.import_status where import_id = %s"
    assert centre.conn.execute(status, [parent.import_id]).fetchone() == ("completed",)
    # every order waits or is sold once
    assert centre.conn.execute("select count(*) from books.exception where state = 'open'").fetchone() == (1,)
    assert centre.conn.execute("select seq from books.offline_sale order by seq").fetchall() == [(9001,), (9002,)]


def test_a_correction_that_still_waits_is_resolved(centre: CallCentre) -> None:
    """The row that it stands for has the same number, and is not in its way."""
    parent = centre.take({"QUANTITY": "two", "TITLE": "Captain"})
    child = upload(centre, [exported(centre, parent.import_id)[0] | {"QUANTITY": "1"}])
    assert centre.desk().resolve(f"{child.import_id}-2", {"title": "Dr"}).is_sale


def test_the_same_rows_without_their_origin_are_conflicts_as_ever(centre: CallCentre) -> None:
    booked = centre.take({"QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    bare = {name: value for name, value in row.items() if name in COLUMNS}
    again = upload(centre, [bare | {"QUANTITY": "1"}])
    assert [set(one.reasons) for one in centre.importer.rows(again.import_id)] == [{"order_conflict"}]
    assert centre.row(f"{booked.import_id}-2").exception_state == "open"


@pytest.mark.parametrize("origin", [{"ROW": "77"}, {"IMPORT": "99"}, {"ROW": "x"}, {"IMPORT": "99999999999"}])
def test_a_row_that_names_no_waiting_row_corrects_none(centre: CallCentre, origin: dict[str, str]) -> None:
    booked = centre.take({"QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    again = upload(centre, [row | {"QUANTITY": "1"} | origin])
    assert verdicts(centre, again) == ["exception"]
    assert centre.row(f"{booked.import_id}-2").exception_state == "open"


def test_another_channels_row_is_not_corrected(centre: CallCentre) -> None:
    booked = centre.take({"QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    other = upload(centre, [row | {"QUANTITY": "1"}], channel="club-stall")
    assert verdicts(centre, other) == ["sale"]  # an order of its own, in a channel of its own
    assert centre.row(f"{booked.import_id}-2").exception_state == "open"


def test_who_may_not_resolve_corrects_nothing_by_uploading(centre: CallCentre) -> None:
    booked = centre.take({"QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    by_uploader = upload(centre, [row | {"QUANTITY": "1"}], uploader="uploader")
    assert [set(one.reasons) for one in centre.importer.rows(by_uploader.import_id)] == [{"order_conflict"}]
    assert centre.row(f"{booked.import_id}-2").exception_state == "open"


def test_who_may_resolve_corrects_by_uploading(centre: CallCentre) -> None:
    booked = centre.take({"QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    assert verdicts(centre, upload(centre, [row | {"QUANTITY": "1"}], uploader="lottery_admin")) == ["sale"]
    assert centre.row(f"{booked.import_id}-2").exception_state == "superseded"


def test_a_row_that_was_resolved_meanwhile_is_not_sold_again(centre: CallCentre) -> None:
    booked = centre.take({"QUANTITY": "two"})
    (row,) = exported(centre, booked.import_id)
    assert centre.desk().resolve(f"{booked.import_id}-2", {"quantity": "1"}).is_sale
    assert verdicts(centre, upload(centre, [row | {"QUANTITY": "1"}])) == ["duplicate"]


def test_a_conflict_is_corrected_by_its_own_number(centre: CallCentre) -> None:
    centre.take({})
    conflict = centre.take({"QUANTITY": "2", "AMOUNT": "10.00"})
    (row,) = exported(centre, conflict.import_id)
    assert verdicts(centre, upload(centre, [row | {"ORDER_ID": "9002"}])) == ["sale"]
    assert centre.row(f"{conflict.import_id}-2").exception_state == "superseded"


def test_two_files_that_correct_one_row_at_once_sell_it_once(centre: CallCentre, database: str) -> None:
    booked = centre.take({"QUANTITY": "two"}, {"ORDER_ID": "9999"})
    (row,) = exported(centre, booked.import_id)
    names = iter(["Ada", "Bea"])

    def correct(conn: Connection) -> int:
        other = CallCentre(conn, type(centre.importer)(conn, centre.importer.home, centre.now))
        return upload(other, [row | {"QUANTITY": "1", "FIRST_NAME": next(names)}]).import_id

    children = at_once(database, correct)
    found = sorted(one.verdict for child in children for one in centre.importer.rows(child))
    assert found == ["exception", "sale"]
    assert centre.row(f"{booked.import_id}-2").exception_state == "superseded"


def test_the_whole_sample_goes_round(centre: CallCentre) -> None:
    """What waits of the sample file waits again as it was when it is sent back without a change."""
    booked = centre.upload(ORDERS.encode())
    rows = exported(centre, booked.import_id)
    again = upload(centre, rows)
    old = [row for row in centre.importer.rows(booked.import_id) if row.verdict == "exception"]
    new = centre.importer.rows(again.import_id)
    token = frozenset({"card_token_not_allowed"})  # the token was blanked
    assert [row.reasons for row in new] == [row.reasons if row.reasons != token else frozenset() for row in old]
    assert {row.exception_state for row in centre.desk().list_rows(booked.import_id) if row.exception_id} == {
        "superseded"
    }
