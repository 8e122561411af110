"""Workbooks that people send: what is refused before a reader sees it, and what is read."""

import io
import struct
import zipfile
from datetime import date
from pathlib import Path

import openpyxl  # noqa: TID251 -- reads what we wrote, writes what others do
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasvpay.kit import sheet_parts, sheet_writing, sheets
from sasvpay.kit.sheet_parts import SheetError
from sasvpay.kit.sheets import Column, Rule
from tests.items.books import SHEET, book, patched

COLUMNS = (
    Column("Item ID", "item_id", str, "@", 20, "a", Rule("textLength", "1", "64", "Short.")),
    Column("Name", "name", str, "@", 20, "b"),
    Column("Price (USD)", "price", str, "0.00", 20, 1.5),
    Column("Image", "image", str, "@", 20, ""),
)
RULES = ("Rules", ["Title", "=1+1"])


def read(content, look=lambda sheet: list(sheet.rows())):
    with sheets.read(io.BytesIO(content), COLUMNS) as sheet:
        return look(sheet)


def _encrypted():
    return b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le")


def _flagged(content):
    """Return a zip whose parts say that they are encrypted."""
    flagged = bytearray(content)
    place = flagged.find(b"PK\x01\x02")
    while place >= 0:
        flagged[place + 8] |= 1
        place = flagged.find(b"PK\x01\x02", place + 4)
    return bytes(flagged)


def _bomb(name="xl/media/image1.png", megabytes=8):
    return patched(book(), add={name: bytes(megabytes * 2**20)})


