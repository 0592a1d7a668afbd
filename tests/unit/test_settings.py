from __future__ import annotations

from pathlib import Path

import pytest

from tillflow.settings import REPOSITORY, Settings, SettingsError


def settings(**environ: str) -> Settings:
    return Settings.from_environment(environ)


def test_nothing_set_is_a_complete_configuration() -> None:
    plain = settings()
    assert plain.home == REPOSITORY / ".tillflow"
    assert plain.storage == str(plain.home / "storage")
    assert plain.temp_dir == plain.home / "tmp"
    assert plain.database_url == ""
    assert plain.zone == "UTC"
    assert plain.default_country == "AU"
    assert dict(plain.max_file_bytes) == {
        "offline_sales": 256 * 1024**2,
        "equipment_sync": 4096 * 1024**2,
        "portal_data": 256 * 1024**2,
    }
    assert plain.duckdb_memory_mb == 256
    assert 1 <= plain.duckdb_threads <= 4
    assert plain.task_niceness == 5
    assert plain.report_recipients == ("operations@tillflow.example",)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert settings(TILLFLOW_ZONE="", TILLFLOW_DUCKDB_MEMORY_MB=" ").zone == "UTC"


def test_the_home_moves_what_lies_below_it(tmp_path: Path) -> None:
    moved = settings(TILLFLOW_HOME=str(tmp_path))
    assert (moved.storage, moved.temp_dir) == (str(tmp_path / "storage"), tmp_path / "tmp")


def test_a_relative_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings(TILLFLOW_HOME="here").home == tmp_path / "here"
    assert settings(TILLFLOW_STORAGE="files").storage == str(tmp_path / "files")


def test_storage_may_be_an_object_store() -> None:
    assert settings(TILLFLOW_STORAGE="s3://bucket/till/").storage == "s3://bucket/till"


def test_several_report_recipients() -> None:
    assert settings(TILLFLOW_REPORT_TO="a@x.example, b@y.example").report_recipients == (
        "a@x.example",
        "b@y.example",
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TILLFLOW_ZONE", "Sydney"),
        ("TILLFLOW_ZONE", "../../etc/passwd"),
        ("TILLFLOW_COUNTRY", "au"),
        ("TILLFLOW_COUNTRY", "AUS"),
        ("TILLFLOW_DUCKDB_MEMORY_MB", "0"),
        ("TILLFLOW_DUCKDB_MEMORY_MB", "1_000"),
        ("TILLFLOW_DUCKDB_MEMORY_MB", "٣٨٤"),
        ("TILLFLOW_DUCKDB_THREADS", "-1"),
        ("TILLFLOW_TASK_NICENESS", "20"),
        ("TILLFLOW_MAX_OFFLINE_SALES_MB", "2.5"),
        ("TILLFLOW_MAX_EQUIPMENT_SYNC_MB", "0"),
        ("TILLFLOW_MAX_PORTAL_DATA_MB", "many"),
        ("TILLFLOW_STORAGE", "S3://no spaces/please"),
        ("TILLFLOW_MAIL_FROM", "nobody"),
        ("TILLFLOW_REPORT_TO", "a@x.example,nobody"),
        ("TILLFLOW_REPORT_TO", "a@x.example\nBcc: b@y.example"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{variable: value})
    assert variable in str(caught.value)
    assert "allowed:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/d", "postgresql://u:hunter2@h", "hunter2", "postgresql://[hunter2"]
)
def test_a_wrong_database_url_does_not_show_the_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(TILLFLOW_DATABASE_URL=url)
    assert "hunter2" not in str(caught.value)
    assert "TILLFLOW_DATABASE_URL" in str(caught.value)


def test_the_pin_secret_comes_from_the_variable() -> None:
    assert settings(TILLFLOW_PIN_SECRET="0123456789abcdef").pin_secret == b"0123456789abcdef"


def test_the_pin_secret_comes_from_the_stack_s_file(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pin_secret").write_text("fedcba9876543210\n")
    assert settings(TILLFLOW_HOME=str(tmp_path)).pin_secret == b"fedcba9876543210"


def test_no_pin_secret_is_an_error_only_when_it_is_needed(tmp_path: Path) -> None:
    without = settings(TILLFLOW_HOME=str(tmp_path))
    with pytest.raises(SettingsError, match="TILLFLOW_PIN_SECRET"):
        _ = without.pin_secret


def test_a_short_pin_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        _ = settings(TILLFLOW_PIN_SECRET="hunter2").pin_secret
    assert "hunter2" not in str(caught.value)


def test_the_pin_secret_is_not_printed_with_the_settings() -> None:
    assert "0123456789abcdef" not in repr(settings(TILLFLOW_PIN_SECRET="0123456789abcdef"))
