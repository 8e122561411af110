"""What the checking pass remembers of each kind of part, told by the part's root element."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Final

from defusedxml.expatreader import DefusedExpatParser

MAX_ROWS: Final = 50_000
MAX_COLUMNS: Final = 16
# One row of headings above them.
LAST_ROW: Final = MAX_ROWS + 1
# More formulas, error cells or merged ranges than that are a mistake of the whole sheet.
MAX_MARKS: Final = 1_000
MAX_FOUND: Final = 200_000
_LAST_LETTER: Final = chr(ord("A") + MAX_COLUMNS - 1)
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_DISPIMG: Final = re.compile(r'(?:_xlfn\.)?DISPIMG\(\s*"([^"]{1,100})"', re.IGNORECASE)

Cell = tuple[int, int]
Attributes = Mapping[str, str]
Listener = Callable[[Attributes], None]


class TooFarError(Exception):
    """A cell lies beyond the rows and columns that are read."""


class TooManyError(Exception):
    """A part repeats what it should hold a few times."""


def letters(column: int) -> str:
    """Return a column's letters: 1 is A."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def position(reference: str) -> Cell:
    """Return row and column of "B3", from 1."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(reference)
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), column


class Scan:
    """A part that nothing is remembered of."""

    listens: ClassVar[bool] = False
    # The elements whose words are asked for.
    texts: ClassVar[frozenset[str]] = frozenset()
    # Elements of other namespaces are passed over, and attributes come as they are.
    only_own: ClassVar[bool] = False

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one element: its name and its attributes, without namespaces."""

    def listener(self, name: str) -> Listener | None:
        """Return what takes the elements of a name; None passes them over."""
        return partial(self.start, name)

    def text(self, name: str, words: str) -> None:
        """Take the words within an element that was asked for."""

    @staticmethod
    def keep(found: "list[Any] | dict[Any, Any] | set[Any]", limit: int = MAX_FOUND) -> None:
        """Refuse to remember without end."""
        if len(found) >= limit:
            raise TooManyError


class ContentTypes(Scan):
    """[Content_Types].xml: tells a workbook with macros whatever its name is."""

    listens = True

    def __init__(self) -> None:
        self.has_macros = False

    def start(self, name: str, attrs: Attributes) -> None:
        """Look at each type."""
        kind = attrs.get("ContentType", "").lower()
        self.has_macros |= "macroenabled" in kind or "vbaproject" in kind


