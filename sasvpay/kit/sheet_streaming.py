"""Files of any length: rows are written as they come, and never all held.

A workbook's cells are inline strings, numbers and dates; nothing in it is calculated. Rows past the
last of a sheet go on in the next one, under the same headings.
"""

import re
import zipfile
from collections.abc import Sequence
from typing import IO, Final, Protocol

from sasvpay.kit.export_columns import Column, Kind
from sasvpay.kit.export_rows import csv_lines
from sasvpay.kit.sheet_writing import EXCEL_ESCAPE, written

# A sign that something stood there: neither XML nor a reader of csv takes these letters.
GONE: Final = "\N{REPLACEMENT CHARACTER}"
LAST_ROW_OF_EXCEL: Final = 1_048_576
_CONTROLS: Final = bytes({*range(32)} - {9, 10, 13})
_CONTROL: Final = re.compile(f"[{re.escape(_CONTROLS.decode())}\ufffe\uffff]")
# What Excel would take for one of its escapes, and what XML does not take.
_RARE: Final = (b"_x", "\ufffe".encode(), "\uffff".encode())
_ESCAPED: Final = re.compile(rb"\\(.)")
_UNESCAPED: Final = {
    b"t": b"&#9;", b"n": b"&#10;", b"r": b"&#13;", b"\\": b"\\",
    b"b": GONE.encode(), b"f": GONE.encode(), b"v": GONE.encode(),
}  # fmt: skip
_STYLES: Final = {Kind.MONEY: 2, Kind.TIME: 3, Kind.INTEGER: 4}
_EMPTY_NUMBER: Final = re.compile(rb'<c s="\d"><v></v></c>')
_HEADING_STYLE: Final = 1
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class Writer(Protocol):
    """Takes blocks of rows, in the form that `export_rows.pass_on` gives for its format."""

    def write(self, block: bytes) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Finish the file, which stays open."""
        ...


class CsvWriter:
    """UTF-8 with a byte order mark: without it Excel shows no Chinese."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], title: str) -> None:
        self._file = file
        file.write("\ufeff".encode() + csv_lines([[column.heading for column in columns]]))

    def write(self, block: bytes) -> None:
        """Add rows."""
        self._file.write(without_controls(block))

    def close(self) -> None:
        """Do nothing more."""


def without_controls(block: bytes) -> bytes:
    """Return a text in which each control character is a sign that there was one."""
    if any(control in block for control in _CONTROLS):
        return _CONTROL.sub(GONE, block.decode()).encode()
    return block


class XlsxWriter:
    """A workbook with as many sheets as the rows need."""

    def __init__(
        self,
        file: IO[bytes],
        columns: Sequence[Column],
        title: str,
        *,
        last_row: int = LAST_ROW_OF_EXCEL,
    ) -> None:
        self._columns = columns
        self._title = _CONTROL.sub("", re.sub(r"[\\/*?:\[\]]", " ", title))[:25]
        row = f"<row>{''.join(_cell(column.kind) for column in columns)}</row>"
        # What stands before each value, and behind the last.
        self._markup = row.encode().split(b"%s")
        self._numbers = [n for n, column in enumerate(columns) if column.kind in _STYLES]
        self._last_row = last_row
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._sheets = 0
        self._begin()

    def write(self, block: bytes) -> None:
        """Add rows, in PostgreSQL's text for COPY."""
        width = len(self._markup)
        # An empty value more at the end of each row: for the markup behind its last cell.
        values = _marked_up(without_controls(block)).replace(b"\n", b"\t\t").split(b"\t")[:-1]
        while values:
            if self._next_row > self._last_row:
                self._end()
                self._begin()
            here = values[: (self._last_row + 1 - self._next_row) * width]
            self._sheet.write(self._rows(here))
            self._next_row += len(here) // width
            values = values[len(here) :]

    def _rows(self, values: list[bytes]) -> bytes:
        pieces = [b""] * (2 * len(values))
        pieces[::2] = self._markup * (len(values) // len(self._markup))
        pieces[1::2] = values
        told = b"".join(pieces)
        # Where there is no number there is no cell.
        if any(b"" in values[place :: len(self._markup)] for place in self._numbers):
            told = _EMPTY_NUMBER.sub(b"<c/>", told)
        if b"\\" in told:
            told = _ESCAPED.sub(lambda match: _UNESCAPED[match[1]], told)
        return told

    def _begin(self) -> None:
        self._sheets += 1
        name = f"xl/worksheets/sheet{self._sheets}.xml"
        self._sheet = self._archive.open(name, "w", force_zip64=True)
        widths = "".join(
            f'<col min="{number}" max="{number}" width="{column.width}" customWidth="1"/>'
            for number, column in enumerate(self._columns, start=1)
        )
        headings = "".join(
            f'<c s="{_HEADING_STYLE}" t="inlineStr"><is><t>{written(column.heading)}</t></is></c>'
            for column in self._columns
        )
        self._sheet.write(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            f"</sheetView></sheetViews><cols>{widths}</cols>"
            f"<sheetData><row>{headings}</row>".encode()
        )
        self._next_row = 2

    def _end(self) -> None:
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()

    def close(self) -> None:
        """Finish the workbook."""
        self._end()
        for name, content in _frame(self._title, self._sheets).items():
            self._archive.writestr(name, _XML + content)
        self._archive.close()


def _cell(kind: Kind) -> str:
    if kind in _STYLES:
        return f'<c s="{_STYLES[kind]}"><v>%s</v></c>'
    return '<c t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>'


def _marked_up(block: bytes) -> bytes:
    if any(rare in block for rare in _RARE):
        block = _CONTROL.sub(GONE, EXCEL_ESCAPE.sub("_x005F_", block.decode())).encode()
    return block.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")


def _frame(title: str, sheets: int) -> dict[str, str]:
    """Return the parts around the sheets: what there is, how it hangs together, the styles."""
    numbers = range(1, sheets + 1)
    names = [title if number == 1 else f"{title} ({number})" for number in numbers]
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
            + "".join(
                f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
                for n in numbers
            )
            + "</Types>"
        ),
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>'
            + "".join(
                f'<sheet name="{written(name)}" sheetId="{n}" r:id="rId{n}"/>'
                for n, name in zip(numbers, names, strict=True)
            )
            + "</sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": _relations(
            [
                *(("worksheet", f"worksheets/sheet{n}.xml") for n in numbers),
                ("styles", "styles.xml"),
            ]
        ),
        "xl/styles.xml": _STYLE_SHEET,
    }


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_LINKS}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


# The formats of _STYLES, in their order: general, heading, money, time, integer.
_STYLE_SHEET: Final = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="4" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
