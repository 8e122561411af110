"""The item sheet: what Excel does to what people type, each with a sentence; the template."""

import io
from datetime import date, datetime, time
from decimal import Decimal

import openpyxl  # noqa: TID251 -- reads what we wrote
import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.drawing.image import Image  # noqa: TID251 -- what people place
from openpyxl.drawing.spreadsheet_drawing import (  # noqa: TID251 -- as above
    AnchorMarker,
    TwoCellAnchor,
)

from items import workbook
from items.workbook import Right, Wrong
from sasvpay.kit import sheet_writing, sheets
from sasvpay.kit.sheet_parts import SheetError
from tests.items.books import HEADINGS, SHEET, book, patched
from tests.items.pictures import encoded

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'


def rows(content):
    with sheets.read(io.BytesIO(content), workbook.COLUMNS) as sheet:
        return list(workbook.rows(sheet))


def problems(*cells, **options):
    """Return what is wrong with the one row of a sheet: column, value, reason."""
    [row] = rows(book(cells, **options))
    assert isinstance(row, Wrong), row
    assert row.row == 2
    return [(problem.column, problem.value, problem.reason) for problem in row.problems]


def test_a_row_tells_an_item():
    assert rows(book(("id_1", "Sword", 4.99, "sword.png"))) == [
        Right(2, "id_1", "Sword", 499, "sword.png", is_in_sheet=False)
    ]


GOOD_ID, GOOD_NAME, GOOD_PRICE = "id_1", "Sword", 1
SPACE = "A space or line break stands before or after it. Delete it."
WIDE = "full-width characters. Type “{}” with plain ones."
WRONG_CELLS = [
    # The ID: value, what is shown of it, words of the reason.
    ("A", "", "", "Enter an item ID."),
    ("A", 123, "123", "Excel turned this ID into the number 123; zeros at its beginning"),
    ("A", 123.5, "123.5", "Excel turned this ID into the number 123.5"),
    ("A", 1e21, "1e+21", "Excel turned this ID into the number 1e+21"),
    ("A", date(2026, 1, 2), "2026-01-02", "into the date or time 2026-01-02"),
    ("A", datetime(2026, 1, 2, 3, 4), "2026-01-02 03:04:00", "into the date or time"),  # noqa: DTZ001 -- Excel has no zones
    ("A", time(3, 4), "03:04:00", "into the date or time 03:04:00"),
    ("A", True, "TRUE", "Excel turned this into TRUE."),
    ("A", "\u00a0", "\u00a0", "The cell holds spaces only."),
    ("A", "id_1 ", "id_1 ", SPACE),
    ("A", "\u3000id_1", "\u3000id_1", SPACE),
    ("A", "id\n", "id\n", SPACE),
    ("A", "\uff11\uff12\uff13", "\uff11\uff12\uff13", WIDE.format("123")),
    ("A", "a b", "a b", "Use 1 to 64 letters (A to Z), digits, “_” and “-”."),
    ("A", "../a", "../a", "Use 1 to 64 letters"),
    ("A", "ключ", "ключ", "Use 1 to 64 letters"),
    ("A", "x" * 65, "x" * 65, "Use 1 to 64 letters"),
    ("A", "x" * 200, "x" * 99 + "…", "Use 1 to 64 letters"),
    ("A", "=1+1", "", "The cell holds a formula. Paste its value instead."),
    # The name.
    ("B", "", "", "Enter a name."),
    ("B", 100, "100", "Excel turned this name into a number."),
    ("B", "Sword ", "Sword ", SPACE),
    ("B", "x" * 65, "x" * 65, "1 to 64 characters"),
    ("B", "\u200b\u200b", "\u200b\u200b", "no character that can be seen"),
    ("B", "a_x0007_b", "a\x07b", "characters that cannot be shown"),
    ("B", "a\u202eb", "a\u202eb", "characters that cannot be shown"),
    ("B", "=A1", "", "The cell holds a formula."),
    # The price.
    ("C", "", "", "Enter a price."),
    ("C", 0, "0", "Enter a price above 0"),
    ("C", -1, "-1", "Enter a price above 0"),
    ("C", 1.234, "1.234", "more than two decimals"),
    ("C", 10_000_000.01, "10000000.01", "up to 10000000.00"),
    ("C", 1e300, "1e+300", "up to 10000000.00"),
    ("C", True, "TRUE", "Excel turned this into TRUE."),
    ("C", date(2026, 4, 9), "2026-04-09", "into the date or time 2026-04-09"),
    ("C", "1e3", "1e3", "written as a power of ten. Type all its digits."),
    ("C", "1,234.50", "1,234.50", "Leave out separators of thousands"),
    ("C", "1 234", "1 234", "Leave out separators of thousands"),
    ("C", "4,99", "4,99", "use a point before the cents"),
    ("C", "\uff14.\uff19\uff19", "\uff14.\uff19\uff19", WIDE.format("4.99")),
    ("C", "4.99 ", "4.99 ", SPACE),
    ("C", "$4.99", "$4.99", "Enter an amount such as 12 or 12.34"),
    ("C", "0", "0", "Enter a price above 0"),
    ("C", "4.999", "4.999", "at most two after the point"),
    ("C", "free", "free", "Enter an amount such as 12 or 12.34"),
    ("C", "=2*2", "", "The cell holds a formula."),
    # The picture's file.
    ("D", "sword.exe", "sword.exe", "ends in .png, .jpg, .jpeg or .webp"),
    ("D", "sword.svg", "sword.svg", "ends in .png, .jpg, .jpeg or .webp"),
    ("D", "sword.xlsx.exe", "sword.xlsx.exe", "ends in .png, .jpg, .jpeg or .webp"),
    ("D", "sword", "sword", "without folders, such as sword.png"),
    ("D", "a/sword.png", "a/sword.png", "without folders"),
    ("D", "..\\sword.png", "..\\sword.png", "without folders"),
    ("D", "a_x0000_.png", "a\ufffd.png", "without folders"),
    ("D", "gnp\u202e.png", "gnp\u202e.png", "without folders"),
    ("D", "x" * 400 + ".png", "x" * 99 + "…", "without folders"),
    ("D", 5, "5", "Enter the name of a picture's file"),
]


