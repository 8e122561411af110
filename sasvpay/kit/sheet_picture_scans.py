"""What the checking pass remembers of pictures: floating ones, and those placed in cells.

Excel's "place in cell" leads from the cell's `vm` over five parts to the file; WPS writes a formula
that names an entry of xl/cellimages.xml.
"""

from typing import Final

from sasvpay.kit.sheet_scans import Attributes, Scan


class Drawing(Scan):
    """Pictures that float over a sheet: where each is anchored."""

    listens = True
    texts = frozenset({"row", "col", "rowOff"})

    def __init__(self) -> None:
        # The first and the last row, the first column (all from 1), and the relation of each.
        self.pictures: list[tuple[int, int, int, str]] = []
        self._numbers: dict[str, int] = {}
        self._side = "from"

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one element."""
        if name.endswith("Anchor"):
            self._numbers = {}
        elif name in {"from", "to"}:
            self._side = name
        elif name == "blip":
            self.keep(self.pictures)
            row = self._numbers.get("fromrow", -1) + 1
            last = self._last(row)
            self.pictures.append(
                (row, last, self._numbers.get("fromcol", -1) + 1, attrs.get("embed", ""))
            )

    def _last(self, row: int) -> int:
        last = self._numbers.get("torow", row - 1) + 1
        # A picture that ends on the line above a row does not lie on that row.
        return last if self._numbers.get("torowOff", 1) > 0 else max(row, last - 1)

    def text(self, name: str, words: str) -> None:
        """Take a number of an anchor."""
        self._numbers[self._side + name] = int(words)


class CellImages(Scan):
    """xl/cellimages.xml: the pictures that WPS places in cells, by name."""

    listens = True

    def __init__(self) -> None:
        self.relations: dict[str, str] = {}
        self._name = ""

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one element."""
        if name == "cNvPr":
            self._name = attrs.get("name", "")
        elif name == "blip":
            self.keep(self.relations)
            self.relations[self._name] = attrs.get("embed", "")


class Metadata(Scan):
    """xl/metadata.xml: from a cell's `vm` to the rich value it stands for."""

    listens = True

    def __init__(self) -> None:
        self.values: list[int] = []
        self.rich: list[int] = []
        self._section = ""

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one element."""
        if name in {"futureMetadata", "valueMetadata", "cellMetadata"}:
            self._section = name
        elif name == "rc" and self._section == "valueMetadata":
            self.keep(self.values)
            self.values.append(int(attrs.get("v", "-1")))
        elif name == "rvb":
            self.keep(self.rich)
            self.rich.append(int(attrs.get("i", "-1")))


class RichStructures(Scan):
    """xl/richData/rdrichvaluestructure.xml: at which place a structure names its picture."""

    listens = True

    def __init__(self) -> None:
        self.places: list[int | None] = []
        self._key = 0

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one element."""
        if name == "s":
            self.keep(self.places)
            self.places.append(None)
            self._key = 0
        elif name == "k" and self.places:
            if attrs.get("n") == "_rvRel:LocalImageIdentifier":
                self.places[-1] = self._key
            self._key += 1


class RichValues(Scan):
    """xl/richData/rdrichvalue.xml: each value's structure and content."""

    listens = True
    texts = frozenset({"v"})

    def __init__(self) -> None:
        self.values: list[tuple[int, list[str]]] = []

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one value."""
        if name == "rv":
            self.keep(self.values)
            self.values.append((int(attrs.get("s", "-1")), []))

    def text(self, name: str, words: str) -> None:
        """Take one part of its content."""
        if self.values:
            self.keep(self.values[-1][1])
            self.values[-1][1].append(words)


class RichRelations(Scan):
    """xl/richData/richValueRel.xml: the relations that rich values count."""

    listens = True

    def __init__(self) -> None:
        self.relations: list[str] = []

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one relation."""
        if name == "rel":
            self.keep(self.relations)
            self.relations.append(attrs.get("id", ""))


ROOTS: Final[dict[str, type[Scan]]] = {
    "wsDr": Drawing,
    "cellImages": CellImages,
    "metadata": Metadata,
    "rvStructures": RichStructures,
    "rvData": RichValues,
    "richValueRels": RichRelations,
}
