"""The operator's page says what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tillflow import settings
from tillflow.codes import PaymentState, RefundState
from tillflow.intake.refused import _sealed
from tillflow.payment_desk import Decision
from tillflow.settings import REPOSITORY, Settings

PAGE = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Settings") : PAGE.index("## Backups")]
ROWS = dict(re.findall(r"^\| `(TILLFLOW_\w+)` \| .* \| (.*) \|$", SECTION, re.MULTILINE))


def test_every_setting_stands_on_the_page() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    assert set(ROWS) == set(re.findall(r"\bTILLFLOW_[A-Z_]*[A-Z]\b(?!_)", source))


def test_the_defaults_are_those_of_the_code() -> None:
    found = Settings.from_environment({})
    assert ROWS["TILLFLOW_HOME"] == f"`{found.home.relative_to(REPOSITORY)}`"
    assert ROWS["TILLFLOW_STORAGE"] == f"`<home>/{Path(found.storage).relative_to(found.home)}`"
    assert ROWS["TILLFLOW_TEMP_DIR"] == f"`<home>/{found.temp_dir.relative_to(found.home)}`"
    assert not found.database_url
    plain = {
        "TILLFLOW_ZONE": found.zone,
        "TILLFLOW_COUNTRY": found.default_country,
        "TILLFLOW_DUCKDB_MEMORY_MB": found.duckdb_memory_mb,
        "TILLFLOW_PAYMENT_RETRIES": found.payment_retries,
        "TILLFLOW_PAYMENT_RETRY_SECONDS": found.payment_retry_seconds,
        "TILLFLOW_PAYMENT_CONCURRENCY": found.payment_concurrency,
        "TILLFLOW_CARD_DECLINES_PER_MONTH": found.card_declines_per_month,
        "TILLFLOW_REPORT_TO": ",".join(found.report_recipients),
        "TILLFLOW_MAIL_FROM": found.mail_from,
    } | {f"TILLFLOW_MAX_{kind.upper()}_MB": size >> 20 for kind, size in found.max_file_bytes.items()}
    assert {name: ROWS[name] for name in plain} == {name: f"`{value}`" for name, value in plain.items()}


def test_every_state_of_a_payment_and_every_decision_is_explained() -> None:
    payments = PAGE[PAGE.index("## Payments") : PAGE.index("## Who may hand in what")]
    for word in [*PaymentState, *RefundState, *Decision]:
        assert f"`{word.value}`" in payments, word
    dag = (REPOSITORY / "dags" / "decide_payment.py").read_text(encoding="utf-8")
    for decision in Decision:
        assert decision.value in dag, decision


def test_the_settings_say_which_variable_each_field_is() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    for name in Settings.__dataclass_fields__:
        if not name.startswith("_"):
            assert re.search(rf'^    {name}: .*\n    """[^"]*TILLFLOW_', source, re.MULTILINE), name


def test_a_sealed_file_is_opened_by_the_commands_on_the_page(tmp_path: Path) -> None:
    secret, content = "a secret of the tests, long enough", b"equipment,pin\nVM-17,9421\n" * 3
    (tmp_path / "12-dump.csv.sealed").write_bytes(b"".join(_sealed([content[:20], content[20:]], secret.encode())))
    (script,) = re.findall(r"```bash\n(umask.*?)```", PAGE, re.DOTALL)
    script = script.replace(".tillflow/venv/bin/python", sys.executable)
    script = script.replace("PYTHONPATH=include", f"PYTHONPATH={REPOSITORY / 'include'}")
    environment = {**os.environ, "TILLFLOW_PIN_SECRET": secret}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, check=True, timeout=60)
    opened = tmp_path / "dump.csv"
    assert opened.read_bytes() == content
    assert opened.stat().st_mode & 0o777 == 0o600


PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))  # patterns look like links
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text)):
        if target.startswith(("http:", "https:")):
            continue
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, anchor


def test_every_command_in_the_readme_is_one_and_its_samples_are_there() -> None:
    from tillflow.__main__ import parser

    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\./tillflow (.*?)(?:\s*#.*)?$", page, re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        options = parser().parse_args(command.split())
        if "samples" in getattr(options, "file", ""):
            assert (REPOSITORY / options.file).is_file()