@pytest.mark.parametrize(("column", "value", "shown", "words"), WRONG_CELLS)
def test_a_wrong_cell_is_told_with_its_column_value_and_reason(column, value, shown, words):
    cells = [GOOD_ID, GOOD_NAME, GOOD_PRICE, ""]
    cells["ABCD".index(column)] = value

    [(where, told, reason)] = problems(*cells)

    assert (where, told) == (column, shown)
    assert words in reason


RIGHT_CELLS = [
    ((GOOD_ID, GOOD_NAME, "100"), 10_000),
    ((GOOD_ID, GOOD_NAME, "4.5"), 450),
    ((GOOD_ID, GOOD_NAME, 0.01), 1),
    ((GOOD_ID, GOOD_NAME, 0.1 + 0.2), 30),
    ((GOOD_ID, GOOD_NAME, 10_000_000), 1_000_000_000),
    ((GOOD_ID, GOOD_NAME, 1e3), 100_000),
    (("1e3", GOOD_NAME, 1), 100),
    (("00123", GOOD_NAME, 1), 100),
    ((GOOD_ID, "星光之剑（稀有）", 1), 100),
    ((GOOD_ID, "👨‍👩‍👧 Family", 1), 100),
]


@pytest.mark.parametrize(("cells", "cents"), RIGHT_CELLS)
def test_a_right_row_is_taken_as_it_stands(cells, cents):
    [row] = rows(book(cells))

    assert isinstance(row, Right), row
    assert (row.item_id, row.name, row.price_cents) == (cells[0], cells[1], cents)


def test_names_are_kept_in_one_form():
    [row] = rows(book((GOOD_ID, "e\u0301", 1)))

    assert row.name == "\u00e9"


def test_all_that_is_wrong_with_a_row_is_told_at_once():
    assert [(where, value) for where, value, _reason in problems(7, "", "1,0", "x.gif")] == [
        ("A", "7"), ("B", ""), ("C", "1,0"), ("D", "x.gif"),
    ]  # fmt: skip


def test_an_id_stands_once_in_a_sheet():
    first, second, third = rows(book(("a", "A", 0), ("a", "B", 1), ("A", "C", 1)))

    assert [problem.column for problem in first.problems] == ["C"]
    [problem] = second.problems
    assert (problem.column, problem.value) == ("A", "a")
    assert problem.reason == "The same ID stands in row 2 already."
    assert isinstance(third, Right)


def test_a_doubled_id_is_told_beside_what_else_is_wrong():
    _first, second = rows(book(("a", "A", 1), ("a", "", 1)))

    assert [problem.column for problem in second.problems] == ["A", "B"]


def test_merged_cells_are_told_in_each_row():
    [first, second] = rows(
        book(("a", "A", 1), ("b", "B", 1), change=lambda it: it.active.merge_cells("B2:C3"))
    )

    reason = "The cell is merged with others. Unmerge it."
    assert [(p.column, p.reason) for p in first.problems] == [("B", reason), ("C", reason)]
    assert [p.column for p in second.problems] == ["B", "C"]


