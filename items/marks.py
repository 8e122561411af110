"""What in the item sheet is no plain value: formulas, errors, merged cells, pictures."""

from collections import defaultdict
from collections.abc import Iterator

from django.utils.translation import gettext as _

from sasvpay.kit.sheet_parts import SheetError
from sasvpay.kit.sheet_pictures import Picture
from sasvpay.kit.sheet_scans import MAX_COLUMNS, MAX_MARKS, Cell, letters
from sasvpay.kit.sheets import Sheet


def picture_of(sheet: Sheet, pictures: list[Picture], named: str) -> tuple[str, list[str]]:
    """Return a row's picture, and why it cannot be taken."""
    if not pictures:
        return named, []
    column = sheet.headings.places["image"]
    facts = {"column": sheet.where("image")}
    reasons = []
    if len(pictures) > 1:
        reasons.append(_("Several pictures lie on this row. Leave one."))
    if named:
        reasons.append(_("The cell holds a picture and names a file too. Leave one of them."))
    for picture in pictures:
        if picture.last_row > picture.row:
            reasons.append(
                _("The picture reaches over rows %(first)s to %(last)s. Place it within its row.")
                % {"first": picture.row, "last": picture.last_row}
            )
        if picture.column != column:
            reasons.append(
                _("A picture lies in column %(there)s. Place it in column %(column)s.")
                % {**facts, "there": letters(picture.column) or "?"}
            )
        if picture.part is None:
            reasons.append(_("The cell's picture is not in the workbook. Place it again."))
    return pictures[0].part or "", reasons


def pictures_of(sheet: Sheet) -> dict[int, list[Picture]]:
    """Return the pictures of each row; refuse those that lie on no row of the list."""
    found: dict[int, list[Picture]] = defaultdict(list)
    for picture in sheet.pictures:
        if picture.row <= sheet.headings.row:
            raise SheetError(
                _("Sheet “%(sheet)s”, row %(row)s: a picture lies on a row that holds no item.")
                % {"sheet": sheet.name, "row": max(picture.row, 1)}
            )
        found[picture.row].append(picture)
    return found


def marks_of(sheet: Sheet) -> dict[int, dict[str, str]]:
    """Return for rows with cells that are no plain values why they cannot be taken, by field."""
    fields = {place: field for field, place in sheet.headings.places.items()}
    marks: dict[int, dict[str, str]] = defaultdict(dict)
    for cell_range in sheet.scan.merged:
        for row, column in _within(sheet, cell_range):
            if column in fields:
                marks[row][fields[column]] = _("The cell is merged with others. Unmerge it.")
    for reason, found in (
        (_("The cell holds a formula. Paste its value instead."), sheet.scan.formulas),
        (_("The cell shows an error of Excel. Enter the value."), sheet.scan.errors),
    ):
        for row, column in found:
            if column in fields:
                marks[row][fields[column]] = reason
    return marks


def _within(sheet: Sheet, cell_range: tuple[Cell, Cell]) -> Iterator[Cell]:
    """Return the cells of a merged range, as far as there are rows."""
    (first_row, first), (last_row, last) = cell_range
    last_row = min(last_row, sheet.scan.last_row)
    if last_row - first_row > MAX_MARKS:
        raise SheetError(
            _("Sheet “%(sheet)s”: rows %(first)s to %(last)s are merged. Unmerge them.")
            % {"sheet": sheet.name, "first": first_row, "last": last_row}
        )
    for row in range(first_row, last_row + 1):
        for column in range(first, min(last, MAX_COLUMNS) + 1):
            yield row, column
