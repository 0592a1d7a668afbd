"""What the benchmark says of its figures, whatever they are."""

from __future__ import annotations

from bench.case import Figures
from bench.report import best_of
from bench.targets import targets


def figures(seconds: float, peak_mb: float = 100, gate: float = 0.0, *, capped: bool = False) -> Figures:
    steps = {"gate": gate / 2, "cpu of the gate": gate / 2, "cpu": seconds}
    return Figures(seconds, steps, peak_mb=peak_mb, process_seconds=seconds + 3, capped=capped)


def met(best: dict[int, dict[str, Figures]]) -> dict[str, bool | None]:
    return {target.name: target.is_met for target in targets(best)}


def test_every_target_is_met() -> None:
    best = {
        1_000_000: {"floor": figures(1.0), "ours": figures(8.0, 1024, gate=1.6), "pandas": figures(20.0)},
        5_000_000: {"floor": figures(5.0), "ours": figures(40.0), "pandas": figures(100.0)},
    }
    assert all(met(best).values())
    assert len(met(best)) == 9


def test_targets_that_are_missed_by_a_little() -> None:
    best = {
        1_000_000: {"floor": figures(2.5), "ours": figures(20.2, 1025, gate=4.2), "pandas": figures(50.0)},
        5_000_000: {"ours": figures(117.0)},
    }
    missed = [name for name, is_met in met(best).items() if not is_met]
    assert missed == [
        "1,000,000 rows: import <= 8 x floor",
        "1,000,000 rows: >= 2.5 x faster than pandas doing the same work",
        "1,000,000 rows: peak <= 1024 MB",
        "1,000,000 rows: Great Expectations <= 20%",
        "1,000,000 to 5,000,000 rows: time per row <= 115%",
    ]


def test_in_a_small_file_the_ratio_to_the_floor_is_information_and_nothing_else() -> None:
    best = {
        100_000: {"floor": figures(0.1), "ours": figures(2.01, 1025, gate=0.5), "pandas": figures(2.0)},
        1_000_000: {"ours": figures(30.0)},
    }
    assert {name: is_met for name, is_met in met(best).items() if name.startswith("100,000")} == {
        "100,000 rows: import <= 8 x floor": None,
        "100,000 rows: >= 2.5 x faster than pandas doing the same work": False,
        "100,000 rows: peak <= 1024 MB": False,
        "100,000 rows: Great Expectations <= 20%": False,
        "100,000 rows: <= 2 s": False,
        "100,000 to 1,000,000 rows: time per row <= 115%": False,
    }


def test_a_peer_that_is_spared_work_is_shown_beside_the_one_that_is_not() -> None:
    pandas = figures(20.0)
    pandas.spared_seconds = 12.0
    best = {1_000_000: {"ours": figures(8.0), "pandas": pandas}}
    found = [(target.found, target.is_met) for target in targets(best) if "pandas" in target.name]
    assert found == [("2.5 x", True), ("1.5 x", None)]


def test_a_capped_peer_proves_nothing() -> None:
    best = {1_000_000: {"ours": figures(6.0), "pandas": figures(180.0, capped=True)}}
    assert not any("pandas" in name for name in met(best))


def test_without_the_import_there_are_no_targets() -> None:
    assert met({100_000: {"floor": figures(0.1)}}) == {}


def test_the_best_round_counts_and_a_capped_one_never_does() -> None:
    rounds = {100_000: {"floor": [figures(0.2), figures(0.1)], "dlt": [figures(9, capped=True), figures(20)], "gx": []}}
    best = best_of(rounds)[100_000]
    assert (best["floor"].seconds, best["dlt"].seconds, "gx" in best) == (0.1, 20, False)