def test_merged_columns_are_refused_whole():
    # openpyxl would write a million cells to merge them.
    content = patched(
        book(*[(f"i{n}", "A", 1) for n in range(1100)]),
        {
            SHEET: {
                "</sheetData>": '</sheetData><mergeCells><mergeCell ref="B2:B1048576"/></mergeCells>'
            }
        },
    )

    with pytest.raises(SheetError, match="rows 2 to 1101 are merged"):
        rows(content)


def test_error_cells_are_told():
    def break_cell(it):
        it.active["C2"] = "#DIV/0!"
        it.active["C2"].data_type = "e"

    [(where, _value, reason)] = problems("a", "A", change=break_cell)

    assert (where, reason) == ("C", "The cell shows an error of Excel. Enter the value.")


def test_marks_in_columns_that_are_not_read_do_not_count():
    content = book(
        ("a", "A", 1, "", "=1+1"), (None, None, None, None, "=2"), headings=(*HEADINGS, "Note")
    )

    with sheets.read(io.BytesIO(content), workbook.COLUMNS) as sheet:
        assert [row.row for row in workbook.rows(sheet)] == [2]
        assert workbook.unknown_headings(sheet) == ["Note"]


def test_headings_are_known_in_every_language():
    with translation.override("zh-hans"):
        content = workbook.template()
        sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
        sheet["A2"] = "id_1"
        changed = io.BytesIO()
        sheet.parent.save(changed)

    [row] = rows(changed.getvalue())
    assert (row.item_id, row.price_cents) == ("id_1", 499)


def test_the_template_s_example_is_passed_over():
    assert rows(workbook.template()) == []


def test_the_template_names_the_currency_and_keeps_ids_as_text():
    book_ = openpyxl.load_workbook(io.BytesIO(workbook.template()))

    sheet, page = book_.worksheets
    assert tuple(cell.value for cell in sheet[1]) == HEADINGS
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["A"].number_format == "@"
    assert {str(v.sqref).split(":")[0]: v.type for v in sheet.data_validations.dataValidation} == {
        "A2": "textLength",
        "B2": "textLength",
        "C2": "decimal",
    }
    assert page["A1"].value == "How to fill in the sheet of items"
    assert page.max_row == 10


def place(*anchors):
    def change(it):
        for anchor in anchors:
            image = Image(io.BytesIO(encoded()))
            if isinstance(anchor, tuple):
                first, last = anchor
                image.anchor = TwoCellAnchor(
                    _from=AnchorMarker(col=3, row=first - 1),
                    to=AnchorMarker(col=4, row=last - 1, rowOff=9),
                )
                it.active.add_image(image)
            else:
                it.active.add_image(image, anchor)

    return change


def test_a_floating_picture_is_its_row_s():
    [row] = rows(book(("a", "A", 1), change=place("D2")))

    assert row == Right(2, "a", "A", 100, "xl/media/image1.png", is_in_sheet=True)


@pytest.mark.parametrize(
    ("anchors", "cells", "words"),
    [
        (["B2"], ("a", "A", 1), "A picture lies in column B. Place it in column D."),
        (["D2", "D2"], ("a", "A", 1), "Several pictures lie on this row."),
        ([(2, 4)], ("a", "A", 1), "The picture reaches over rows 2 to 4."),
        (["D2"], ("a", "A", 1, "a.png"), "holds a picture and names a file too"),
        (["D2"], (), "Enter an item ID."),
    ],
)
def test_a_picture_that_is_no_row_s_is_told(anchors, cells, words):
    told = problems(*cells, change=place(*anchors))

    assert words in " ".join(reason for _where, _value, reason in told)


def test_a_picture_over_the_headings_is_refused():
    with pytest.raises(SheetError, match="row 1: a picture lies on a row that holds no item"):
        rows(book(("a", "A", 1), change=place("A1")))


def wps(name="ID_1"):
    """Return a workbook as WPS writes it: the picture is a formula."""
    return patched(
        book(("a", "A", 1, "x")),
        {
            SHEET: {
                '<c r="D2" t="inlineStr"><is><t>x</t></is></c>': '<c r="D2" t="str">'
                f'<f>_xlfn.DISPIMG("{name}",1)</f><v>=DISPIMG("{name}",1)</v></c>'
            }
        },
        {
            "xl/cellimages.xml": '<etc:cellImages xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData"'
            ' xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"'
            f' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{RELATIONSHIPS}">'
            '<etc:cellImage><xdr:pic><xdr:nvPicPr><xdr:cNvPr id="2" name="ID_1"/></xdr:nvPicPr>'
            '<xdr:blipFill><a:blip r:embed="rId1"/></xdr:blipFill></xdr:pic></etc:cellImage></etc:cellImages>',
            "xl/_rels/cellimages.xml.rels": f'{RELATIONS}<Relationship Id="rId1" Type="{RELATIONSHIPS}/image"'
            ' Target="media/image1.png"/></Relationships>',
            "xl/media/image1.png": encoded(),
        },
    )


