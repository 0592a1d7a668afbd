"""What Great Expectations said of an import, on one page that fetches nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.importing import Importer
from tillflow import imports
from tillflow.codes import Kind
from tillflow.errors import FileRefusedError, UnavailableError
from tillflow.intake import validation_page
from tillflow.intake.catalogue import load_catalogue
from tillflow.intake.storage import Storage
from tillflow.intake.validation_page import NoValidationError, page_of, render_validation_page

SYNC, SALES = Kind.EQUIPMENT_SYNC, Kind.OFFLINE_SALES
HEADER = "equipment;txn_seq;vended_at;selection;unit_price;currency;result;access_code;pin\n"
#: a machine nobody knows: one vend, one whose result cannot be read, the first one again
DUMP = (
    HEADER
    + "GHOST;1;2026-01-05T10:00:00Z;0001;2.50;AUD;vend;secret-code;9421\n\n"
    + "GHOST;2;2026-01-05T10:01:00Z;0001;1.00;AUD;maybe;secret-code;9421\n"
    + "GHOST;1;2026-01-05T10:00:00Z;0001;2.50;AUD;vend;secret-code;9421\n"
).encode()
ORDERS_REFUSED = (
    b"ORDER_ID,LOTTERY,DRAW_NO,TITLE,FIRST_NAME,LAST_NAME,ADD_UNIT,ADD_STREET_NUMBER,ADD_STREET_NAME,ADD_LINE_1,"
    b"ADD_SUBURB,ADD_STATE,ADD_POSTCODE,EMAIL,PRODUCT,QUANTITY,AMOUNT,PAYMENT_TYPE,PAYMENT_REF,CARD_TOKEN,SALE_DATE\n"
    b"x1,none,1,,Ann,Ash,,,,,,,,ann@tillflow.example,T,1,1.00,CASH,,,2026-01-05\n"
)


class Page(HTMLParser):
    """The tables of a page: caption -> rows of cell texts; and every tag and attribute it uses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] | None = None
        self._rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        if tag in {"caption", "td", "th"}:
            self._text = []
        elif tag == "span" and self._text:
            self._text.append(" | ")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self.tables["".join(self._text or [])] = self._rows
        elif tag in {"td", "th"}:
            self._rows[-1].append("".join(self._text or []))
        if tag in {"caption", "td", "th"}:
            self._text = None


def book(importer: Importer, kind: Kind, content: bytes, name: str = "given.csv") -> int:
    """Through the door and into the books, as a task does; the import's number also where it is refused."""
    import_id = importer.receive(kind, content, name).import_id
    try:
        imports.book(importer.conn, kind, import_id, importer.settings)
    except FileRefusedError:
        assert kind is SALES
    return import_id


def page_file(importer: Importer, import_id: int) -> Path:
    return Path(importer.settings.storage) / "validation" / f"{import_id}.html"


def test_the_page_says_what_every_check_said(importer: Importer) -> None:
    import_id = book(importer, SYNC, DUMP, "vm.csv")
    html = page_file(importer, import_id).read_text()
    assert html == render_validation_page(importer.conn, import_id)
    page = Page(html)
    assert list(page.tables) == [
        "Balance in rows",
        "Balance in money",
        "The verdict of every row",
        "The text of rows, checked a second time",
    ]
    head = ["Currency", "read", "= sale", "+ exception", "+ duplicate", "+ not billable", "+ rejected"]
    assert page.tables["Balance in rows"] == [head, ["AUD", "3", "0", "2", "1", "0", "0"]]
    assert page.tables["Balance in money"] == [head, ["AUD", "6.00", "0.00", "3.50", "2.50", "0.00", "0.00"]]
    verdicts = page.tables["The verdict of every row"]
    in_set = "expect_column_values_to_be_in_set"
    assert verdicts[1:3] == [
        [
            "Malformed Row | malformed_row, RESULT: the result is none of vend, test, free, failed, refund;"
            " ask for the machine's firmware to be repaired",
            "broken | warning", "3", "1 | 33.3 %", "4", in_set,
        ],
        [
            "Unknown Equipment | unknown_equipment, EQUIPMENT: the machine is not known, or stood at no site at the"
            " time of the vend; add the machine, or allocate it to its site for that time",
            "broken | warning", "3", "2 | 66.7 %", "2, 4", in_set,
        ],
    ]  # fmt: skip
    assert verdicts[3] == [
        "Row Not Judged | every_row_is_judged: there are not as many verdicts as rows",
        "holds | critical", "3 | verdicts", "", "", "expect_table_row_count_to_equal",
    ]  # fmt: skip
    rules = load_catalogue(Path(imports.__file__).parent / "equipment_sync" / "rules.duckdb.sql").rules
    assert len(verdicts) == 1 + 2 + len(rules)
    natively = page.tables["The text of rows, checked a second time"]
    assert [row for row in natively if row[1].startswith("broken")] == [
        ["Malformed Row | malformed_row, RESULT: the result is none of vend, test, free, failed, refund;"
         " ask for the machine's firmware to be repaired", "broken | warning", "3", "1 | 33.3 %", "4", in_set],
        ["Sync Conflict | sync_conflict, TXN_SEQ: the number stands in more than one row; compare the rows; equal ones"
         " are duplicates", "broken | warning", "3", "2 | 66.7 %", "2, 5", "expect_compound_columns_to_be_unique"],
    ]  # fmt: skip
    assert "<strong>requires action</strong>: 2 of 19 checks of the verdicts are broken." in html
    for name, value in (("Packed as", "plain text"), ("Delimiter", "semicolon"), ("Blank rows skipped", "1")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in html


def test_a_file_that_the_rules_refuse_has_its_page_and_a_mail_that_names_it(importer: Importer) -> None:
    import_id = book(importer, SALES, ORDERS_REFUSED)
    html = page_file(importer, import_id).read_text()
    assert '<strong class="bad">rejected</strong>: nothing of the file is in the books.' in html
    broken = Page(html).tables["The verdict of every row"][1]
    assert broken[0].startswith("Order Number Not A Number | order_id_not_integer, ORDER_ID: ")
    assert broken[1:5] == ["broken: the file is refused | critical", "1", "1 | 100.0 %", "2"]
    (mail,) = importer.conn.execute("select text_body, html_body from mail.message").fetchall()
    place = f"{importer.settings.storage}/validation/{import_id}.html"
    assert f"\nvalidation: {place}\n" in mail[0]
    assert f">validation: {place}</p>" in mail[1]


def test_a_hostile_file_name_is_only_text(importer: Importer) -> None:
    name = "<img src=x onerror=alert(1)>\"'&.csv"
    page = render_validation_page(importer.conn, book(importer, SYNC, DUMP, name))
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&amp;.csv</h1>" in page


def test_the_page_fetches_nothing_runs_nothing_and_holds_no_value_of_the_file(importer: Importer) -> None:
    html = render_validation_page(importer.conn, book(importer, SYNC, DUMP))
    assert not [value for value in ("GHOST", "secret-code", "9421", "maybe", "10:01") if value in html]
    tags = Page(html).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "embed", "a", "form", "base"}
    assert not re.search(r"https?:|//|url\(|@import|javascript:", html)
    assert not [attribute for _, attributes in tags for attribute in attributes if attribute.startswith("on")]
    assert "default-src 'none'" in html
    heads = [attributes.get("scope") for tag, attributes in tags if tag == "th"]
    assert set(heads) == {"col", "row"}


