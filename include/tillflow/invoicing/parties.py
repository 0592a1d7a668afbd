"""Who invoices whom, in the terms of EN 16931: `BT-` and `BG-` are its business terms and groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """BG-5 and BG-8. Parts that are not known are empty."""

    #: BT-35 to BT-37, BT-50 to BT-52; at most four (Xero has no more)
    lines: tuple[str, ...] = ()
    #: BT-37, BT-52
    city: str = ""
    #: BT-39, BT-54: state, province
    region: str = ""
    #: BT-38, BT-53
    postcode: str = ""
    #: BT-40, BT-55: ISO 3166-1 alpha-2
    country: str = ""


@dataclass(frozen=True, slots=True)
class Seller:
    """BG-4: who invoices."""

    #: BT-27
    name: str
    address: Address = Address()
    #: BT-31 or BT-32, with its prefix as printed: a VAT, GST or ABN number
    tax_id: str = ""
    #: BT-30: number in the register of companies
    registration_id: str = ""
    #: BT-43
    email: str = ""
    #: BT-42
    phone: str = ""
    #: BT-34 and BT-34-1: where e-invoices are exchanged, and its scheme (EAS code)
    electronic_address: str = ""
    electronic_scheme: str = ""
    #: BT-84: account the money goes to, as printed
    payment_account: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """BG-7: the customer."""

    #: BT-46: the customer's key in the portal data
    key: str
    #: BT-44
    name: str
    address: Address = Address()
    #: BT-48
    tax_id: str = ""
    #: BT-58
    email: str = ""
    #: BT-49 and BT-49-1
    electronic_address: str = ""
    electronic_scheme: str = ""