def excel(local="0", key="_rvRel:LocalImageIdentifier"):
    """Return a workbook as Excel writes a picture that is placed in a cell."""
    rich = "http://schemas.microsoft.com/office/spreadsheetml/2017/richdata"
    return patched(
        book(("a", "A", 1, "x")),
        {
            SHEET: {
                '<c r="D2" t="inlineStr"><is><t>x</t></is></c>': '<c r="D2" t="e" vm="1">'
                "<v>#VALUE!</v></c>"
            }
        },
        {
            "xl/metadata.xml": '<metadata xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
            f' xmlns:xlrd="{rich}"><futureMetadata name="XLRICHVALUE" count="1"><bk><extLst><ext>'
            '<xlrd:rvb i="0"/></ext></extLst></bk></futureMetadata><valueMetadata count="1"><bk>'
            '<rc t="1" v="0"/></bk></valueMetadata></metadata>',
            "xl/richData/rdrichvaluestructure.xml": f'<rvStructures xmlns="{rich}"><s t="_localImage">'
            f'<k n="CalcOrigin" t="i"/><k n="{key}" t="i"/></s></rvStructures>',
            "xl/richData/rdrichvalue.xml": f'<rvData xmlns="{rich}"><rv s="0"><v>5</v>'
            f"<v>{local}</v></rv></rvData>",
            "xl/richData/richValueRel.xml": '<richValueRels xmlns="http://schemas.microsoft.com/office/'
            f'spreadsheetml/2022/richvaluerel" xmlns:r="{RELATIONSHIPS}"><rel r:id="rId1"/></richValueRels>',
            "xl/richData/_rels/richValueRel.xml.rels": f'{RELATIONS}<Relationship Id="rId1"'
            f' Type="{RELATIONSHIPS}/image" Target="../media/image1.png"/></Relationships>',
            "xl/media/image1.png": encoded(),
        },
    )


@pytest.mark.parametrize("content", [wps(), excel()], ids=["WPS", "Excel"])
def test_a_picture_placed_in_a_cell_is_its_row_s(content):
    assert rows(content) == [
        Right(2, "a", "A", 100, "xl/media/image1.png", is_in_sheet=True),
    ]


@pytest.mark.parametrize(
    "content", [wps("ID_2"), excel("1"), excel("-1"), excel(key="x")], ids=["WPS", "1", "-1", "key"]
)
def test_a_picture_whose_file_is_missing_is_told(content):
    [row] = rows(content)

    assert [(problem.column, problem.reason) for problem in row.problems] == [
        ("D", "The cell's picture is not in the workbook. Place it again.")
    ]


IDS = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")
NAMES = st.from_regex(r"\A[A-Za-z\u4e00-\u9fa5!?()]{1,64}\Z")
CENTS = st.integers(1, 10**9)


@settings(deadline=None)
@given(st.dictionaries(IDS, st.tuples(NAMES, CENTS, st.booleans()), min_size=1, max_size=8))
def test_every_right_item_comes_back_whole(items):
    lines = [
        (item_id, name, str(Decimal(cents) / 100) if as_text else cents / 100, "")
        for item_id, (name, cents, as_text) in items.items()
    ]
    content = sheet_writing.filled("Items", workbook.COLUMNS, lines, rules=("Rules", [""]))

    assert [(row.item_id, row.name, row.price_cents) for row in rows(content)] == [
        (item_id, name, cents) for item_id, (name, cents, _as_text) in items.items()
    ]


@settings(deadline=None)
@given(
    st.tuples(
        *[st.one_of(st.text(max_size=70), st.floats(allow_nan=False, allow_infinity=False))] * 4
    )
)
def test_every_row_is_right_or_told_why_not(cells):
    content = sheet_writing.filled("Items", workbook.COLUMNS, [cells], rules=("Rules", [""]))

    for row in rows(content):
        if isinstance(row, Wrong):
            assert all(problem.reason and problem.column for problem in row.problems)
        else:
            assert (row.item_id, row.price_cents > 0) == (cells[0], True)


def test_wrong_rows_come_back_wrong_until_they_are_corrected():
    bad = [
        (date(2026, 1, 2), "A", 1), (True, "A", 1), (5, "A", 1), ("a b", 7, "1e3"),
        ("c", "=1", date(2026, 1, 2), "x.gif"),
    ]  # fmt: skip
    wrong = rows(book(*bad))

    again = rows(workbook.of_wrong_rows((row.cells, row.problems) for row in wrong))

    assert len(again) == len(bad)
    assert all(isinstance(row, Wrong) for row in again)
