"""The outbox: what is queued is sent once, whoever sends, crashes or runs twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from psycopg import Rollback

from tillflow.airflow_edge.mail import deliver_with, smtp_hook
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.mail import (
    Attachment,
    Mail,
    Outgoing,
    SendResult,
    queue_mail,
    resend_failed,
    send_due,
)
from tillflow.mail.delivery import DeliveryError, RefusedError
from tillflow.mail.schedule import WAITS
from tillflow.mail.send import LEASE

from .conftest import NOW, Carried, MailServer

MakeMail = Callable[..., Mail]


class Crash(BaseException):
    """The worker is killed."""


def test_a_topic_is_queued_once(conn: Connection, a_mail: MakeMail, carried: Carried) -> None:
    with_file = a_mail("first", attachments=(Attachment("a.csv", "text/csv", b"1"),))
    assert queue_mail(conn, with_file, topic="import:1", now=NOW)
    assert not queue_mail(conn, a_mail("second"), topic="import:1", now=NOW)
    assert send_due(conn, carried, now=NOW) == SendResult(sent=1)
    assert not queue_mail(conn, a_mail("third"), topic="import:1", now=NOW)
    assert send_due(conn, carried, now=NOW) == SendResult()
    assert [outgoing.mail for outgoing in carried] == [with_file]


def test_a_mail_about_something_rolled_back_does_not_exist(conn: Connection, a_mail: MakeMail) -> None:
    with conn.transaction() as business:
        queue_mail(conn, a_mail(), topic="t", now=NOW)
        raise Rollback(business)
    assert conn.execute("select count(*) from mail.message").fetchone() == (0,)


def test_sending_refuses_to_run_inside_a_transaction(conn: Connection, carried: Carried) -> None:
    with conn.transaction(), pytest.raises(ValueError, match="outside a transaction"):
        send_due(conn, carried, now=NOW)


def test_mails_go_out_in_the_order_in_which_they_fell_due(conn: Connection, a_mail: MakeMail, carried: Carried) -> None:
    for minutes in (3, 1, 2):
        at = NOW + timedelta(minutes=minutes)
        queue_mail(conn, a_mail(str(minutes)), topic=str(minutes), now=at)
    assert send_due(conn, carried, now=NOW) == SendResult()
    later = NOW + timedelta(minutes=5)
    assert send_due(conn, carried, now=later, limit=2) == SendResult(sent=2)
    assert send_due(conn, carried, now=later) == SendResult(sent=1)
    assert [outgoing.mail.subject for outgoing in carried] == ["1", "2", "3"]


def test_four_workers_send_every_mail_once(
    database: str, conn: Connection, mail_server: MailServer, a_mail: MakeMail
) -> None:
    for number in range(40):
        queue_mail(conn, a_mail(str(number)), topic=str(number), now=NOW)
    start = threading.Barrier(4)
    results: list[SendResult] = []

    def work() -> None:
        with connect(database, role=APP_ROLE) as own:
            start.wait()
            sender = deliver_with(smtp_hook(), sender="a@a.example")
            results.append(send_due(own, sender, now=NOW))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(result.sent for result in results) == 40
    subjects = Counter(message["Subject"] for message in mail_server.taken)
    assert subjects == Counter(str(number) for number in range(40))


def test_a_worker_that_delivers_slowly_does_not_let_another_in(
    database: str, conn: Connection, a_mail: MakeMail, carried: Carried
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def slow(outgoing: Outgoing) -> None:
        with connect(database, role=APP_ROLE) as other:
            assert send_due(other, carried, now=NOW + timedelta(minutes=14)) == SendResult()
            # no lock is held while the mail is on its way
            other.execute("update mail.message set last_error = 'seen' where true")

    assert send_due(conn, slow, now=NOW) == SendResult(sent=1)
    assert carried == []


def test_a_crash_between_delivering_and_settling_sends_again_and_says_so(
    conn: Connection, a_mail: MakeMail, carried: Carried
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def crash(outgoing: Outgoing) -> None:
        carried(outgoing)
        raise Crash

    with pytest.raises(Crash):
        send_due(conn, crash, now=NOW)
    assert send_due(conn, carried, now=NOW + LEASE - timedelta(seconds=5)) == SendResult()
    # the lease ran out: the attempt is written off, and the next one follows the schedule
    assert send_due(conn, carried, now=NOW + LEASE + timedelta(seconds=5)) == SendResult()
    assert send_due(conn, carried, now=NOW + LEASE + timedelta(minutes=2)) == SendResult(sent=1)
    assert len(carried) == 2
    assert carried[0] == carried[1]  # the Message-ID and the date too
    assert _events(conn) == ["delivery_unconfirmed", "sent"]


def test_a_mail_that_kills_every_worker_is_given_up(conn: Connection, a_mail: MakeMail) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def crash(outgoing: Outgoing) -> None:
        raise Crash

    attempts, now = 0, NOW
    while conn.execute("select 1 from mail.message where failed_at is null").fetchone():
        try:
            send_due(conn, crash, now=now)
        except Crash:
            attempts += 1
        now += timedelta(minutes=30)
    assert attempts == len(WAITS) + 1


def test_a_delivery_that_outlived_its_lease_still_counts(
    database: str, conn: Connection, a_mail: MakeMail, carried: Carried
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def very_slow(outgoing: Outgoing) -> None:
        with connect(database, role=APP_ROLE) as other:
            assert send_due(other, carried, now=NOW + 2 * LEASE) == SendResult()

    assert send_due(conn, very_slow, now=NOW) == SendResult(sent=1)
    assert send_due(conn, carried, now=NOW + 3 * LEASE) == SendResult()
    assert carried == []


@pytest.mark.parametrize("error", [DeliveryError("451"), RefusedError("550")])
def test_a_failure_that_comes_after_its_lease_is_no_news(
    database: str, conn: Connection, a_mail: MakeMail, carried: Carried, error: DeliveryError
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def very_slow(outgoing: Outgoing) -> None:
        with connect(database, role=APP_ROLE) as other:
            send_due(other, carried, now=NOW + 2 * LEASE)
        raise error

    assert send_due(conn, very_slow, now=NOW) == SendResult()
    row = conn.execute("select failed_at, last_error from mail.message").fetchone()
    assert row == (None, "the attempt was interrupted: the mail may have been delivered")
    assert send_due(conn, carried, now=NOW + 3 * LEASE) == SendResult(sent=1)


def test_a_late_success_counts_while_another_attempt_is_on_its_way(
    database: str, conn: Connection, a_mail: MakeMail, carried: Carried
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def crash(outgoing: Outgoing) -> None:
        raise Crash

    def very_slow(outgoing: Outgoing) -> None:
        with connect(database, role=APP_ROLE) as other:
            send_due(other, carried, now=NOW + 2 * LEASE)
            with pytest.raises(Crash):
                send_due(other, crash, now=NOW + 3 * LEASE)

    assert send_due(conn, very_slow, now=NOW) == SendResult(sent=1)
    assert send_due(conn, carried, now=NOW + 9 * LEASE) == SendResult()
    assert carried == []


def test_a_worker_that_comes_back_from_the_dead_changes_nothing(
    database: str, conn: Connection, a_mail: MakeMail, carried: Carried
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def zombie(outgoing: Outgoing) -> None:
        with connect(database, role=APP_ROLE) as other:
            send_due(other, carried, now=NOW + 2 * LEASE)
            assert send_due(other, carried, now=NOW + 3 * LEASE) == SendResult(sent=1)
        raise RefusedError("the mail server refused the mail: 550")

    send_due(conn, zombie, now=NOW)
    row = conn.execute("select sent_at is not null, failed_at, attempts from mail.message")
    assert row.fetchone() == (True, None, 2)
    assert _events(conn) == ["delivery_unconfirmed", "sent"]


def test_a_mail_is_given_up_after_three_days_and_can_be_queued_again(
    conn: Connection, a_mail: MakeMail, carried: Carried
) -> None:
    queue_mail(conn, a_mail(), topic="t", now=NOW)

    def put_off(outgoing: Outgoing) -> None:
        raise DeliveryError("the mail server put the mail off: 451")

    tries, now = 0, NOW
    while conn.execute("select 1 from mail.message where failed_at is null").fetchone():
        result = send_due(conn, put_off, now=now)
        tries += result.waiting + result.failed
        last, now = now, now + timedelta(minutes=5)
    assert tries == len(WAITS) + 1
    assert timedelta(days=3) <= last - NOW < timedelta(days=3, hours=6)
    problem = conn.execute("select last_error from mail.message").fetchone()
    assert problem == ("the mail server put the mail off: 451; given up after 17 attempts",)

    assert resend_failed(conn, actor="provider", reason="the server is back", now=now) == 1
    assert resend_failed(conn, actor="provider", reason="again", now=now) == 0
    assert send_due(conn, put_off, now=now) == SendResult(waiting=1)
    assert send_due(conn, carried, now=now + timedelta(minutes=2)) == SendResult(sent=1)
    assert _events(conn) == ["failed", "queued_again", "sent"]


def test_a_mail_nobody_can_carry_does_not_stop_the_others(conn: Connection, a_mail: MakeMail, carried: Carried) -> None:
    queue_mail(conn, a_mail(), topic="odd", now=NOW)
    conn.execute("update mail.message set recipients = array['a b@a.example']")
    queue_mail(conn, a_mail("breaks"), topic="breaks", now=NOW)
    queue_mail(conn, a_mail("good"), topic="good", now=NOW)

    def deliver(outgoing: Outgoing) -> None:
        if outgoing.mail.subject == "breaks":
            raise KeyError("ann@a.example")
        carried(outgoing)

    assert send_due(conn, deliver, now=NOW) == SendResult(sent=1, waiting=1, failed=1)
    errors = conn.execute("select last_error from mail.message order by id").fetchall()
    assert errors == [
        ("a recipient is not one mail address",),
        ("the delivery broke off: KeyError",),
        (None,),
    ]


def _events(conn: Connection) -> list[str]:
    return [action for (action,) in conn.execute("select action from history.event order by id")]
