"""The item sheet: its columns, the template, and items or problems out of a file.

A row that is right costs one conversion. Only one that is not is looked at cell by cell, until all
that is wrong with it is known.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import IO, Annotated, Any, Final, NamedTuple

import msgspec
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from items import cells
from items.cells import CellError
from items.marks import marks_of, picture_of, pictures_of
from items.models import MAX_PRICE_CENTS
from sasvpay.kit import sheet_writing
from sasvpay.kit.money import format_cents
from sasvpay.kit.sheet_pictures import Picture
from sasvpay.kit.sheets import Column, Rule, Sheet, folded

COLUMNS: Final = (
    Column(
        heading=gettext_lazy("Item ID"),
        field="item_id",
        parse=cells.item_id,
        format="@",
        width=28,
        example="example_sword",
        rule=Rule(
            "textLength", "1", "64", gettext_lazy("1 to 64 letters, digits, “_” and “-”, as text.")
        ),
    ),
    Column(
        heading=gettext_lazy("Name"),
        field="name",
        parse=cells.name,
        format="@",
        width=36,
        example="Starlight Sword",
        rule=Rule("textLength", "1", "64", gettext_lazy("1 to 64 characters.")),
    ),
    Column(
        heading=format_lazy("{} ({})", gettext_lazy("Price"), settings.CURRENCY),
        field="price_cents",
        parse=cells.price,
        format="0.00",
        width=16,
        example=4.99,
        rule=Rule(
            "decimal",
            "0.01",
            format_cents(MAX_PRICE_CENTS),
            gettext_lazy("A number above 0 with at most two decimals, such as 4.99."),
        ),
    ),
    Column(
        heading=gettext_lazy("Image"),
        field="image",
        parse=cells.image,
        format="@",
        width=32,
        example="starlight_sword.png",
    ),
)
# Only in the workbook of wrong rows; passed over when that one comes back.
REASONS: Final = Column(
    heading=gettext_lazy("What is wrong"),
    field="reasons",
    parse=str,
    format="@",
    width=80,
    example="",
)
_EXAMPLE: Final = tuple(column.example for column in COLUMNS)
# What is right beyond doubt; whatever else may be right too is asked of the rules.
_PLAIN: Final = r"\w!-~\u3001-\u303e\uff01-\uff5e"


class Right(NamedTuple):
    """An item as a row tells it. `image` is a part of the workbook or a file of the zip."""

    row: int
    item_id: str
    name: str
    price_cents: int
    image: str
    is_in_sheet: bool


class Problem(NamedTuple):
    """What is wrong in one cell."""

    column: str
    heading: str
    value: str
    reason: str


class Wrong(NamedTuple):
    """A row that cannot be taken: its cells as they are, and all that is wrong."""

    row: int
    # Nothing if that is wrong too.
    item_id: str
    cells: list[str | float]
    problems: list[Problem]
    # The part of the workbook that is its picture.
    picture: str = ""


class _Cells(msgspec.Struct, array_like=True, gc=False):
    item_id: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
    name: Annotated[str, msgspec.Meta(pattern=rf"\A[{_PLAIN}](?:[ {_PLAIN}]{{0,62}}[{_PLAIN}])?\Z")]
    price: Annotated[float, msgspec.Meta(gt=0, le=MAX_PRICE_CENTS / 100)]
    image: Annotated[
        str, msgspec.Meta(pattern=r"\A(?:[A-Za-z0-9_-]{1,90}\.(?:png|jpg|jpeg|webp))?\Z")
    ]


def rows(sheet: Sheet) -> Iterator[Right | Wrong]:
    """Return each row of the sheet, right or wrong; the template's example is passed over."""
    marks, pictures = marks_of(sheet), pictures_of(sheet)
    seen: dict[str, int] = {}
    for number, values in sheet.rows():
        if values == _EXAMPLE:
            continue
        row: Right | Wrong | None = None
        if number not in marks and number not in pictures:
            row = _plain(number, values)
        if row is None:
            row = _looked_at(sheet, number, values, marks.get(number, {}), pictures.get(number, []))
        if row.item_id:
            first = seen.setdefault(row.item_id, number)
            if first != number:
                row = _doubled(sheet, row, values, first)
        yield row


def _plain(number: int, values: tuple[Any, ...]) -> Right | None:
    """Return a row that is right beyond doubt."""
    try:
        row = msgspec.convert(values, _Cells)
    except msgspec.ValidationError:
        return None
    cents = round(row.price * 100)
    if cents / 100 != row.price or not unicodedata.is_normalized("NFC", row.name):
        return None
    return Right(number, row.item_id, row.name, cents, row.image, is_in_sheet=False)


