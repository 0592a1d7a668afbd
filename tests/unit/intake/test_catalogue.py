"""The rule catalogue: what a rules file must have, and what both of ours do have."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tillflow.equipment_sync.judge import CATALOGUE as SYNC
from tillflow.intake.catalogue import Catalogue, Severity, load_catalogue
from tillflow.offline_sales.judge import CATALOGUE as OFFLINE

PARTS = {
    "rule": "too_old",
    "column": "age",
    "severity": "warning",
    "title": "Too Old",
    "message": "the age is above 99",
    "action": "correct it",
}


def rules_file(folder: Path, *rules: dict[str, str], predicate: str = "age > 99") -> Path:
    path = folder / "rules.duckdb.sql"
    headers = ("".join(f"-- {name}: {value}\n" for name, value in rule.items()) for rule in rules)
    path.write_text("-- Rules of a test.\n\n" + "\n".join(f"{header}{predicate}\n" for header in headers))
    return path


def test_a_rule_is_read_whole(tmp_path: Path) -> None:
    (rule,) = load_catalogue(rules_file(tmp_path, PARTS, predicate="age > 99\nand not is_tree")).rules
    assert (rule.bit, rule.code, rule.column, rule.name) == (0, "too_old", "age", "too_old__age")
    assert (rule.severity, rule.over, rule.natives) == (Severity.WARNING, "facts", ())
    assert rule.predicate == "age > 99\nand not is_tree"


@pytest.mark.parametrize("part", [part for part in PARTS if part != "rule"])
def test_a_rule_without_a_part_is_refused_by_name(tmp_path: Path, part: str) -> None:
    incomplete = {name: value for name, value in PARTS.items() if name != part}
    with pytest.raises(ValueError, match=f"rule too_old: no {part}"):
        load_catalogue(rules_file(tmp_path, incomplete))


def test_an_unknown_severity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fatal"):
        load_catalogue(rules_file(tmp_path, PARTS | {"severity": "fatal"}))


def test_a_rule_stands_once_for_a_column(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stands twice"):
        load_catalogue(rules_file(tmp_path, PARTS, PARTS))


@pytest.mark.parametrize("catalogue", [SYNC, OFFLINE], ids=["equipment_sync", "offline_sales"])
class TestOurs:
    def test_every_rule_has_its_texts_and_a_predicate(self, catalogue: Catalogue) -> None:
        for rule in catalogue.rules:
            texts = (rule.code, rule.column, rule.title, rule.message, rule.action, rule.predicate)
            assert all(text.strip() for text in texts), rule.name
            assert rule.over in {"facts", "standing"}
            assert not rule.message.endswith(".")

    def test_names_are_unique_and_bits_fit_a_mask(self, catalogue: Catalogue) -> None:
        assert len({rule.name for rule in catalogue.rules}) == len(catalogue.rules)
        assert [rule.bit for rule in catalogue.rules] == list(range(len(catalogue.rules)))
        assert len(catalogue.rules) < 63

    def test_a_mask_has_the_bits_of_the_broken_rules(self, catalogue: Catalogue) -> None:
        (rule,) = (rule for rule in catalogue.rules if rule.over == "standing")
        for is_conflict, expected in (("true", 1 << rule.bit), ("false", 0), ("null", 0)):
            query = f"select {catalogue.mask('standing')} from (select {is_conflict}::boolean as is_conflict)"
            assert duckdb.execute(query).fetchone() == (expected,)

    def test_only_known_native_checks(self, catalogue: Catalogue) -> None:
        forms = {native.form for rule in catalogue.rules for native in rule.natives}
        assert forms <= {"not_null", "match", "in_set", "length", "unique"}


def test_the_codes_of_the_two_kinds() -> None:
    assert {rule.code for rule in SYNC.rules} == {
        "malformed_row", "unknown_equipment", "bad_timestamp", "unknown_product_selection", "unknown_user",
        "user_role_mismatch", "user_access_issue", "sync_conflict",
    }  # fmt: skip
    critical = {rule.code for rule in OFFLINE.rules if rule.severity is Severity.CRITICAL}
    assert critical == {"order_id_not_integer", "draw_no_invalid", "payment_type_unknown"}
    assert SYNC.critical_bits == 0
    assert OFFLINE.critical_bits == OFFLINE.bits(*critical) == 0b111