def _lying():
    """Return a workbook whose list says less of the sheet than there is."""
    content = bytearray(book(("a", "b", 1)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo(SHEET)
    place = content.find(struct.pack("<L", info.file_size), content.find(b"PK\x01\x02"))
    content[place : place + 4] = struct.pack("<L", 100)
    return bytes(content)


def _doctype(part, kind='<!DOCTYPE x [<!ENTITY a "b">]>'):
    with zipfile.ZipFile(io.BytesIO(book())) as archive:
        text = archive.read(part).decode()
    body = text[text.index("?>") + 2 :] if text.startswith("<?xml") else text
    return patched(book(), {part: {body: kind + body}})


def _sheets(*titles):
    def add(workbook):
        for title in titles:
            sheet = workbook.create_sheet(title)
            sheet.append(["Item ID", "Name", "Price (USD)", "Image"])

    return book(change=add)


def _cell(place):
    return book(change=lambda workbook: workbook.active.__setitem__(place, "x"))


RELATION = '<Relationship Id="rId9" TargetMode="External" Target="http://x/y" Type="http://x/{}"/>'
RELATIONS = "xl/_rels/workbook.xml.rels"
MACROS = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
REFUSED = {
    "empty": (b"", "not an .xlsx workbook"),
    "text": (b"id,name\n1,2\n", "not an .xlsx workbook"),
    "html": (b"<html></html>", "not an .xlsx workbook"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(50), "not an .xlsx workbook"),
    "an .xls": (b"\xd0\xcf\x11\xe0" + bytes(600), "old .xls workbook"),
    "encrypted": (_encrypted(), "protected with a password"),
    "parts encrypted": (_flagged(book()), "protected with a password"),
    "cut": (book()[:-200], "not an .xlsx workbook"),
    "bytes flipped": (book().replace(b"PK\x03\x04", b"PK\x03\x05"), "not an .xlsx workbook"),
    "a zip of something else": (patched(b"PK\x05\x06" + bytes(18)), "not an .xlsx workbook"),
    "an .xlsb": (patched(book(), add={"xl/workbook.bin": b"x"}), "binary .xlsb workbook"),
    "two parts of one name": (patched(book(), add={"XL/Workbook.xml": "<a/>"}), "not an .xlsx"),
    "a length that lies": (_lying(), "not an .xlsx workbook"),
    "macros": (patched(book(), add={"xl/vbaProject.bin": b"x"}), "macros or controls"),
    "macros by type": (
        patched(
            book(),
            {
                "[Content_Types].xml": {
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": MACROS
                }
            },
        ),
        "macros or controls",
    ),
    "controls": (patched(book(), add={"xl/activeX/activeX1.xml": "<a/>"}), "macros or controls"),
    "links": (patched(book(), add={"xl/externalLinks/link1.xml": "<a/>"}), "links to other files"),
    "links by relation": (
        patched(
            book(),
            {RELATIONS: {"</Relationships>": RELATION.format("oleObject") + "</Relationships>"}},
        ),
        "links to other files",
    ),
    "linked picture": (
        patched(
            book(), {RELATIONS: {"</Relationships>": RELATION.format("image") + "</Relationships>"}}
        ),
        "only linked",
    ),
    "embedded object": (patched(book(), add={"xl/embeddings/a.bin": b"x"}), "links to other files"),
    "object in disguise": (
        patched(book(), add={"xl/x.bin": b"\xd0\xcf\x11\xe0"}),
        "links to other files",
    ),
    "a zip within": (patched(book(), add={"xl/x.bin": b"PK\x03\x04"}), "another packed file"),
    "21 MB": (b"PK\x03\x04" + bytes(21 * 2**20), "too large: 21.0 MB"),
    "a bomb": (_bomb(), "grows more than 100 times"),
    "a bomb in the sheet": (
        patched(book(), {SHEET: {"</worksheet>": " " * 8 * 2**20 + "</worksheet>"}}),
        "grows more than 100 times",
    ),
    "2,001 parts": (
        patched(book(), add={f"xl/x{number}.xml": "<a/>" for number in range(2001)}),
        "too many parts",
    ),
    "entities": (_doctype(SHEET, ENTITIES), "document type or entities"),
    "a document type in the styles": (_doctype("xl/styles.xml"), "document type or entities"),
    "a document type of elsewhere": (
        _doctype("xl/workbook.xml", '<!DOCTYPE x SYSTEM "http://127.0.0.1/x">'),
        "document type or entities",
    ),
    "a document type in relations": (_doctype("_rels/.rels"), "document type or entities"),
    "broken XML": (patched(book(), {SHEET: {"</worksheet>": "</x>"}}), "not an .xlsx workbook"),
    "the last cell there is": (_cell("XFD1048576"), "to row 1048576, column XFD"),
    "column Q": (_cell("Q2"), "to row 2, column Q"),
    "50,001 rows": (_cell("A50002"), "to row 50002, column A"),
    "1,001 formulas": (book(*[("=1+1",) for _ in range(1001)]), "more than 1,000 formulas"),
    "no headings": (book(headings=("a", "b")), "row 1: the heading “Item ID”"),
    "an empty sheet": (book(headings=()), "is missing"),
    "a heading missing": (book(headings=("Item ID", "Name", "Image")), "“Price (USD)” is missing"),
    "a heading renamed": (
        book(headings=("Item ID", "Title", "Price (USD)", "Image")),
        "Found instead: “Title”",
    ),
    "a heading doubled": (
        book(headings=("Item ID", "Name", "Price (USD)", "Image", "Name")),
        "“Name” stands there twice",
    ),
    "headings merged": (
        book(change=lambda workbook: workbook.active.merge_cells("D1:E1")),
        "headings are merged cells",
    ),
    "two lists": (_sheets("More"), "“Items”, “More” all hold a list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_read_refuses_with_a_sentence(name):
    content, words = REFUSED[name]

    with pytest.raises(SheetError) as refusal:
        read(content)

    assert words in refusal.value.message


def test_unpacked_size_is_refused_before_anything_is_unpacked(monkeypatch):
    monkeypatch.setattr(sheet_parts, "MAX_UNPACKED_BYTES", 3000)

    with pytest.raises(SheetError, match="unpacked more than 200 MB"):
        sheet_parts.check_outline(io.BytesIO(book()))


def test_a_large_part_that_is_no_sheet_is_refused(monkeypatch):
    monkeypatch.setattr(sheet_parts, "MAX_SMALL_PART_BYTES", 100)

    with pytest.raises(SheetError, match=r"too large: “.*” in it"):
        read(book())


def test_a_full_disk_is_no_fault_of_the_workbook():
    if not Path("/dev/full").exists():
        pytest.skip("this machine has no /dev/full")

    with pytest.raises(OSError, match="No space left"):
        sheet_parts.check(io.BytesIO(book()), Path("/dev/full"))


def test_rows_come_in_the_columns_order_whatever_the_sheet_s_is():
    content = book(
        (1.5, None, "pic.png", "n", "id_1"),
        headings=("price (usd)", None, " Image ", "NAME", "Item  ID"),
    )

    assert read(content) == [(2, ("id_1", "n", 1.5, "pic.png"))]


def test_blank_rows_are_passed_over_and_numbers_stay():
    content = book((), ("a", "b", 1, ""), (), ("c", "d", 2, ""))

    assert read(content) == [(3, ("a", "b", 1.0, "")), (5, ("c", "d", 2.0, ""))]


def test_headings_may_stand_below_blank_rows_and_columns():
    def shift(workbook):
        workbook.active.insert_rows(1, 2)
        workbook.active.insert_cols(1)

    content = book(("a", "b", 1, ""), change=shift)

    assert read(content) == [(4, ("a", "b", 1.0, ""))]
    assert read(content, lambda sheet: sheet.where("item_id")) == "B"


def test_formatted_cells_far_away_are_no_rows():
    def colour(workbook):
        workbook.active["XFD90000"].font = openpyxl.styles.Font(bold=True)

    assert read(book(("a", "b", 1, ""), change=colour)) == [(2, ("a", "b", 1.0, ""))]


def test_a_dimension_that_lies_changes_nothing():
    content = patched(
        book(("a", "b", 1)),
        {SHEET: {'<dimension ref="A1:D2" />': '<dimension ref="A1:XFD1048576" />'}},
    )

    assert read(content) == [(2, ("a", "b", 1.0, ""))]


def test_cells_that_do_not_say_where_they_are_follow_one_another():
    content = patched(
        book(("a", "b", "=1", "")),
        {SHEET: {' r="A2"': "", ' r="B2"': "", ' r="C2"': "", '<row r="2">': "<row>"}},
    )

    assert read(content, lambda sheet: sheet.scan.formulas) == {(2, 3)}


def test_marks_tell_formulas_errors_and_merged_cells():
    def merge(workbook):
        sheet = workbook.active
        sheet.merge_cells("A5:B6")
        sheet["A3"] = "#N/A"
        sheet["A3"].data_type = "e"

    content = book(("a", "=1+1", 1), (), (), ("c",), change=merge)

    formulas, errors, merged = read(
        content, lambda sheet: (sheet.scan.formulas, sheet.scan.errors, sheet.scan.merged)
    )
    assert (formulas, errors, merged) == ({(2, 2)}, {(3, 1)}, [((5, 1), (6, 2))])
    assert [number for number, _cells in read(content)] == [2, 3, 5]


def test_formulas_of_data_validations_are_none_of_the_cells():
    content = sheet_writing.template("Items", COLUMNS, rules=RULES)
    extension = (
        '<extLst><ext><x14:f xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main">'
        "A1</x14:f></ext></extLst></worksheet>"
    )

    content = patched(content, {SHEET: {"</worksheet>": extension}})

    assert read(content, lambda sheet: sheet.scan.formulas) == set()


def test_links_that_a_person_may_click_are_no_harm():
    def link(workbook):
        workbook.active["B2"].hyperlink = "https://example.com/"

    assert len(read(book(("a", "b", 1), change=link))) == 1


def test_the_template_opens_elsewhere_with_its_checks():
    workbook = openpyxl.load_workbook(
        io.BytesIO(sheet_writing.template("Items", COLUMNS, rules=RULES))
    )

    sheet = workbook["Items"]
    assert [cell.value for cell in sheet[1]] == ["Item ID", "Name", "Price (USD)", "Image"]
    assert [cell.value for cell in sheet[2]] == ["a", "b", 1.5, None]
    assert sheet.column_dimensions["A"].number_format == "@"
    [validation] = sheet.data_validations.dataValidation
    assert (validation.type, str(validation.sqref)) == ("textLength", "A2:A50001")
    assert (workbook["Rules"]["A2"].value, workbook["Rules"]["A2"].data_type) == ("=1+1", "s")


CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**15), 10**15),
)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_what_is_written_is_read_again(rows):
    content = sheet_writing.filled("Items", COLUMNS, rows, rules=RULES)

    expected = [
        (number, row) for number, row in enumerate(rows, start=2) if row != ("", "", "", "")
    ]
    assert read(content) == expected


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "@x", "-1", "_x000D_", "a\x00b\x0bc", "<b>&amp;", " s "]
)
def test_nothing_that_is_written_calculates(text):
    content = sheet_writing.filled("Items", COLUMNS, [(text, "n", 1, "")], rules=RULES)

    assert read(content) == [(2, (text, "n", 1.0, ""))]
    assert read(content, lambda sheet: sheet.scan.formulas) == set()
    cell = openpyxl.load_workbook(io.BytesIO(content))["Items"]["A2"]
    assert cell.data_type == "s"


def test_dates_come_as_dates():
    [(_number, cells)] = read(book((date(2026, 1, 2), True, 1)))

    assert cells == (date(2026, 1, 2), True, 1.0, "")