class Relations(Scan):
    """A `.rels` part: what another part points to."""

    listens = True

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        # Targets outside the workbook, but for links that a person may click.
        self.outside: list[str] = []

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one relation."""
        if name != "Relationship":
            return
        kind = attrs.get("Type", "").rpartition("/")[2]
        if attrs.get("TargetMode") == "External":
            if kind != "hyperlink":
                self.outside.append(kind)
            return
        self.keep(self.targets)
        self.targets[attrs.get("Id", "")] = attrs.get("Target", "")
        self.kinds[attrs.get("Id", "")] = kind


class SheetNames(Scan):
    """xl/workbook.xml: the names of the sheets by the id of their relation."""

    listens = True

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def start(self, name: str, attrs: Attributes) -> None:
        """Take one sheet."""
        if name == "sheet":
            self.keep(self.names)
            self.names[attrs.get("id", "")] = attrs.get("name", "")


class Worksheet(Scan):
    """A sheet: how far it goes, and what in it is no plain value."""

    listens = True
    texts = frozenset({"f"})
    only_own = True

    def __init__(self) -> None:
        self.last_row = 0
        self.formulas: set[Cell] = set()
        self.errors: set[Cell] = set()
        self.merged: list[tuple[Cell, Cell]] = []
        self.rich: dict[Cell, int] = {}
        self.embedded: dict[Cell, str] = {}
        self.drawings: list[str] = []
        self._row = 0
        self._row_text = ""
        self._cell: Attributes = {}
        self._at: Cell = (0, 0)
        self._column = 0

    def listener(self, name: str) -> Listener | None:
        """Return what takes the elements of a name."""
        return {
            "row": self._start_row,
            "c": self._start_cell,
            "v": self._start_value,
            "is": self._start_value,
            "f": self._start_formula,
            "mergeCell": self._start_merged,
            "drawing": self._start_drawing,
        }.get(name)

    def _start_cell(self, attrs: Attributes) -> None:
        if "r" not in attrs:
            self._follow()
        self._cell = attrs
        if "vm" in attrs or attrs.get("t") == "e":
            self._mark()

    def _start_value(self, attrs: Attributes) -> None:
        reference = self._cell.get("r", "")
        # The usual cell costs no more than this: one letter, and its row's own number.
        if reference[1:] != self._row_text or not "A" <= reference[:1] <= _LAST_LETTER:
            self._place()
        elif self._row > self.last_row:
            self._far()

    def _start_formula(self, attrs: Attributes) -> None:
        self.keep(self.formulas, MAX_MARKS)
        self.formulas.add(self._place())

    def _start_drawing(self, attrs: Attributes) -> None:
        self.keep(self.drawings)
        self.drawings += [value for key, value in attrs.items() if key.endswith(" id")]

    def text(self, name: str, words: str) -> None:
        """Take a formula: WPS writes a picture within a cell as one."""
        match = _DISPIMG.search(words)
        if match is not None:
            self.keep(self.embedded)
            self.formulas.discard(self._at)
            self.embedded[self._at] = match[1]

    def _start_row(self, attrs: Attributes) -> None:
        text = attrs.get("r", "")
        self._row = int(text) if text.isascii() and text.isdigit() else self._row + 1
        self._row_text = str(self._row)
        self._cell = {}
        self._column = 0

    def _follow(self) -> None:
        """Step to the cell after the last one: this one does not say where it is."""
        reference = self._cell.get("r")
        self._column = 1 + (position(reference)[1] if reference else self._column)

    def _place(self) -> Cell:
        """Return where the cell is, which may be left to its neighbours to tell."""
        reference = self._cell.get("r")
        self._at = position(reference) if reference else (self._row, self._column)
        row, column = self._at
        if row > LAST_ROW or column > MAX_COLUMNS:
            raise TooFarError(row, column)
        self.last_row = max(self.last_row, row)
        return self._at

    def _far(self) -> None:
        if self._row > LAST_ROW:
            raise TooFarError(self._row, 1)
        self.last_row = self._row

    def _mark(self) -> None:
        at = self._place()
        rich = self._cell.get("vm", "")
        if rich.isascii() and rich.isdigit():
            self.keep(self.rich)
            self.rich[at] = int(rich)
        else:
            self.keep(self.errors, MAX_MARKS)
            self.errors.add(at)

    def _start_merged(self, attrs: Attributes) -> None:
        first, _colon, last = attrs.get("ref", "").partition(":")
        self.keep(self.merged, MAX_MARKS)
        self.merged.append((position(first), position(last or first)))


class Parser(DefusedExpatParser):  # type: ignore[misc]  # -- defusedxml ships no types
    """defusedxml's parser, at the speed of C but for the elements that a scan listens to.

    Its own handlers for the rest of SAX would cost more than all the reading.
    """

    def __init__(self, roots: Mapping[str, type[Scan]]) -> None:
        self.scan = Scan()
        self._roots = roots
        self._own = ""
        # By the full name: who takes such elements; None passes them over.
        self._listeners: dict[str, Listener | None] = {}
        self._words: list[str] = []
        super().__init__(namespaceHandling=1, forbid_dtd=True)

    def reset(self) -> None:
        """Begin, with defusedxml's refusals and no handler but for the root."""
        super().reset()
        for name in ("StartNamespaceDecl", "EndNamespaceDecl", "ProcessingInstruction", "Comment"):
            setattr(self._parser, f"{name}Handler", None)
        self._parser.namespace_prefixes = False
        self._parser.StartElementHandler = self._root
        self._parser.EndElementHandler = None
        self._parser.CharacterDataHandler = None

    def _root(self, name: str, attrs: Attributes) -> None:
        self._own, _space, local = name.rpartition(" ")
        self.scan = self._roots.get(local, Scan)()
        self._parser.StartElementHandler = self._start if self.scan.listens else None

    def _start(self, name: str, attrs: Attributes) -> None:
        try:
            listener = self._listeners[name]
        except KeyError:
            listener = self._learn(name)
        if listener is not None:
            listener(attrs)

    def _learn(self, name: str) -> Listener | None:
        """Find out once who takes the elements of a name, and in which form."""
        self.scan.keep(self._listeners)
        namespace, _space, local = name.rpartition(" ")
        is_foreign = self.scan.only_own and namespace != self._own
        listener = None if is_foreign else self.scan.listener(local)
        if listener is not None and not self.scan.only_own:
            listener = partial(_without_namespaces, listener)
        if listener is not None and local in self.scan.texts:
            listener = partial(self._start_text, listener, local)
        self._listeners[name] = listener
        return listener

    def _start_text(self, listener: Listener, name: str, attrs: Attributes) -> None:
        listener(attrs)
        self._words = []
        self._parser.CharacterDataHandler = self._words.append
        self._parser.EndElementHandler = partial(self._end_text, name)

    def _end_text(self, name: str, _full_name: str) -> None:
        self._parser.CharacterDataHandler = self._parser.EndElementHandler = None
        self.scan.text(name, "".join(self._words))


def _without_namespaces(listener: Listener, attrs: Attributes) -> None:
    listener({key.rpartition(" ")[2]: value for key, value in attrs.items()})
