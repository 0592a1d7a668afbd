"""The direction of imports, read from the source: a forbidden import fails here, not in review."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INCLUDE = REPOSITORY / "include"
PACKAGE = INCLUDE / "tillflow"

DOMAINS = {"portal", "offline_sales", "equipment_sync", "payments", "reconciliation", "invoicing"}
"""Folders of use cases. They meet in SQL and in `codes`; shared machinery is not a domain."""

MEETING_PLACE = "codes"
"""`tillflow.<domain>.codes`, like `tillflow.codes`, may be imported from anywhere."""

PURE = {"codes", "money", "pins", "errors"}
"""Top-level modules that import only the standard library and each other."""

EDGE = {"airflow_edge", "web"}
LONGEST_DAG_FILE = 110


@dataclass(frozen=True)
class Import:
    """One imported module: `path:line imports name`."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(REPOSITORY)}:{self.line} imports {self.name}"

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def module_name(path: Path) -> str:
    parts = list(path.relative_to(INCLUDE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(path).split(".")
                if path.name != "__init__.py":
                    package = package[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, *([base] if base else [])])
            for alias in node.names:  # `from tillflow import web` imports tillflow.web
                yield Import(path, node.lineno, f"{base}.{alias.name}")
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) in {"import_module", "__import__"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield Import(path, node.lineno, str(node.args[0].value))


def python_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts]


def area_of(path: Path) -> str:
    """The first folder (or module) below `tillflow`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


EVERY_IMPORT = [found for path in python_files(PACKAGE) for found in imports_of(path)]


def none_of(wrong: list[Import]) -> None:
    assert not wrong, "\n" + "\n".join(map(str, wrong))


def test_airflow_is_imported_only_at_the_edge() -> None:
    none_of([i for i in EVERY_IMPORT if i.top == "airflow" and area_of(i.path) not in EDGE])


def test_great_expectations_is_imported_in_one_module() -> None:
    users = {i.path for i in EVERY_IMPORT if i.top == "great_expectations"}
    assert len(users) <= 1, "\n".join(str(path.relative_to(REPOSITORY)) for path in sorted(users))


def test_pure_modules_import_the_standard_library_and_each_other() -> None:
    import sys

    allowed = {"tillflow." + name for name in PURE}
    none_of(
        [
            i
            for i in EVERY_IMPORT
            if area_of(i.path) in PURE
            and i.top not in sys.stdlib_module_names
            and not any(i.name == name or i.name.startswith(name + ".") for name in allowed)
        ]
    )


def test_a_domain_never_imports_another_domain() -> None:
    none_of(
        [
            i
            for i in EVERY_IMPORT
            for parts in [i.name.split(".")]
            if area_of(i.path) in DOMAINS
            and parts[0] == "tillflow"
            and len(parts) > 1
            and parts[1] in DOMAINS - {area_of(i.path)}
            and parts[2:3] != [MEETING_PLACE]
        ]
    )


def test_use_cases_know_nothing_of_pages_or_the_stack() -> None:
    outer = {"tillflow.web", "tillflow.airflow_edge", "tillflow.stack"}
    outermost = {"web", "airflow_edge", "stack", "__main__"}
    none_of(
        [
            i
            for i in EVERY_IMPORT
            if area_of(i.path) not in outermost
            and any(i.name == name or i.name.startswith(name + ".") for name in outer)
        ]
    )


def test_nothing_imports_dags_or_plugins() -> None:
    everything = EVERY_IMPORT + [
        found
        for folder in ("dags", "plugins")
        for path in python_files(REPOSITORY / folder)
        for found in imports_of(path)
    ]
    modules = {path.stem for folder in ("dags", "plugins") for path in python_files(REPOSITORY / folder)}
    none_of([i for i in everything if i.top in {"dags", "plugins", *modules}])


def test_plugins_only_register() -> None:
    allowed = {"tillflow", "airflow", "__future__"}
    none_of([i for path in python_files(REPOSITORY / "plugins") for i in imports_of(path) if i.top not in allowed])


@pytest.mark.parametrize("path", python_files(REPOSITORY / "dags"), ids=lambda path: path.stem)
def test_a_dag_file_is_a_table_of_contents(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_DAG_FILE
    assert ast.get_docstring(ast.parse(text)), "the docstring is the operator's manual (doc_md)"


def test_the_rules_can_fail(tmp_path: Path) -> None:
    """The reader finds imports wherever they hide; otherwise every rule above passes for nothing."""
    module = PACKAGE / "portal" / "made_up.py"  # never written: only its place matters
    source = tmp_path / "made_up.py"
    source.write_text(
        "from tillflow import web\n"
        "def f():\n    import airflow.sdk\n"
        "from importlib import import_module\n"
        "import_module('great_expectations')\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from tillflow.invoicing.prepare import prepare\n"
    )
    found = {i.name for i in imports_of(source)}
    assert {"tillflow.web", "airflow.sdk", "great_expectations", "tillflow.invoicing.prepare.prepare"} <= found
    assert area_of(module) == "portal"
