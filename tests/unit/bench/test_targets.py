"""What the benchmark says of its figures, whatever they are."""

from __future__ import annotations

from bench.case import Figures
from bench.report import best_of
from bench.targets import targets


def figures(seconds: float, peak_mb: float = 100, gate: float = 0.0, *, capped: bool = False) -> Figures:
    steps = {"gate": gate / 2, "cpu of the gate": gate / 2, "cpu": seconds}
    return Figures(seconds, steps, peak_mb=peak_mb, process_seconds=seconds + 3, capped=capped)


def met(best: dict[int, dict[str, Figures]]) -> dict[str, bool]:
    return {target.name: target.is_met for target in targets(best)}


def test_every_target_is_met() -> None:
    best = {
        100_000: {"floor": figures(0.1), "ours": figures(0.8, gate=0.16), "pandas": figures(2.0)},
        1_000_000: {"floor": figures(1.0), "ours": figures(6.0, 1024), "pandas": figures(15.0)},
    }
    assert all(met(best).values())
    assert len(met(best)) == 10


def test_targets_that_are_missed_by_a_little() -> None:
    best = {
        100_000: {"floor": figures(0.25), "ours": figures(2.01, 1025, gate=0.41), "pandas": figures(5.0)},
        1_000_000: {"ours": figures(23.2)},
    }
    missed = [name for name, is_met in met(best).items() if not is_met]
    assert missed == [
        "100,000 rows: import <= 8 x floor",
        "100,000 rows: >= 2.5 x faster than pandas",
        "100,000 rows: peak <= 1024 MB",
        "100,000 rows: Great Expectations <= 20%",
        "100,000 rows: <= 2 s",
        "100,000 to 1,000,000 rows: time per row <= 115%",
    ]


def test_a_capped_peer_proves_nothing() -> None:
    best = {1_000_000: {"ours": figures(6.0), "pandas": figures(180.0, capped=True)}}
    assert not any("pandas" in name for name in met(best))


def test_without_the_import_there_are_no_targets() -> None:
    assert met({100_000: {"floor": figures(0.1)}}) == {}


def test_the_best_round_counts_and_a_capped_one_never_does() -> None:
    rounds = {100_000: {"floor": [figures(0.2), figures(0.1)], "dlt": [figures(9, capped=True), figures(20)], "gx": []}}
    best = best_of(rounds)[100_000]
    assert (best["floor"].seconds, best["dlt"].seconds, "gx" in best) == (0.1, 20, False)