def test_the_colours_can_be_read_in_the_light_and_in_the_dark() -> None:
    html = (Path(validation_page.__file__).parent / "templates" / "validation_page.html").read_text()
    themes = [dict(re.findall(r"--(\w+): #(\w{6});", line)) for line in re.findall(r":root \{ (.*) \}", html)]
    assert len(themes) == 2
    for theme in themes:
        paper = theme.pop("paper")
        for name, colour in theme.items():
            assert contrast(colour, paper) >= (3 if name == "line" else 4.5), name


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = (int(colour[n : n + 2], 16) / 255 for n in (0, 2, 4))
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_more_than_fifty_failing_rows_are_counted(importer: Importer) -> None:
    rows = "".join(f"GHOST;{n};2026-01-05T10:00:00Z;0001;2.50;AUD;vend;;\n" for n in range(60))
    import_id = book(importer, SYNC, (HEADER + rows).encode())
    broken = Page(render_validation_page(importer.conn, import_id)).tables["The verdict of every row"][1]
    assert broken[4] == ", ".join(map(str, range(2, 52))) + " and 10 more"


def test_a_rerun_writes_the_page_again_and_books_nothing_again(importer: Importer) -> None:
    import_id = book(importer, SYNC, DUMP)
    page = page_file(importer, import_id)
    before = page.read_text()
    page.unlink()
    assert imports.book(importer.conn, SYNC, import_id, importer.settings).was_booked_before
    assert page.read_text() == before


@pytest.mark.parametrize(("kind", "content", "ends"), [(SYNC, DUMP, "booked"), (SALES, ORDERS_REFUSED, "refused")])
def test_a_page_that_cannot_be_written_undoes_nothing(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, kind: Kind, content: bytes, ends: str
) -> None:
    import_id = importer.receive(kind, content).import_id
    write = Storage.write

    def broken_write(self: Storage, key: str, content: bytes) -> None:
        if key.startswith("validation/"):
            raise UnavailableError("the storage does not work: made up")
        write(self, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write", broken_write)
        with pytest.raises(UnavailableError, match="made up"):
            imports.book(importer.conn, kind, import_id, importer.settings)
    (found,) = importer.conn.execute(
        "select booked_at is not null, rejected_at is not null from intake.import where id = %s", [import_id]
    )
    assert found == (ends == "booked", ends == "refused")
    assert not page_file(importer, import_id).exists()
    try:
        assert imports.book(importer.conn, kind, import_id, importer.settings).was_booked_before
    except FileRefusedError:
        assert ends == "refused"
    assert page_file(importer, import_id).exists()
    mails = importer.conn.execute("select topic from mail.message").fetchall()
    assert mails == [(f"import:{import_id}",)]


def test_a_file_refused_while_it_was_read_has_no_page(importer: Importer) -> None:
    with pytest.raises(FileRefusedError) as refused:
        importer.receive(SYNC, b"nothing;of;use\n1;2;3\n")
    import_id = refused.value.import_id
    assert import_id is not None
    imports.report(importer.conn, import_id, importer.settings)
    assert page_of(importer.conn, import_id, importer.settings.storage) is None
    (mail,) = importer.conn.execute("select text_body from mail.message").fetchall()
    assert "validation:" not in mail[0]


def test_a_storage_login_is_not_mailed(importer: Importer) -> None:
    import_id = book(importer, SYNC, DUMP)
    place = page_of(importer.conn, import_id, "ftp://user:secret@files.example/tillflow")
    assert place == f"ftp://files.example/tillflow/validation/{import_id}.html"


def test_an_import_that_does_not_exist_is_named(importer: Importer) -> None:
    with pytest.raises(NoValidationError, match="no import 7"):
        render_validation_page(importer.conn, 7)