def _looked_at(
    sheet: Sheet,
    number: int,
    values: tuple[Any, ...],
    marks: dict[str, str],
    pictures: list[Picture],
) -> Right | Wrong:
    """Return what a row tells, or all that is wrong with it."""
    found: dict[str, Any] = {}
    problems = []
    if pictures:
        values = _without_pictures(sheet, number, values)
    for column, value in zip(sheet.columns, values, strict=True):
        if column.field in marks:
            problems.append(_problem(sheet, column, value, marks[column.field]))
            continue
        try:
            found[column.field] = column.parse(value)
        except CellError as error:
            problems.append(_problem(sheet, column, value, str(error)))
    image, reasons = picture_of(sheet, pictures, found.get("image", ""))
    problems += [_problem(sheet, COLUMNS[-1], values[-1], reason) for reason in reasons]
    if problems:
        kept = [cells.kept(value) for value in values]
        part = pictures[0].part if pictures else None
        return Wrong(number, found.get("item_id", ""), kept, problems, part or "")
    return Right(number, **{**found, "image": image}, is_in_sheet=bool(pictures))


def _without_pictures(sheet: Sheet, number: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row without the formulas by which WPS writes pictures."""
    places = [sheet.headings.places[column.field] for column in sheet.columns]
    return tuple(
        "" if (number, place) in sheet.scan.embedded else value
        for place, value in zip(places, values, strict=True)
    )


def _problem(sheet: Sheet, column: Column, value: Any, reason: str) -> Problem:
    return Problem(sheet.where(column.field), str(column.heading), cells.shown(value), reason)


def _doubled(sheet: Sheet, row: Right | Wrong, values: tuple[Any, ...], first: int) -> Wrong:
    reason = _("The same ID stands in row %(row)s already.") % {"row": first}
    problem = _problem(sheet, COLUMNS[0], row.item_id, reason)
    if isinstance(row, Wrong):
        return row._replace(problems=[problem, *row.problems])
    kept = [cells.kept(value) for value in values]
    return Wrong(row.row, row.item_id, kept, [problem], row.image if row.is_in_sheet else "")


def unknown_headings(sheet: Sheet) -> list[str]:
    """Return the headings of columns that are passed over."""
    ours = REASONS.headings()
    return [heading for heading in sheet.headings.unknown if folded(heading) not in ours]


def template() -> bytes:
    """Return the workbook that people fill."""
    return sheet_writing.template(_("Items"), COLUMNS, rules=(_("Rules"), _rules()))


def of_wrong_rows(
    rows: Iterable[tuple[list[str | float], list[Problem]]],
    pictures: Iterable[tuple[int, IO[bytes]]] = (),
) -> bytes:
    """Return wrong rows with their reasons: to be corrected, and uploaded as it is."""
    return sheet_writing.filled(
        _("Items"),
        (*COLUMNS, REASONS),
        ([*kept, _sentences(problems)] for kept, problems in rows),
        rules=(_("Rules"), _rules()),
        pictures=[(row, len(COLUMNS), file) for row, file in pictures],
    )


def _sentences(problems: list[Problem]) -> str:
    return "\n".join(
        f"{problem.heading}: {problem.reason}"
        + (" " + _("It was: %(value)s") % {"value": problem.value} if problem.value else "")
        for problem in problems
    )


def _rules() -> list[str]:
    """Return the sheet of rules, a title first."""
    currency = {"currency": settings.CURRENCY, "most": format_cents(MAX_PRICE_CENTS)}
    return [
        _("How to fill in the sheet of items"),
        _("One row is one item. At most 50,000 rows, 16 columns and 20 MB. The file is an .xlsx."),
        _("Keep the headings; their order does not matter. The grey example row is passed over."),
        _("Item ID: 1 to 64 letters (A to Z), digits, “_” and “-”, once in the sheet.")
        + " "
        + _("An item that exists is changed; an ID is never used again once its item is deleted.")
        + " "
        + _("Keep the column's format, Text: Excel would turn 00123 into 123."),
        _("Name: 1 to 64 characters. Players see it when they pay."),
        _("Price: in %(currency)s, above 0, up to %(most)s, at most two decimals.") % currency
        + " "
        + _("Digits and a point only: no currency sign, no separators of thousands."),
        _("Image: place the picture in the cell, or name its file and upload a zip with it.")
        + " "
        + _("PNG, JPEG or WebP up to 2 MB. Empty: the item keeps the picture that it has."),
        _("Values only: no formulas, no merged cells, no macros, no links to other files."),
        _("A changed item that is on sale stays on sale as it is until its draft is released.")
        + " "
        + _("One that is in review is withdrawn from it."),
        _("The upload shows first what would change; nothing is saved before you say so."),
    ]
