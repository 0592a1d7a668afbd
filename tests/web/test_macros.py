"""The building blocks of the pages: escaped, labelled, and readable without colour."""

from __future__ import annotations

import re

import pytest

from tillflow.web.pages.rendering import environment

NAUGHTY = "\"><script>alert('1')</script>"


def shown(source: str, **values: object) -> str:
    """What a template that uses the macros makes."""
    imports = (
        '{% from "macros/tables.html" import empty, pager, table %}'
        '{% from "macros/signs.html" import amounts, badge, notice %}'
        '{% from "macros/layout.html" import breadcrumbs, facts, tabs %}'
        '{% from "macros/forms.html" import choose, error_summary, field, file, post, text %}'
    )
    return environment().from_string(imports + source).render(**values)


@pytest.mark.parametrize(
    "source",
    [
        "{{ badge(x) }}",
        "{{ breadcrumbs([(x, x), (x, none)]) }}",
        "{{ tabs(x, [(x, x, 3, true)]) }}",
        "{{ facts([(x, x)]) }}",
        "{{ field('a', x, value=x, hint=x, errors={'a': [x]}) }}",
        "{{ text('a', x, value=x, hint=x, errors={'a': [x]}) }}",
        "{{ choose('a', x, [(x, x)], value=x, blank=x) }}",
        "{{ error_summary({'a': [x], '': [x]}, {'a': x}) }}",
        "{{ post(x, x, {x: x}) }}",
        "{{ pager(x, first=x, next=x) }}",
        "{% call table('t', x, [(x, x)]) %}<tr><td>{{ x }}</td></tr>{% endcall %}",
        "{% call empty() %}{{ x }}{% endcall %}",
        "{% call notice() %}{{ x }}{% endcall %}",
    ],
)
def test_no_macro_lets_markup_through(source: str) -> None:
    made = shown(source, x=NAUGHTY)
    assert "&lt;script&gt;" in made
    assert "<script" not in made


def test_a_field_in_error_is_linked_from_the_summary_and_described_by_its_message() -> None:
    made = shown(
        "{{ error_summary(errors, {'email': 'E-mail'}) }}{{ field('email', 'E-mail', errors=errors, hint='any') }}",
        errors={"email": ["is no address"]},
    )
    assert '<a href="#email">E-mail</a>: is no address' in made
    assert 'aria-describedby="email-hint email-error" aria-invalid="true"' in made
    assert '<p class="wrong" id="email-error"><strong>Error:</strong> is no address</p>' in made


def test_a_field_without_an_error_claims_none() -> None:
    made = shown("{{ field('email', 'E-mail') }}")
    assert "aria-invalid" not in made
    assert "aria-describedby" not in made


def test_a_status_is_an_icon_and_a_word() -> None:
    made = shown("{{ badge('requires_action') }}")
    assert re.search(r'<span class="badge warn"><svg .*aria-hidden="true".*</svg>requires action</span>', made)
    assert 'class="badge quiet"' in shown("{{ badge('something new') }}")


def test_money_of_two_currencies_is_never_added_up() -> None:
    made = shown("{{ amounts({'NZD': 100, 'AUD': 250}) }}|{{ amounts({}) }}")
    assert made.index("2.50&nbsp;AUD") < made.index("1.00&nbsp;NZD")
    assert made.endswith("|&ndash;")


def test_the_chosen_option_is_selected_also_where_it_is_a_number() -> None:
    assert '<option value="2" selected>two' in shown("{{ choose('n', 'N', [(1, 'one'), (2, 'two')], value='2') }}")
