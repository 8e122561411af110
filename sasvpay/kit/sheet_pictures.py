"""Where the pictures of a sheet lie, and which part of the workbook each is."""

from collections.abc import Iterator
from dataclasses import dataclass

from sasvpay.kit.sheet_parts import Parts
from sasvpay.kit.sheet_picture_scans import (
    CellImages,
    Drawing,
    Metadata,
    RichRelations,
    RichStructures,
    RichValues,
)
from sasvpay.kit.sheet_scans import Cell, Worksheet


@dataclass(frozen=True)
class Picture:
    """A picture on a sheet: its rows and column from 1 (0 if it has none), its part if found."""

    row: int
    last_row: int
    column: int
    part: str | None


def of_sheet(parts: Parts, part: str) -> list[Picture]:
    """Return the pictures of a sheet, by row; one whose file is missing has no part."""
    sheet = parts.scans[part]
    if not isinstance(sheet, Worksheet):
        return []
    found = [*_floating(parts, part, sheet), *_in_cells(parts, sheet)]
    return sorted(found, key=lambda picture: (picture.row, picture.column))


def _floating(parts: Parts, part: str, sheet: Worksheet) -> Iterator[Picture]:
    drawings = parts.relations(part)
    for key in sheet.drawings:
        drawing = drawings.get(key, "")
        scan = parts.scans.get(drawing)
        if isinstance(scan, Drawing):
            files = parts.relations(drawing)
            for row, last, column, embed in scan.pictures:
                yield Picture(row, last, column, _there(parts, files.get(embed)))


def _in_cells(parts: Parts, sheet: Worksheet) -> Iterator[Picture]:
    if sheet.embedded:
        named = _named(parts)
        yield from _single(parts, {at: named.get(name) for at, name in sheet.embedded.items()})
    if sheet.rich:
        rich = _rich(parts)
        yield from _single(parts, {at: rich.get(number) for at, number in sheet.rich.items()})


def _single(parts: Parts, files: dict[Cell, str | None]) -> Iterator[Picture]:
    for (row, column), file in files.items():
        yield Picture(row, row, column, _there(parts, file))


def _named(parts: Parts) -> dict[str, str | None]:
    """Return the files of WPS's pictures by name."""
    return {
        name: parts.relations(part).get(relation)
        for part, images in parts.of(CellImages)
        for name, relation in images.relations.items()
    }


def _rich(parts: Parts) -> dict[int, str | None]:
    """Return the files of Excel's pictures by the number that cells carry, which is from 1."""
    metadata: Metadata = next((scan for _part, scan in parts.of(Metadata)), Metadata())
    values = next((scan for _part, scan in parts.of(RichValues)), RichValues()).values
    places = next((scan for _part, scan in parts.of(RichStructures)), RichStructures()).places
    part, relations = next(parts.of(RichRelations), ("", RichRelations()))
    files = parts.relations(part)

    def follow(value: int) -> str | None:
        structure, content = values[_index(metadata.rich[_index(value)])]
        place = places[_index(structure)]
        if place is None:
            return None
        return files.get(relations.relations[_index(int(content[place]))])

    found: dict[int, str | None] = {}
    for number, value in enumerate(metadata.values, start=1):
        try:
            found[number] = follow(value)
        except (IndexError, ValueError):
            found[number] = None
    return found


def _index(number: int) -> int:
    """Return what counts from 0; Python would count the negative from the end."""
    if number < 0:
        raise IndexError(number)
    return number


def _there(parts: Parts, file: str | None) -> str | None:
    return file if file in parts.archive.NameToInfo else None
