"""Which declines may be tried again (https://docs.stripe.com/declines/codes).

Soft: the same card may well pay tomorrow. Everything else is hard, and so is every code nobody listed
here: trying a stolen or closed card again costs the merchant's standing with the card schemes.
"""

from __future__ import annotations

from typing import Final

SOFT: Final = frozenset(
    """
    insufficient_funds try_again_later processing_error issuer_not_available reenter_transaction approve_with_id
    card_velocity_exceeded withdrawal_count_limit_exceeded do_not_honor generic_decline
    """.split()
)

#: known to be hard; the list only helps people and the sandbox, `is_soft` does not need it
HARD: Final = frozenset(
    """
    lost_card stolen_card pickup_card restricted_card expired_card incorrect_cvc incorrect_number incorrect_pin
    incorrect_zip invalid_account revocation_of_authorization revocation_of_all_authorizations
    transaction_not_allowed fraudulent authentication_required
    """.split()
)


def is_soft(code: str) -> bool:
    """Whether a payment declined with `code` may be tried again; an unknown code may not."""
    return code in SOFT
