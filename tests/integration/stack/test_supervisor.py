"""No process may be left behind, whoever is killed. Everything here is counted in the process table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tillflow.settings import REPOSITORY
from tillflow.stack.errors import StackError
from tillflow.stack.processes import birth, marked
from tillflow.stack.running import clean_up, stop_stack, wait_until_running
from tillflow.stack.state import StackState, read_state
from tillflow.stack.supervisor import MARK

Wait = Callable[[Callable[[], bool]], None]
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the process table as Linux keeps it")


def environment(home: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(REPOSITORY / "include"), str(HERE)])
    return {**os.environ, "PYTHONPATH": paths, MARK: str(home)}


def alive(home: Path) -> list[psutil.Process]:
    """Everything that belongs to the stack in `home`, zombies aside."""
    return [process for process in marked(MARK, str(home)) if birth(process.pid)]


def start(home: Path, plan: str = "ordinary") -> subprocess.Popen[bytes]:
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tillflow.stack.guard", "--home", str(home), "--plan", f"fake_plan:{plan}"]
    return subprocess.Popen(
        command, env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )


def started(home: Path, plan: str = "ordinary") -> tuple[subprocess.Popen[bytes], StackState]:
    guard = start(home, plan)
    return guard, wait_until_running(home, guard)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose processes are counted, and killed, at the end."""
    home = tmp_path / "home of it"
    yield home
    left = alive(home)
    for process in left:
        process.kill()
    assert not left


def pid_of(home: Path, name: str) -> int:
    state = read_state(home)
    assert state is not None
    return next(record.pid for record in [*state.processes, *state.guards] if record.name == name)


def test_stopping_leaves_no_process_even_a_stubborn_one(home: Path, wait_for: Wait) -> None:
    guard, state = started(home)
    assert {record.name for record in state.processes} == {"first", "second"}
    wait_for(lambda: len(alive(home)) == 6)  # guard, supervisor, two parts, a child of each
    assert stop_stack(home)
    guard.wait(60)
    assert not alive(home)
    final = read_state(home)
    assert final is not None
    assert final.phase == "stopped"
    assert not stop_stack(home), "the second time there is nothing to stop"


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_killing_the_guard_or_the_supervisor_stops_everything(home: Path, wait_for: Wait, victim: str) -> None:
    guard, _ = started(home)
    wait_for(lambda: len(alive(home)) == 6)
    os.kill(pid_of(home, victim), signal.SIGKILL)
    guard.wait(60)
    wait_for(lambda: not alive(home))


def test_killing_both_leaves_nothing_that_down_does_not_find(home: Path, wait_for: Wait) -> None:
    guard, _ = started(home)
    wait_for(lambda: len(alive(home)) == 6)
    for victim in ("guard", "supervisor"):
        os.kill(pid_of(home, victim), signal.SIGKILL)
    guard.wait(60)
    stop_stack(home)
    assert not alive(home)


def test_a_part_that_is_killed_comes_back_without_its_orphans(home: Path, wait_for: Wait) -> None:
    guard, _ = started(home)
    wait_for(lambda: len(alive(home)) == 6)
    before = {process.pid for process in alive(home)}
    second = pid_of(home, "second")
    (orphan,) = psutil.Process(second).children()
    os.kill(second, signal.SIGKILL)
    wait_for(lambda: pid_of(home, "second") != second and len(alive(home)) == 6)
    assert not orphan.is_running()
    assert len(before & {process.pid for process in alive(home)}) == 4
    stop_stack(home)
    guard.wait(60)


def test_a_part_stands_back_with_all_that_it_starts(home: Path, wait_for: Wait) -> None:
    guard, _ = started(home, "one_stands_back")
    wait_for(lambda: len(alive(home)) == 6)
    ours = psutil.Process().nice()
    for name, nicer in (("front", 0), ("back", 3)):
        part = psutil.Process(pid_of(home, name))
        assert [one.nice() for one in (part, *part.children())] == [min(ours + nicer, 19)] * 2
    groups = Path("/proc/sys/kernel/sched_autogroup_enabled")
    if groups.exists() and groups.read_text().strip() == "1":
        assert Path(f"/proc/{pid_of(home, 'back')}/autogroup").read_text().endswith("nice 3\n")
    stop_stack(home)
    guard.wait(60)


def test_a_part_that_keeps_dying_is_given_up(home: Path, wait_for: Wait) -> None:
    guard, _ = started(home, "keeps_dying")

    def given_up() -> bool:
        state = read_state(home)
        return state is not None and "dying stopped 4 times" in state.message

    wait_for(given_up)
    stop_stack(home)
    guard.wait(60)


@pytest.mark.parametrize(
    ("plan", "said"),
    [("one_part_stops", "broken stopped: the reason"), ("disk_is_full", "the disk is full")],
)
def test_a_start_that_fails_says_why_in_one_line_and_stops_the_rest(home: Path, plan: str, said: str) -> None:
    guard = start(home, plan)
    with pytest.raises(StackError, match=said) as caught:
        wait_until_running(home, guard)
    assert "\n" not in str(caught.value)
    assert guard.wait(60) == 1
    assert not alive(home)


def test_a_start_can_be_stopped_half_way(home: Path, wait_for: Wait) -> None:
    guard = start(home, "never_healthy")
    wait_for(lambda: len(alive(home)) == 4)
    guard.send_signal(signal.SIGINT)
    guard.wait(60)
    assert not alive(home)


def test_a_stack_tied_to_its_owner_ends_with_it(home: Path, wait_for: Wait) -> None:
    owner = subprocess.Popen(
        [sys.executable, str(HERE / "fake_plan.py"), str(home)], env=environment(home), stdout=subprocess.DEVNULL
    )
    wait_for(lambda: len(alive(home)) == 7)
    owner.kill()
    owner.wait(60)
    wait_for(lambda: not alive(home))


def test_two_homes_run_side_by_side(home: Path, tmp_path: Path, wait_for: Wait) -> None:
    other = tmp_path / "another home"
    guard, _ = started(home)
    other_guard, _ = started(other, "polite_only")
    wait_for(lambda: len(alive(other)) == 3)
    stop_stack(home)
    guard.wait(60)
    assert len(alive(other)) == 3
    stop_stack(other)
    other_guard.wait(60)
    assert not alive(other)


def test_one_home_holds_one_stack(home: Path) -> None:
    guard, _ = started(home, "polite_only")
    second = start(home, "polite_only")
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert b"another start" in said
    assert len(alive(home)) == 3
    assert not clean_up(home), "a stack that is looked after is left alone"
    stop_stack(home)
    guard.wait(60)
