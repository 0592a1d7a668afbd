"""Forms of portal data, made from the tables' own descriptions: fields, what can be chosen, errors at their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData, QueryParams

from tillflow.portal.edit_records import NEW, RecordRefusedError, StaleRecordError, text_of
from tillflow.portal.forms import Form, FormColumn, describe
from tillflow.portal.records import NoSuchRecordError, Record
from tillflow.portal_desk import PortalDesk

#: more choices than this are typed, not chosen: a page has its limits
_MOST_CHOICES: Final = 300
#: beside the columns, what every form of a record says
_WORDS: Final = {"id": "ID", "no": "number", "facility": "facility", "pin": "PIN"}
_TYPES: Final = {"email": "email", "pin": "password"}
_UNSEEN_HINT: Final = "it is never shown; blank leaves it as it is"
_MODES: Final = {"whole": "numeric", "percent": "decimal", "amount": "decimal"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form as a template shows it; `options` is None where it is typed."""

    name: str
    label: str
    hint: str
    required: bool
    value: str
    options: tuple[tuple[str, str], ...] | None
    type: str
    mode: str | None
    readonly: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """A form with its values, its errors by field, and the token of what was seen."""

    fields: tuple[Field, ...]
    errors: Mapping[str, Sequence[str]]
    expected: str = NEW
    reason: str = ""
    #: what stands there now, where somebody else was first
    current: Record | None = None
    status: int = 200

    @property
    def labels(self) -> dict[str, str]:
        """Field -> its label."""
        return {field.name: field.label for field in self.fields}


def label_of(name: str) -> str:
    """A column as a person reads it: `valid_from` -> `Valid from`."""
    words = [_WORDS.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def fill(
    desk: PortalDesk,
    form: Form,
    values: Mapping[str, str],
    *,
    record: Record | None = None,
    error: Exception | None = None,
    reason: str = "",
    optional: Sequence[str] = (),
) -> Filled:
    """The form with what the record has, and `values` over it. The key of a record that is there stays as it is.

    `optional`: columns that may be blank here although their table wants them.
    """
    stored = {name: text_of(value) for name, value in record.fields.items()} if record else {}
    given = stored | dict(values)
    fields = tuple(
        _field(desk, column, given, readonly=record is not None and column.name in form.key, optional=optional)
        for column in form.columns
    )
    expected, current = (record.token if record else NEW), None
    if isinstance(error, StaleRecordError):
        current = error.current
        expected = current.token if current else NEW
    errors, status = errors_of(error, {column.name for column in form.columns})
    return Filled(fields, errors, expected, reason, current, status)


def errors_of(error: Exception | None, names: set[str]) -> tuple[dict[str, list[str]], int]:
    """Field -> messages, those of the whole form under "", and the status to answer with."""
    if error is None:
        return {}, 200
    found: dict[str, list[str]] = {}
    if isinstance(error, RecordRefusedError):
        for one in error.errors:
            place = one.column if one.column in names else ""
            found.setdefault(place or "", []).append(one.message)
        return found, 422
    return {"": [str(error)]}, 409 if isinstance(error, StaleRecordError) else 422


def given_by(form: Form, sent: FormData | QueryParams) -> dict[str, str]:
    """The values of a form's columns that were sent; a secret never comes by a link, and blank is not given."""
    is_link = isinstance(sent, QueryParams)
    given: dict[str, str] = {}
    for column in form.columns:
        text = sent.get(column.name)
        if not isinstance(text, str) or (column.secret and (is_link or not text)):
            continue
        given[column.name] = text
    return given


def _field(
    desk: PortalDesk, column: FormColumn, given: Mapping[str, str], *, readonly: bool, optional: Sequence[str]
) -> Field:
    value = given.get(column.name, column.default if column.name not in given else "")
    options = None if readonly else _options(desk, column, value)
    required = column.required and column.name not in optional
    # of plain text the label says enough
    hint = _UNSEEN_HINT if column.secret else "" if column.kind == "text" else column.expects
    return Field(
        column.name,
        label_of(column.name),
        "" if options is not None else hint,
        required,
        "" if column.secret else value,
        options,
        _TYPES.get(column.kind, "text"),
        _MODES.get(column.kind),
        readonly,
    )


def _options(desk: PortalDesk, column: FormColumn, value: str) -> tuple[tuple[str, str], ...] | None:
    """What can be chosen, the value among it; None where there is too much of it, or it depends on another field."""
    if column.kind == "flag":
        return (("true", "yes"), ("false", "no"))
    if column.choices:
        return tuple((one, one.replace("_", " ") if column.kind == "choice" else one) for one in column.choices)
    if column.refers_to is None:
        return None
    if len(describe(column.refers_to).key) > 1:  # a user of a customer: typed, for the customer is chosen beside it
        return None
    try:
        found = desk.list_records(column.refers_to, most=_MOST_CHOICES + 1)
    except NoSuchRecordError:
        return None
    if len(found) > _MOST_CHOICES:
        return None
    known = [(one.key[0], _called(one)) for one in found]
    if value and value not in dict(known):
        known.insert(0, (value, f"{value} (unknown)"))
    return tuple(known)


def _called(record: Record) -> str:
    name = record.fields.get("name")
    return f"{record.key[0]}: {name}" if name and name != record.key[0] else record.key[0]
