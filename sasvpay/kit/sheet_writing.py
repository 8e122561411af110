"""Workbooks that we make: a template to fill, and the same with rows in it.

openpyxl makes the frame. Rows are written straight into its sheet: openpyxl needs half a
millisecond for one, and would turn a text such as "=1+1" into a formula.
"""

import io
import math
import re
import zipfile
from collections.abc import Container, Iterable, Sequence
from typing import IO, Any, Final
from xml.sax.saxutils import escape

import openpyxl  # noqa: TID251 -- this is the door
from openpyxl.drawing.image import Image  # noqa: TID251 -- as above
from openpyxl.styles import Alignment, Font, PatternFill  # noqa: TID251 -- as above
from openpyxl.worksheet.datavalidation import DataValidation  # noqa: TID251 -- as above

from sasvpay.kit.sheet_scans import LAST_ROW, letters
from sasvpay.kit.sheets import Column, Rule

_SHEET: Final = "xl/worksheets/sheet1.xml"
_ROWS_END: Final = b"</sheetData>"
_DIMENSION: Final = re.compile(rb"<dimension [^>]*/>")
_STYLE: Final = re.compile(r'<col [^>]*style="(\d+)" min="(\d+)"')
# What XML 1.0 cannot hold, and the escapes that Excel would read as such.
_UNWRITABLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
EXCEL_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_HEADING_FILL: Final = "DCE6F1"
_EXAMPLE_COLOUR: Final = "808080"


def template(
    title: str, columns: Sequence[Column], *, rules: tuple[str, Sequence[str]], example: bool = True
) -> bytes:
    """Return an empty workbook: headings, perhaps an example row, checks, a sheet of rules."""
    return _saved(_frame(title, columns, rules, example=example))


def filled(
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    *,
    rules: tuple[str, Sequence[str]],
    pictures: Iterable[tuple[int, int, IO[bytes]]] = (),
) -> bytes:
    """Return the template with rows below its headings; pictures by row and column, from 1."""
    workbook = _frame(title, columns, rules, example=False)
    tall = set()
    for row, column, file in pictures:
        image = Image(file)
        image.width, image.height = 64, 64
        workbook.worksheets[0].add_image(image, f"{letters(column)}{row}")
        tall.add(row)
    return _with_rows(_saved(workbook), rows, tall)


def _frame(
    title: str, columns: Sequence[Column], rules: tuple[str, Sequence[str]], *, example: bool
) -> Any:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = title
    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, start=1):
        _add_column(sheet, number, column, example=example)
    name, sentences = rules
    page = workbook.create_sheet(name)
    page.column_dimensions["A"].width = 110
    for row, sentence in enumerate(sentences, start=1):
        _put(page, row, 1, sentence).alignment = Alignment(wrap_text=True, vertical="top")
    page["A1"].font = Font(bold=True, size=14)
    return workbook


def _add_column(sheet: Any, number: int, column: Column, *, example: bool) -> None:
    heading = _put(sheet, 1, number, str(column.heading))
    heading.font = Font(bold=True)
    heading.fill = PatternFill("solid", fgColor=_HEADING_FILL)
    letter = letters(number)
    sheet.column_dimensions[letter].width = column.width
    # For the whole column: what is typed below keeps its zeros.
    sheet.column_dimensions[letter].number_format = column.format
    if example:
        cell = _put(sheet, 2, number, column.example)
        cell.number_format = column.format
        cell.font = Font(italic=True, color=_EXAMPLE_COLOUR)
    if column.rule is not None:
        cells = f"{letter}2:{letter}{LAST_ROW}"
        sheet.add_data_validation(_validation(column.rule, str(column.heading), cells))


def _validation(rule: Rule, heading: str, cells: str) -> DataValidation:
    validation = DataValidation(
        type=rule.kind,
        operator="between",
        formula1=rule.least,
        formula2=rule.most,
        allow_blank=True,
        showErrorMessage=True,
        showInputMessage=True,
        errorTitle=heading[:32],
        error=str(rule.words)[:255],
        promptTitle=heading[:32],
        prompt=str(rule.words)[:255],
    )
    validation.add(cells)
    return validation


def _put(sheet: Any, row: int, column: int, value: str | float) -> Any:
    cell = sheet.cell(row, column, value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def _saved(workbook: Any) -> bytes:
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def _with_rows(frame: bytes, rows: Iterable[Sequence[Any]], tall: Container[int]) -> bytes:
    """Return the frame with rows written into its first sheet, below the headings."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(frame)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            with new.open(name, "w") as part:
                if name == _SHEET:
                    _write_rows(part, old.read(name), rows, tall)
                else:
                    part.write(old.read(name))
    return file.getvalue()


def _write_rows(
    part: IO[bytes], frame: bytes, rows: Iterable[Sequence[Any]], tall: Container[int]
) -> None:
    before, end, after = frame.partition(_ROWS_END)
    styles = {int(column): style for style, column in _STYLE.findall(before.decode())}
    # The frame tells how far it goes, and is longer now.
    part.write(_DIMENSION.sub(b"", before))
    for number, row in enumerate(rows, start=2):
        height = ' ht="50" customHeight="1"' if number in tall else ""
        cells = "".join(
            _cell(f"{letters(column)}{number}", value, styles.get(column, "0"))
            for column, value in enumerate(row, start=1)
        )
        part.write(f'<row r="{number}"{height}>{cells}</row>'.encode())
    part.write(end + after)


def _cell(place: str, value: Any, style: str) -> str:
    """Return a cell: a number as one, all else as text that nothing calculates."""
    if value == "":
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return f'<c r="{place}" s="{style}"><v>{value!r}</v></c>'
    return (
        f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">'
        f"{written(str(value))}</t></is></c>"
    )


def written(text: str) -> str:
    """Return a text as it stands in a sheet: markup and what XML cannot hold escaped."""
    whole = EXCEL_ESCAPE.sub("_x005F_", text)
    return escape(_UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", whole))
