"""The launcher's first words: which Python it takes, and one clear line when it cannot go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tillflow.settings import REPOSITORY


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The launcher and what `--help` needs, in a folder with a blank, without an environment."""
    clone = tmp_path / "a fresh clone"
    (clone / "include" / "tillflow" / "stack").mkdir(parents=True)
    for name in (
        "tillflow",
        "requirements.txt",
        "include/tillflow/__init__.py",
        "include/tillflow/__main__.py",
        "include/tillflow/errors.py",
        "include/tillflow/settings.py",
        "include/tillflow/stack/__init__.py",
        "include/tillflow/stack/errors.py",
    ):
        shutil.copy(REPOSITORY / name, clone / name)
    return clone


def launch(clone: Path, *arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone), "TILLFLOW_PYTHON": sys.executable, **environ}
    return subprocess.run(
        [str(clone / "tillflow"), *arguments],
        env={name: value for name, value in environment.items() if value},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def only_bash(tmp_path: Path) -> Path:
    """A PATH with the plain tools and no Python."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "sh", "dirname", "readlink", "mkdir", "cat", "cksum", "env", "rm", "sleep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return tools


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"], ["up", "--help"]])
def test_help_needs_no_environment(clone: Path, arguments: list[str]) -> None:
    result = launch(clone, *arguments)
    assert result.returncode == 0, result.stderr
    assert "usage: ./tillflow" in result.stdout
    assert len(result.stdout.splitlines()) < 30
    assert not (clone / ".tillflow").exists()


def test_another_folder_a_symbolic_link_and_a_hostile_environment_change_nothing(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "tillflow.py").write_text("raise SystemExit('the wrong module')")
    (tmp_path / "argparse.py").write_text("raise SystemExit('the wrong module')")
    link = tmp_path / "link"
    link.symlink_to(clone / "tillflow")
    environment = {
        "PATH": os.environ["PATH"],
        "TILLFLOW_PYTHON": sys.executable,
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": "/nowhere",
        "AIRFLOW_HOME": "/nowhere",
        "AIRFLOW__CORE__EXECUTOR": "Nonsense",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_TARGET": "/nowhere",
    }
    result = subprocess.run(
        [link, "--help"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "usage: ./tillflow" in result.stdout


def test_shims_that_do_not_run_are_passed_over(clone: Path, tmp_path: Path) -> None:
    tools = only_bash(tmp_path)
    program(tools / "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
    program(tools / "python3.13", "exit 127")
    (tools / "python3.12").symlink_to(sys.executable)
    result = launch(clone, "--help", PATH=str(tools), TILLFLOW_PYTHON="")
    assert result.returncode == 0, result.stderr


def test_only_unusable_pythons_are_one_line_that_names_them(clone: Path, tmp_path: Path) -> None:
    tools = only_bash(tmp_path)
    program(tools / "python3", "echo 'is Python 3.9.1'; exit 1")
    program(tools / "python", "exit 127")
    result = launch(clone, "status", PATH=str(tools), TILLFLOW_PYTHON="")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "tillflow: no usable Python: python3 is Python 3.9.1, python does not run; needed is Python 3.11, 3.12 or 3.13"
        " with its venv module (TILLFLOW_PYTHON names one)."
    ]


def test_no_python_at_all_is_one_line(clone: Path, tmp_path: Path) -> None:
    result = launch(clone, "status", PATH=str(only_bash(tmp_path)), TILLFLOW_PYTHON="")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "none found on PATH" in result.stderr


@pytest.mark.parametrize(("chosen", "said"), [("/bin/false", "does not run"), ("/nowhere/python", "is not there")])
def test_a_chosen_python_that_is_unusable_is_not_replaced_silently(clone: Path, chosen: str, said: str) -> None:
    result = launch(clone, "status", TILLFLOW_PYTHON=chosen)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"{chosen} {said}" in result.stderr


def test_a_home_that_cannot_be_written_is_one_line(clone: Path) -> None:
    (clone / "file").write_text("")
    result = launch(clone, "status", TILLFLOW_HOME=str(clone / "file" / "home"))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "cannot write to" in result.stderr
    assert "TILLFLOW_HOME" in result.stderr


def test_an_interrupted_installation_is_begun_again(clone: Path) -> None:
    """No network here: the second start must throw the half environment away, then fail to install."""
    venv = clone / ".tillflow" / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "half").write_text("")
    no_network = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    result = launch(clone, "status", **no_network)
    assert result.returncode == 1
    assert "installing failed" in result.stderr
    assert "install.log" in result.stderr
    assert not (venv / "half").exists()
    assert not (venv / ".complete").exists()


def test_a_ready_environment_is_used_at_once(clone: Path) -> None:
    """The stamp is the lock's checksum and the Python's version; with it nothing is installed."""
    venv = clone / ".tillflow" / "venv"
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin" / "python", f'exec "{sys.executable}" "$@"')
    version = ".".join(map(str, sys.version_info[:3]))
    checksum = subprocess.run(
        ["cksum"], stdin=(clone / "requirements.txt").open(), capture_output=True, text=True, check=True
    ).stdout.strip()
    (venv / ".complete").write_text(f"{checksum} {version}")
    result = launch(clone, "up", "--port", "none")
    assert result.returncode == 2
    assert "'none' is not a port" in result.stderr
    assert "environment" not in result.stderr
