"""Where a person reads and edits portal data: their grant first, then the edit. Pages and REST call this.

| who | reads | edits |
|---|---|---|
| provider | everything | everything |
| auditor | everything | nothing |
| customer_user | what belongs to their customers | their customers' users and access |
| offline_sales_admin | lotteries, draws and their products | nothing |

What somebody may not read does not exist for them; each try is in the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn

from tillflow.codes import Capability, PortalEdit
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import FileError, TillflowError
from tillflow.portal import edit_records, record_history, records, special_edits
from tillflow.portal.cells import BLANKS
from tillflow.portal.edit_records import Editing, RecordRefusedError
from tillflow.portal.forms import table_names
from tillflow.portal.grants import channels_of, customers_of, may
from tillflow.portal.record_history import Event
from tillflow.portal.records import NoSuchRecordError, Record, Value, key_of, table_named
from tillflow.portal.special_edits import SPECIAL_EDITS
from tillflow.settings import Settings

_SQL: Final = beside(__file__, "portal_desk.sql")
_A_CUSTOMERS: Final = {"customers", "sites", "equipment", "allocations", "planograms", "users", "access"}
_EDITED_BY_CUSTOMERS: Final = {"users", "access"}
_A_CHANNELS: Final = {"lotteries", "draws", "draw_products"}


class NotGrantedError(TillflowError):
    """The person may read this and not change it; the history says that they tried."""

    def __init__(self, table: str) -> None:
        super().__init__(f"you may read {table.replace('_', ' ')} and not change them: ask the provider")


@dataclass(frozen=True, slots=True)
class PortalDesk:
    """One person at work, now. `is_vouched_for`: the installation itself asks, no grant is looked up."""

    conn: Connection
    person: str
    now: datetime
    settings: Settings
    is_vouched_for: bool = False

    def tables(self) -> dict[str, bool]:
        """The tables that the person may read, each with whether they may edit in it."""
        return {name: self._edits(name) for name in table_names() if self._reads(name)}

    def list_records(
        self,
        table: str,
        *,
        filters: Mapping[str, str] | None = None,
        after: Sequence[str] | None = None,
        most: int | None = 100,
    ) -> list[Record]:
        """A page of the records that the person may see, in the order of their keys. Raises NoSuchRecordError."""
        self._must_read(table, (), "list")
        viewer = self._viewer(table)
        return records.list_records(self.conn, table, filters=filters, after=after, most=most, viewer=viewer)

    def get_record(self, table: str, key: Sequence[str]) -> Record:
        """One record. Raises NoSuchRecordError, also where it is another customer's."""
        self._must_read(table, key, "read")
        return self._seen(table, key, "read")

    def history_of(self, table: str, key: Sequence[str], *, after: int = 0, most: int = 1_000) -> list[Event]:
        """What became of a record, also of one that was removed. Raises NoSuchRecordError."""
        self._must_read(table, key, "history")
        found = record_history.history_of(self.conn, table, key, after=after, most=most)
        if self._viewer(table) is None:
            return found
        if not self._is_own(table, key):
            self._seen(table, key, "history")
        return [event for event in found if event.action != "denied"]  # who else tried is no customer's business

    def put_record(
        self, table: str, fields: Mapping[str, Value], *, expected: str | None = None, reason: str = ""
    ) -> Record:
        """Add or change a record: `edit_records.put_record` for what the person may edit.

        Raises also NotGrantedError, and NoSuchRecordError where it would be another customer's.
        """
        self._must_read(table, (), "put")
        named = {name: str(value) for name, value in fields.items() if value is not None}
        self._must_edit(table, key_of(table_named(table), named), named, "put")
        return edit_records.put_record(self.conn, table, fields, editing=self._editing(reason), expected=expected)

    def delete_record(self, table: str, key: Sequence[str], *, expected: str | None = None, reason: str = "") -> None:
        """Remove a record: `edit_records.delete_record` for what the person may edit."""
        self._must_read(table, key, "delete")
        self._seen(table, key, "delete")
        self._must_edit(table, key, dict(zip(table_named(table).key, key, strict=True)), "delete")
        edit_records.delete_record(self.conn, table, key, editing=self._editing(reason), expected=expected)

    def edit(self, edit: PortalEdit, arguments: Mapping[str, str], *, reason: str = "") -> Record:
        """Carry out a special edit; the record that came of it. Raises what `put` does."""
        table = SPECIAL_EDITS[edit].table
        self._must_read(table, (), edit.value)
        named = {name: text.strip(BLANKS) for name, text in arguments.items()}
        key = tuple(named.get(name, "") for name in table_named(table).key)
        self._must_edit(table, key, named, edit.value)
        return special_edits.carry_out(self.conn, edit, arguments, self._editing(reason))

    def customers(self) -> list[str] | None:
        """Whose exceptions, users and access the person may see; None: everybody's."""
        return None if self._reads_all() else customers_of(self.conn, self.person)

    def _editing(self, reason: str) -> Editing:
        return Editing(
            actor=self.person,
            now=self.now,
            pin_secret=self.settings.pin_secret,
            zone=self.settings.zone,
            reason=reason.strip() or None,
        )

    def _is(self, capability: Capability) -> bool:
        return may(self.conn, self.person, capability)

    def _reads_all(self) -> bool:
        return self.is_vouched_for or self._is(Capability.PROVIDER) or self._is(Capability.AUDITOR)

    def _edits_all(self) -> bool:
        return self.is_vouched_for or self._is(Capability.PROVIDER)

    def _reads(self, table: str) -> bool:
        if self._reads_all():
            return True
        if table in _A_CHANNELS:
            return any(channel.may_resolve for channel in channels_of(self.conn, self.person))
        return table in _A_CUSTOMERS and bool(customers_of(self.conn, self.person))

    def _edits(self, table: str) -> bool:
        return self._edits_all() or (table in _EDITED_BY_CUSTOMERS and bool(customers_of(self.conn, self.person)))

    def _viewer(self, table: str) -> Sequence[str] | None:
        """Whose records they see; None: everybody's, which is so of the tables that are no customer's, too."""
        return None if self._reads_all() or table not in _A_CUSTOMERS else customers_of(self.conn, self.person)

    def _is_own(self, table: str, key: Sequence[str]) -> bool:
        return table in _EDITED_BY_CUSTOMERS and key[:1] != () and key[0] in customers_of(self.conn, self.person)

    def _must_read(self, table: str, key: Sequence[str], attempt: str) -> None:
        table_named(table)
        if not self._reads(table):
            self._refuse(table, key, attempt)

    def _seen(self, table: str, key: Sequence[str], attempt: str) -> Record:
        """The record, where the person may know of it."""
        viewer = self._viewer(table)
        try:
            return records.get_record(self.conn, table, key, viewer=viewer)
        except NoSuchRecordError:
            if viewer is not None and self._is_there(table, key):
                self._refuse(table, key, attempt)
            raise

    def _must_edit(self, table: str, key: Sequence[str], fields: Mapping[str, str], attempt: str) -> None:
        if self._edits_all():
            return
        if not self._edits(table):
            self._record_denied(table, key, attempt)
            raise NotGrantedError(table)
        own = customers_of(self.conn, self.person)
        if (customer := fields.get("customer", "").strip(BLANKS)) and customer not in own:
            self._refuse(table, key, attempt)
        machine = fields.get("equipment", "").strip(BLANKS)
        if machine and not records.list_records(self.conn, "equipment", filters={"equipment": machine}, viewer=own):
            # in the words of a machine that is not there: nobody learns whose it is
            self._record_denied(table, key, attempt)
            message = f'there is no equipment "{machine[:40]}"'
            raise RecordRefusedError(
                table_named(table).one, [FileError("unknown_reference", message, column="equipment")]
            )

    def _is_there(self, table: str, key: Sequence[str]) -> bool:
        try:
            records.get_record(self.conn, table, key)
        except NoSuchRecordError:
            return False
        return True

    def _refuse(self, table: str, key: Sequence[str], attempt: str) -> NoReturn:
        self._record_denied(table, key, attempt)
        raise NoSuchRecordError(table, key)

    def _record_denied(self, table: str, key: Sequence[str], attempt: str) -> None:
        shown = record_history.history_key(table_named(table), key) if any(key) else ""
        printable = "".join(letter if letter.isprintable() else "?" for letter in shown)[:200]
        _SQL.record_denied(
            self.conn,
            now=self.now,
            actor=self.person or "(nobody)",
            subject=f"portal.{table}",
            key=printable,
            attempt=attempt,
        )
