"""The command line: `./tillflow COMMAND`. Each command's body is imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn, cast

from tillflow.errors import TillflowError
from tillflow.settings import REPOSITORY, Settings, SettingsError
from tillflow.stack.errors import StackError, one_line

EPILOG = """\
TILLFLOW_HOME          where the stack keeps its state (default: .tillflow)
TILLFLOW_DATABASE_URL  a PostgreSQL >= 15 to use instead of the embedded one
TILLFLOW_STORAGE       folder or object-store URL of the inbox and the archive
TILLFLOW_PYTHON        the Python (3.11-3.13) to make the environment with
"""
KINDS = ("offline_sales", "equipment_sync", "portal_data")


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(
        prog="./tillflow",
        description="Sales from offline orders and machines, into one set of books.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")

    def command(name: str, module: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(module=module)
        return sub

    demo = command("demo", "tillflow.stack.demo", "start everything, run the sample files, show what happened")
    demo.add_argument("--keep", action="store_true", help="leave Airflow's pages up until Ctrl-C")
    up = command("up", "tillflow.stack.up", "start the stack with Airflow's UI and leave it running")
    up.add_argument("--port", type=_port, help="port of the UI (default: the last one, or 8080)")
    command("down", "tillflow.stack.down", "stop the stack")
    status = command("status", "tillflow.stack.status", "say what runs and where")
    status.add_argument("--json", action="store_true", help="for programs")
    _import_arguments(command("import", "tillflow.stack.import_file", "put a file through the same door as an upload"))
    command("migrate", "tillflow.stack.migrate", "bring the database to this version's schema")
    command("test", "", "run the tests; arguments go to pytest")
    command("bench", "", "run the benchmarks; arguments go to the benchmark")
    command("check", "tillflow.stack.check", "format, lint, types, SQL lint, layer rules")
    return root


def _import_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE")
    command.add_argument("--kind", required=True, choices=KINDS)
    command.add_argument("--channel", help="channel of an offline-sales file")
    command.add_argument("--as", dest="user", metavar="USER", help="who uploads it")
    command.add_argument("--preview", action="store_true", help="say what it would do; keep nothing")
    command.add_argument("--wait", action="store_true", help="until it is processed, with its balance")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1-65535)")
    return int(text)


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. Expected problems are one line, not a traceback."""
    try:
        if arguments[:1] == ["test"]:  # before argparse: pytest has its own options
            from tillflow.stack.run_tests import run

            run(arguments[1:])
        if arguments[:1] == ["bench"]:
            _bench(arguments[1:])
        options = parser().parse_args(arguments)
        Settings.from_environment()  # a wrong setting is said before anything starts
        run_command = cast("Callable[[argparse.Namespace], int | None]", import_module(options.module).run)
        return run_command(options) or 0
    except BrokenPipeError:  # `... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (StackError, SettingsError, TillflowError, OSError) as error:
        print(f"tillflow: {one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tillflow: interrupted", file=sys.stderr)
        return 130


def _bench(arguments: Sequence[str]) -> NoReturn:
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'include'}{os.pathsep}{REPOSITORY}"}
    environment.setdefault("MALLOC_ARENA_MAX", "2")  # both as in the stack and the image
    environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    command = [sys.executable, "-P", "-m", "bench", *arguments]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606 - replaces us, no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
