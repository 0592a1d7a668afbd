"""What is archived holds every row and no PIN."""

from __future__ import annotations

from tillflow.portal.without_pins import without_pins

SITES = b"site,customer,name,zone\n"


def test_pins_are_blanked_and_the_rest_stays_in_its_row() -> None:
    users = 'customer;user;PIN;name;role\nA;u1;CANARY;"Ann; the first";Consumer\n\nA;u2;;Bob;Consumer\n'
    kept = without_pins({"users.csv": users.encode(), "sites.csv": SITES})
    assert kept["sites.csv"] == SITES
    assert kept["users.csv"].decode() == (
        "customer,user,PIN,name,role\r\nA,u1,,Ann; the first,Consumer\r\n\r\nA,u2,,Bob,Consumer\r\n"
    )


def test_a_file_whose_columns_are_unsure_is_left_out() -> None:
    for users in (
        "customer,user,name,role,pin\nA,u1,Ann,CANARY\n",
        "customer,user,name,role,pin code\nA,u1,Ann,Consumer,CANARY\n",
        "customer,user,name,pin,pin\nA,u1,Ann,CANARY,CANARY\n",
        'customer,user,name,role,pin\nA,u1,Ann,Consumer,"CANARY\n',
    ):
        assert without_pins({"users.csv": users.encode(), "other.csv": b"CANARY"}) == {}
