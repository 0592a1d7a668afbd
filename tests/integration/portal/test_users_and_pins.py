"""What identifies a user: cards, facilities, access codes; and PINs, which are nowhere."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tillflow.pins import pin_hash

# mypy: the fixtures' class stands in conftest.py
Portal = Any

SECRET = b"the secret of the tests"
HEADER = "customer,user,name,role,card_no,facility_id,access_code,pin\n"
CANARY = "73910482"
IDENTITY = "select card_no, facility_id, access_code, pin_hash from portal.consumer where key = %s order by id limit 1"


def test_the_pin_is_stored_as_its_keyed_hash_and_nowhere_else(filled: Portal, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    loaded = filled.load(users=f"{HEADER}ACME,u3,Cy,Consumer,,,88,{CANARY}\n")
    assert filled.rows(IDENTITY, "u3") == [(None, None, "88", pin_hash(SECRET, CANARY))]
    everything = filled.everything()
    assert any("u3" in text for (text,) in everything["portal.consumer"])
    assert not [name for name, rows in everything.items() for (text,) in rows if CANARY in text]
    # nor its hash, outside of the one column
    hashed = str(pin_hash(SECRET, CANARY))
    assert [name for name, rows in everything.items() for (text,) in rows if hashed in text] == ["portal.consumer"]
    assert CANARY not in caplog.text + repr(loaded)


def test_the_history_says_only_that_a_pin_changed(filled: Portal) -> None:
    start = filled.last_event
    filled.load(users=f"{HEADER}ACME,u2,Bob,Consumer,4712,,77,{CANARY}\n")
    filled.load(users=f"{HEADER}ACME,u2,Robert,Consumer,4712,,77,{CANARY}\n")
    filled.load(users=f"{HEADER}ACME,u2,Robert,Consumer,4712,,,\n")
    events = filled.history("users", start)
    assert [("pin" in before, after.get("pin")) for _, _, before, after in events] == [
        (False, "changed"),
        (False, None),
        (False, "changed"),
    ]


def test_a_blank_pin_leaves_the_pin_as_it_is(filled: Portal) -> None:
    stored = filled.rows(IDENTITY, "u2")
    assert filled.counts(users=f"{HEADER}ACME,u2,Bob,Consumer,4712,,77,\n") == {"users": (1, 0, 0, 1)}
    assert filled.counts(users="customer,user,name,role\nACME,u2,Bob,Consumer\n") == {"users": (1, 0, 0, 1)}
    assert filled.rows(IDENTITY, "u2") == stored


def test_without_an_access_code_there_is_no_pin(filled: Portal) -> None:
    filled.load(users="customer,user,name,role,access_code\nACME,u2,Bob,Consumer,\n")
    assert filled.rows(IDENTITY, "u2") == [("4712", "", None, None)]


def test_a_blank_facility_is_not_zero(filled: Portal) -> None:
    rows = "ACME,u3,Cy,Consumer,4712,0,,\nACME,u4,Di,Consumer,4712,00,,\n"
    assert filled.counts(users=HEADER + rows) == {"users": (2, 2, 0, 0)}  # u2 has 4712 without a facility
    assert filled.rows(IDENTITY, "u3")[0][:2] == ("4712", "0")


def test_a_facility_goes_with_its_card(filled: Portal) -> None:
    filled.load(users="customer,user,name,role,card_no\nACME,u1,Ann,Consumer,5000\n")
    assert filled.rows(IDENTITY, "u1")[0][:2] == ("5000", "57")
    filled.load(users="customer,user,name,role,card_no\nACME,u1,Ann,Consumer,\n")
    assert filled.rows(IDENTITY, "u1")[0][:2] == (None, None)


def test_two_users_swap_their_cards(filled: Portal) -> None:
    rows = "ACME,u1,Ann,Consumer,4712,,77,\nACME,u2,Bob,Consumer,4711,57,,\n"
    assert filled.messages(users=HEADER + rows) == ["an access_code is given without a PIN, and none is stored"]
    rows = "ACME,u1,Ann,Consumer,4712,,77,9421\nACME,u2,Bob,Consumer,4711,57,,\n"
    assert filled.counts(users=HEADER + rows) == {"users": (2, 0, 2, 0)}
    assert filled.rows(IDENTITY, "u1") == [("4712", "", "77", pin_hash(SECRET, "9421"))]


def test_a_card_of_somebody_else_is_named_without_its_number(filled: Portal) -> None:
    rows = "ACME,u3,Cy,Consumer,87654321,57,,\nACME,u4,Di,Consumer,87654321,57,,\nACME,u5,Ed,Consumer,4711,57,,\n"
    assert filled.messages(users=HEADER + rows) == [
        'the card ending in 4321 with this facility_id is that of user "u3"',
        'the card ending in 11 with this facility_id is that of user "u1"',
    ]


def test_the_same_card_at_another_customer_is_another_card(filled: Portal) -> None:
    assert filled.counts(users=f"{HEADER}BETA,u9,Flo,Consumer,4711,57,77,9421\n") == {"users": (1, 1, 0, 0)}


@pytest.mark.parametrize(
    "users",
    [
        f"{HEADER}ACME,u3,Cy,Consumer,,,,{CANARY}\n",
        f"{HEADER}ACME,u3,Cy,Consumer,,,77,{CANARY}\nACME,u4,Di,Consumer,,,77,{CANARY}\n",
        f"{HEADER}NONE,u3,Cy,Consumer,,,77,{CANARY}\n",
        f"{HEADER}ACME,u3,Cy,Consumer,77,{CANARY}\n",
        f"customer,user,name,role,{CANARY}\nACME,u3,Cy,Consumer,{CANARY}\n",
        f"ACME,u3,Cy,Consumer,,,77,{CANARY}\n",
    ],
)
def test_no_refusal_repeats_a_pin(filled: Portal, users: str) -> None:
    refusal = filled.refusal(users=users)
    assert CANARY not in str(refusal) + repr(refusal.errors)
    assert not [name for name, rows in filled.everything().items() for (text,) in rows if CANARY in text]
