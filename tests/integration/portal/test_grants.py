"""Who may do what: closed unless a grant covers it."""

from __future__ import annotations

from typing import Any

import pytest

from tillflow.codes import Capability, Kind
from tillflow.portal.grants import OwnChannel, channels_of, may, may_import

# mypy: the fixtures' class stands in conftest.py
Portal = Any

OPERATORS = (
    "user_name,capability,channel,customer\n"
    "up,offline_sales_upload,cc,\nup,offline_sales_upload,stall,\n"
    "boss,offline_sales_admin,stall,\nboss,offline_sales_upload,stall,\n"
    "prov,provider,,\ncust,customer_user,,BETA\naud,auditor,,\n"
)
UPLOAD, ADMIN = Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN


#: user, capability, channel, customer, whether they may
GRANTED = (
    ("up", UPLOAD, "cc", None, True),
    ("up", UPLOAD, "other", None, False),
    ("up", UPLOAD, None, None, False),
    ("up", ADMIN, "cc", None, False),
    ("boss", ADMIN, "stall", None, True),
    ("boss", UPLOAD, "stall", None, True),
    ("boss", UPLOAD, "cc", None, False),
    ("UP", UPLOAD, "cc", None, False),
    ("prov", Capability.PROVIDER, None, None, True),
    ("prov", Capability.PROVIDER, None, "ACME", True),
    ("prov", UPLOAD, "cc", None, False),
    ("cust", Capability.CUSTOMER_USER, None, "BETA", True),
    ("cust", Capability.CUSTOMER_USER, None, "ACME", False),
    ("cust", Capability.CUSTOMER_USER, None, None, False),
    ("aud", Capability.AUDITOR, None, None, True),
    ("aud", Capability.PROVIDER, None, None, False),
    ("", Capability.PROVIDER, None, None, False),
    ("nobody", Capability.AUDITOR, None, None, False),
)


def test_may(filled: Portal, subtests: pytest.Subtests) -> None:
    filled.load(operators=OPERATORS)
    for user, capability, channel, customer, expected in GRANTED:
        with subtests.test(user=user, capability=capability, channel=channel, customer=customer):
            assert may(filled.conn, user, capability, channel=channel, customer=customer) is expected


def test_who_may_resolve_may_upload(filled: Portal) -> None:
    filled.load(operators="user_name,capability,channel\nchief,offline_sales_admin,cc\n")
    assert may(filled.conn, "chief", UPLOAD, channel="cc")


def test_who_may_hand_in_which_file(filled: Portal) -> None:
    filled.load(operators=OPERATORS)
    assert may_import(filled.conn, "up", Kind.OFFLINE_SALES, "cc")
    assert not may_import(filled.conn, "up", Kind.OFFLINE_SALES)
    assert not may_import(filled.conn, "up", Kind.PORTAL_DATA)
    assert not may_import(filled.conn, "prov", Kind.OFFLINE_SALES, "cc")
    assert may_import(filled.conn, "prov", Kind.EQUIPMENT_SYNC)
    assert may_import(filled.conn, "prov", Kind.PORTAL_DATA)
    assert not may_import(filled.conn, "aud", Kind.EQUIPMENT_SYNC)


def test_own_channels(filled: Portal) -> None:
    filled.load(operators=OPERATORS)
    assert channels_of(filled.conn, "up") == [
        OwnChannel("cc", "Call centre", may_resolve=False),
        OwnChannel("stall", "Stall", may_resolve=False),
    ]
    assert channels_of(filled.conn, "boss") == [OwnChannel("stall", "Stall", may_resolve=True)]
    assert channels_of(filled.conn, "prov") == []
