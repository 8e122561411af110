"""Workbooks that people send: opened only when checked, read as rows under known headings.

A list is described once, by Column tuples: they make the template, find the columns whatever their
order is, and say what is wrong in a cell.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from sasvpay.kit import sheet_parts, sheet_pictures
from sasvpay.kit.sheet_parts import SheetError
from sasvpay.kit.sheet_pictures import Picture
from sasvpay.kit.sheet_scans import Worksheet, letters

# In how many of the first rows the headings are looked for.
_HEADING_ROWS: Final = 10
Row = tuple[int, tuple[Any, ...]]


class Rule(NamedTuple):
    """What Excel itself checks of a cell, and the sentence that it shows."""

    kind: str
    least: str
    most: str
    words: str | Promise


class Column(NamedTuple):
    """One column of a list, for the template, the reader and the errors."""

    heading: str | Promise
    field: str
    # Returns what a cell stands for, or raises ValueError with the reason why it cannot.
    parse: Callable[[Any], Any]
    # Excel's number format; "@" is text.
    format: str
    width: int
    example: str | float
    rule: Rule | None = None

    def headings(self) -> set[str]:
        """Return the heading in every language, as it is compared."""
        found = set()
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                found.add(folded(str(self.heading)))
        return found


@dataclass(frozen=True)
class Headings:
    """A row of headings: where each column stands, from 1, and what the list does not know."""

    row: int
    places: dict[str, int]
    doubled: list[str]
    missing: list[str]
    unknown: list[str]


@dataclass(frozen=True)
class Sheet:
    """The one sheet of a workbook that holds the list."""

    name: str
    columns: Sequence[Column]
    headings: Headings
    scan: Worksheet
    pictures: list[Picture]
    values: CalamineSheet
    parts: sheet_parts.Parts

    def rows(self) -> Iterator[Row]:
        """Return each row that is not empty: its number, and its cells in the columns' order."""
        left = (self.values.start or (0, 0))[1]
        # Each is there: a row is as wide as the headings.
        places = [self.headings.places[column.field] - 1 - left for column in self.columns]
        blank = ("",) * len(places)
        marked = self._marked_rows()
        number = 0
        for number, cells in enumerate(self.values.iter_rows(), start=1):
            row = tuple(map(cells.__getitem__, places))
            if number > self.headings.row and (row != blank or number in marked):
                yield number, row
        for late in sorted(marked):
            if late > max(number, self.headings.row):
                yield late, blank

    def _marked_rows(self) -> set[int]:
        """Return the rows that hold something although they may have no value."""
        read = set(self.headings.places.values())
        cells = self.scan.formulas | self.scan.errors
        rows = {row for row, column in cells if column in read}
        return rows | {picture.row for picture in self.pictures}

    def where(self, field: str) -> str:
        """Return the letters of a column."""
        return letters(self.headings.places[field])


@contextmanager
def read(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Sheet]:
    """Check a workbook, and open the sheet that has these columns; raise SheetError."""
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "checked.xlsx"
        parts = sheet_parts.check(file, clean)
        try:
            workbook = CalamineWorkbook.from_path(clean)
            sheet = _find(parts, workbook, columns)
        except (CalamineError, OSError) as error:
            raise sheet_parts.not_a_workbook() from error
        with parts.archive, workbook:
            yield sheet


def _find(parts: sheet_parts.Parts, workbook: CalamineWorkbook, columns: Sequence[Column]) -> Sheet:
    """Return the one sheet with all headings, or say what its likeliest lacks."""
    by_name = {name: part for part, name in parts.sheet_names().items()}
    sheets = []
    for metadata in workbook.sheets_metadata:
        part = by_name.get(metadata.name, "")
        scan = parts.scans.get(part)
        if metadata.typ is SheetTypeEnum.WorkSheet and isinstance(scan, Worksheet):
            values = workbook.get_sheet_by_name(metadata.name)
            pictures = sheet_pictures.of_sheet(parts, part)
            headings = _headings(values, columns)
            sheets.append(Sheet(metadata.name, columns, headings, scan, pictures, values, parts))
    if not sheets:
        raise SheetError(_("The workbook has no sheet. Use the template."))
    return _only(sheets)


def _only(sheets: list[Sheet]) -> Sheet:
    whole = [sheet for sheet in sheets if not sheet.headings.missing]
    if len(whole) > 1:
        raise SheetError(
            _("The sheets %(sheets)s all hold a list. Put all rows into one sheet.")
            % {"sheets": ", ".join(f"“{sheet.name}”" for sheet in whole)}
        )
    sheet = whole[0] if whole else min(sheets, key=lambda sheet: len(sheet.headings.missing))
    _check_headings(sheet)
    return sheet


def _check_headings(sheet: Sheet) -> None:
    headings = sheet.headings
    facts = {"sheet": sheet.name, "row": headings.row, "found": _quoted(headings.unknown)}
    if headings.missing:
        facts["missing"] = _quoted(headings.missing)
        sentence = _("Sheet “%(sheet)s”, row %(row)s: the heading %(missing)s is missing.") % facts
        if headings.unknown:
            sentence += " " + _("Found instead: %(found)s.") % facts
        raise SheetError(sentence + " " + _("Use the template."))
    if headings.doubled:
        facts["doubled"] = _quoted(headings.doubled)
        raise SheetError(
            _("Sheet “%(sheet)s”, row %(row)s: the heading %(doubled)s stands there twice.") % facts
        )
    if any(first[0] <= headings.row <= last[0] for first, last in sheet.scan.merged):
        raise SheetError(
            _("Sheet “%(sheet)s”, row %(row)s: headings are merged cells. Use the template.")
            % facts
        )


def _headings(values: CalamineSheet, columns: Sequence[Column]) -> Headings:
    """Return what the first row that is not empty tells."""
    left = (values.start or (0, 0))[1]
    rows = enumerate(islice(values.iter_rows(), _HEADING_ROWS), start=1)
    empty: tuple[int, list[Any]] = (1, [])
    row, cells = next((each for each in rows if any(cell != "" for cell in each[1])), empty)
    texts = {place: str(cell) for place, cell in enumerate(cells, start=left + 1) if cell != ""}
    known = known_headings(columns)
    fields = {place: known.get(folded(text)) for place, text in texts.items()}
    times = Counter(field for field in fields.values() if field)
    return Headings(
        row=row,
        places={field: place for place, field in fields.items() if field},
        doubled=[str(column.heading) for column in columns if times[column.field] > 1],
        missing=[str(column.heading) for column in columns if not times[column.field]],
        unknown=[text for place, text in texts.items() if not fields[place]],
    )


def known_headings(columns: Sequence[Column]) -> dict[str, str]:
    """Return which field each heading stands for, in every language."""
    return {heading: column.field for column in columns for heading in column.headings()}


def folded(text: str) -> str:
    """Return a heading as headings are compared."""
    return " ".join(text.split()).casefold()


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(f"“{text[:100]}”" for text in texts)
