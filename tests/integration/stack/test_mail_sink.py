from __future__ import annotations

import email
import email.policy
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tillflow.stack.components import accepts_connections, base_environment
from tillflow.stack.ports import free_port


@pytest.fixture
def sink(tmp_path: Path, wait_for: Callable[[Callable[[], bool]], None]) -> Iterator[tuple[int, Path]]:
    port, folder = free_port(), tmp_path / "mail"
    command = [sys.executable, "-P", "-m", "tillflow.stack.mail_sink", "--port", str(port), "--dir", str(folder)]
    process = subprocess.Popen(command, env=base_environment({}))
    try:
        wait_for(lambda: accepts_connections(port))
        yield port, folder
    finally:
        process.terminate()
        assert process.wait(60) == 0


def message(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "till@tillflow.example", "ops@tillflow.example", subject
    mail.set_content("Attempted 3\nReconciled 2\nFailed 1\n.\nafter the dot\n")
    mail.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="report.csv")
    return mail


def test_a_message_becomes_a_file_with_its_attachment(sink: tuple[int, Path]) -> None:
    port, folder = sink
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message("Überblick"), to_addrs=["ops@tillflow.example", "hidden@tillflow.example"])
    (file,) = folder.iterdir()
    assert file.suffix == ".eml"
    parsed = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert parsed["Subject"] == "Überblick"
    assert parsed["X-Envelope-To"] == "ops@tillflow.example, hidden@tillflow.example"
    (attachment,) = parsed.iter_attachments()
    assert attachment.get_filename() == "report.csv"
    body = parsed.get_body()
    assert body is not None
    assert "after the dot" in body.get_content()


def test_many_messages_in_one_second_are_as_many_files(sink: tuple[int, Path]) -> None:
    port, folder = sink
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(25):
            client.send_message(message(f"number {number}"))
    assert len(list(folder.glob("*.eml"))) == 25
    assert not list(folder.glob("*.part"))


def test_a_folder_that_cannot_be_written_keeps_the_mail_with_the_sender(sink: tuple[int, Path]) -> None:
    port, folder = sink
    folder.rmdir()
    with smtplib.SMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.send_message(message("lost?"))
    assert refused.value.smtp_code == 452
