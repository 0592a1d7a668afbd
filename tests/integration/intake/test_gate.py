"""Great Expectations is a gate that can shut: it agrees with the judge, and breaking either one is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tests.strategies import PORTAL
from tillflow.codes import Kind
from tillflow.errors import FileRefusedError
from tillflow.intake import gate, judging, verdict_gate
from tillflow.intake.booking import book_import
from tillflow.intake.catalogue import Catalogue, Native, Rule
from tillflow.intake.gate import GateError
from tillflow.intake.judge import Judge
from tillflow.intake.verdict_gate import Evidence
from tillflow.samples.expected import Expected
from tillflow.samples.generate import offline_sales, sync_dump
from tillflow.samples.sample_file import SampleFile

Inbox = Any  # pytest gives it; the class stands in conftest.py
SYNC, OFFLINE = Kind.EQUIPMENT_SYNC, Kind.OFFLINE_SALES

DUMP = sync_dump(PORTAL, 21, 300, bad_share=0.5)
ORDERS = offline_sales(PORTAL, 21, 300, bad_share=0.5)
SAMPLES = {SYNC: DUMP, OFFLINE: ORDERS}


def take(inbox: Inbox, kind: Kind, sample: SampleFile) -> int:
    inbox.drop(kind, sample.content())
    return int(inbox.take(kind).import_id)


def book(inbox: Inbox, judge: Judge, import_id: int) -> None:
    it = inbox.importer
    book_import(it.conn, import_id, judge, storage=it.storage, settings=it.settings, clock=lambda: it.now)


def changed(judge: Judge, name: str, **change: Any) -> Judge:
    """The judge with one rule that is not what it was."""
    assert name in {rule.name for rule in judge.catalogue.rules}
    rules = tuple(replace(rule, **change) if rule.name == name else rule for rule in judge.catalogue.rules)
    return replace(judge, catalogue=Catalogue(rules))


def rows_with(expected: list[Expected], code: str) -> list[int]:
    return [row.row_no for row in expected if code in row.reasons]


def checks(inbox: Inbox, import_id: int) -> list[tuple[Any, ...]]:
    return inbox.conn.execute(  # type: ignore[no-any-return]
        "select suite, rule, expectation, success, evaluated, failed, failing_rows from intake.validation"
        " where import_id = %s order by suite, rule, expectation",
        [import_id],
    ).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [SYNC, OFFLINE])
def test_the_judge_and_great_expectations_name_the_same_rows_of_every_reason(inbox: Inbox, kind: Kind) -> None:
    sample, judge = SAMPLES[kind], inbox.importer.judge(kind)
    critical = {rule.code for rule in judge.catalogue.rules if rule.severity == "critical"}
    assert {code for row in sample.expected for code in row.reasons} == {
        rule.code for rule in judge.catalogue.rules
    } - critical
    import_id = take(inbox, kind, sample)
    book(inbox, judge, import_id)
    stored = checks(inbox, import_id)
    by_code: dict[str, set[int]] = {}
    code_of = {rule.name: rule.code for rule in judge.catalogue.rules}
    for suite, rule, _, success, evaluated, failed, rows in stored:
        if suite == "verdicts" and rule in code_of:
            assert (success, failed, evaluated) == (not rows, len(rows), 300)
            by_code.setdefault(code_of[rule], set()).update(rows)
    assert {code: sorted(rows) for code, rows in by_code.items() if rows} == {
        rule.code: rows_with(sample.expected, rule.code)
        for rule in judge.catalogue.rules
        if rows_with(sample.expected, rule.code)
    }
    table_checks = [(rule, success) for suite, rule, _, success, *_ in stored if rule not in code_of]
    assert table_checks == [("every_row_is_judged", True), ("row_is_judged_once", True)]
    native = {rule for suite, rule, *_ in stored if suite == "native"}
    assert native == {rule.name for rule in judge.catalogue.rules if rule.natives}
    assert inbox.importer.rows(import_id) == sample.expected  # warnings split the rows, they refuse nothing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "rule", "change"),
    [
        # the judge errs: it lets pass, or it condemns
        (SYNC, "malformed_row__txn_seq", {"predicate": "false"}),
        (SYNC, "malformed_row__result", {"predicate": "result is null or result = 'vend'"}),
        (OFFLINE, "bad_quantity__quantity", {"predicate": "quantity is null or quantity > 4"}),
        # Great Expectations errs
        (SYNC, "malformed_row__result", {"natives": (Native("in_set", "vend test free failed refund sold"),)}),
        (OFFLINE, "bad_quantity__quantity", {"natives": (Native("match", "[0-9]{1,2}"),)}),
    ],
)
def test_breaking_either_one_is_an_error_that_names_the_rule_and_rows(
    inbox: Inbox, kind: Kind, rule: str, change: dict[str, Any]
) -> None:
    import_id = take(inbox, kind, SAMPLES[kind])
    with pytest.raises(GateError, match=rf"disagree: .*{rule}: rows \[\d+"):
        book(inbox, changed(inbox.importer.judge(kind), rule, **change), import_id)
    assert inbox.booked_rows() == 0
    assert checks(inbox, import_id) == []


def frame_of(rows: list[int], **rules: list[int]) -> pd.DataFrame:
    in_error = [int(any(rules[name][place] for name in rules)) for place in range(len(rows))]
    return pd.DataFrame({"row_no": rows, "in_error": in_error} | rules)


@pytest.fixture
def a_rule(inbox: Inbox) -> Rule:
    return next(rule for rule in inbox.importer.judge(SYNC).catalogue.rules if rule.name == "malformed_row__result")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "broken"),
    [
        (lambda name: frame_of([2, 3, 4], **{name: [0, 0, 0]}), []),
        (lambda name: frame_of([2, 3], **{name: [0, 0]}), ["every_row_is_judged"]),
        (lambda name: frame_of([], **{name: []}), ["every_row_is_judged"]),
        (lambda name: frame_of([2, 3, 3], **{name: [0, 0, 0]}), ["row_is_judged_once"]),
    ],
    ids=["all rows", "a lost row", "an empty frame", "a row twice"],
)
def test_a_lost_row_or_an_empty_frame_cannot_pass(
    a_rule: Rule, frame: Callable[[str], pd.DataFrame], broken: list[str]
) -> None:
    rows = frame(a_rule.name)
    found = gate.check_verdicts([a_rule], rows, rows=3, max_row_errors=None)
    assert [check.rule for check in found if check.refuses_the_file] == broken


def evidence_of(numbers: list[int], reasons: list[int], **changed: Any) -> Evidence:
    masks = pa.table({"row_no": pa.array(numbers, pa.int32()), "reasons": pa.array(reasons, pa.int64())})
    return Evidence(masks, pd.DataFrame(), **({"rows": len(numbers), "max_row_errors": None} | changed))


@pytest.mark.slow
@pytest.mark.parametrize("limit", [None, 0, 2, 3])
def test_a_large_file_is_judged_in_slices_as_it_would_be_whole(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    judge = inbox.importer.judge(SYNC)
    evidence = evidence_of(list(range(2, 12)), [0, 1, 0, 0, 3, 0, 0, 0, 0, 4], max_row_errors=limit)
    whole = verdict_gate.merged(verdict_gate._verdict_checks(judge, evidence))
    monkeypatch.setattr(verdict_gate, "SLICE_ROWS", 3)
    assert verdict_gate.merged(verdict_gate._verdict_checks(judge, evidence)) == whole
    assert {check.rule for check in whole if check.refuses_the_file} == (
        {"too_many_row_errors"} if limit in {0, 2} else set()
    )


@pytest.mark.slow
def test_a_row_lost_or_repeated_between_slices_cannot_pass(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = inbox.importer.judge(SYNC)
    monkeypatch.setattr(verdict_gate, "SLICE_ROWS", 2)
    with pytest.raises(GateError, match="row 3 has two verdicts"):
        list(verdict_gate._verdict_checks(judge, evidence_of([2, 3, 3, 4], [0, 0, 0, 0])))
    found = verdict_gate.merged(verdict_gate._verdict_checks(judge, evidence_of([2, 3, 4, 5], [0] * 4, rows=5)))
    assert [check.rule for check in found if check.refuses_the_file] == ["every_row_is_judged"]


@pytest.mark.slow
def test_a_check_that_raises_is_an_error_and_no_pass(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    import_id = take(inbox, SYNC, DUMP)
    broken = changed(
        inbox.importer.judge(SYNC), "malformed_row__result", natives=(Native("match", "(unclosed"),)
    )  # fmt: skip
    with pytest.raises(GateError, match="could not be carried out"):
        book(inbox, broken, import_id)
    assert inbox.booked_rows() == 0


@pytest.mark.slow
def test_a_judge_that_loses_a_row_is_stopped(inbox: Inbox) -> None:
    import_id = take(inbox, SYNC, DUMP)
    judge = inbox.importer.judge(SYNC)
    query = judge.queries["create_judged"].rstrip().rstrip(";") + " where row_no <> 17"
    with pytest.raises(GateError, match="every_row_is_judged does not hold"):
        book(inbox, replace(judge, queries={**judge.queries, "create_judged": query}), import_id)
    assert inbox.booked_rows() == 0


@pytest.mark.slow
def test_what_is_stored_of_the_checks_holds_no_value_of_the_file(inbox: Inbox) -> None:
    sample = replace(ORDERS, rows=[dict(row) for row in ORDERS.rows[:20]])
    sample.rows[3]["LAST_NAME"] = "0secretvalue0"
    sample.rows[4]["QUANTITY"] = "secret17"
    import_id = take(inbox, OFFLINE, sample)
    book(inbox, inbox.importer.judge(OFFLINE), import_id)
    stored = inbox.conn.execute("select v::text from intake.validation as v").fetchall()
    assert len(stored) > 20
    assert not [text for (text,) in stored if "secret" in text]
    (rows,) = inbox.conn.execute(
        "select failing_rows from intake.validation where suite = 'verdicts' and rule = 'bad_last_name__last_name'"
    ).fetchone()
    assert 5 in rows


@pytest.mark.slow
def test_a_large_file_is_checked_natively_by_the_same_sample_on_every_run(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict_gate, "SAMPLE_ROWS", 50)
    frames: list[list[int]] = []
    original = gate.check_natively

    def remembered(rules: Any, frame: pd.DataFrame, *, has_all_rows: bool) -> Any:
        assert not has_all_rows
        frames.append(frame["row_no"].tolist())
        return original(rules, frame, has_all_rows=has_all_rows)

    monkeypatch.setattr(gate, "check_natively", remembered)
    import_id = take(inbox, SYNC, DUMP)
    judge = inbox.importer.judge(SYNC)
    with pytest.raises(Exception, match="no_such_column"):
        book(
            inbox,
            replace(judge, queries={**judge.queries, "sales": "select no_such_column, $import_id, $recorded_at"}),
            import_id,
        )
    book(inbox, judge, import_id)
    assert len(frames[0]) == 50
    assert frames[0] == frames[1]
    assert frames[0] != list(range(2, 52))
    assert inbox.importer.rows(import_id) == DUMP.expected


@pytest.mark.slow
def test_a_critical_rule_refuses_the_file_as_a_whole(inbox: Inbox) -> None:
    rows = [dict(row) for row in ORDERS.rows[:5]]
    rows[2]["ORDER_ID"] = "12A"
    import_id = take(inbox, OFFLINE, replace(ORDERS, rows=rows))
    with pytest.raises(FileRefusedError):
        book(inbox, inbox.importer.judge(OFFLINE), import_id)
    failed = [
        (rule, rows) for suite, rule, _, ok, _, _, rows in checks(inbox, import_id) if suite == "verdicts" and not ok
    ]
    assert ("order_id_not_integer__order_id", [4]) in failed
    assert inbox.conn.execute("select count(*) from books.sale").fetchone() == (0,)


@pytest.mark.slow
def test_a_judge_that_overlooks_repeated_keys_is_stopped(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    query = judging._ROWS["create_repeated"].replace("count(*) > 1", "count(*) > 1000")
    monkeypatch.setitem(judging._ROWS, "create_repeated", query)
    import_id = take(inbox, SYNC, DUMP)
    with pytest.raises(GateError, match="sync_conflict__txn_seq"):
        book(inbox, inbox.importer.judge(SYNC), import_id)
