"""The first look at a workbook somebody sent: every part is checked before a reader sees any.

One pass inflates each XML part once, refuses what could harm or mislead, remembers what the reader
of values does not tell (formulas, error cells, merged cells, pictures), and writes the checked
bytes into a new file: the reader is given that one, never the original.
"""

import errno
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final
from xml.sax import SAXException

from defusedxml import DefusedXmlException
from django.utils.translation import gettext as _

from sasvpay.kit import sheet_picture_scans
from sasvpay.kit.errors import DomainError
from sasvpay.kit.sheet_scans import (
    ContentTypes,
    Parser,
    Relations,
    Scan,
    SheetNames,
    TooFarError,
    TooManyError,
    Worksheet,
    letters,
)

MAX_FILE_BYTES: Final = 20 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 200 * 1024 * 1024
MAX_RATIO: Final = 100
# Small parts of one repeated word shrink further than that, and harm nobody.
RATIO_FROM_BYTES: Final = 1024 * 1024
MAX_PARTS: Final = 2_000
MAX_PICTURES: Final = 50_000
# Sheets and their texts are large; whatever else is, is no part of a list.
MAX_SMALL_PART_BYTES: Final = 20 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_OLE: Final = b"\xd0\xcf\x11\xe0"
_ZIP: Final = b"PK\x03\x04"
_ENCRYPTED: Final = 0x1
# The sheets and the texts they share.
_LARGE: Final = ("xl/worksheets/", "xl/sharedstrings")
_FIRST: Final = ("[content_types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels")
_ACTIVE: Final = ("vbaproject", "activex/", "ctrlprops/", "macrosheets/", "customui/")
_LINKED: Final = ("xl/externallinks/", "xl/embeddings/", "xl/connections.xml", "xl/querytables/")
_ROOTS: Final[dict[str, type[Scan]]] = {
    "Types": ContentTypes,
    "Relationships": Relations,
    "workbook": SheetNames,
    "worksheet": Worksheet,
    **sheet_picture_scans.ROOTS,
}
# What zipfile, zlib and expat raise of damaged files.
_DAMAGED: Final = (
    SAXException,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


class SheetError(DomainError):
    """The workbook cannot be read as a list; the sentence says why."""

    code = "wrong_workbook"
    status = 422


@dataclass(frozen=True)
class Parts:
    """What the pass found: the scans by part, and the original for its pictures."""

    archive: zipfile.ZipFile
    scans: dict[str, Scan] = field(default_factory=dict)

    def of(self, kind: type[Any]) -> Iterator[tuple[str, Any]]:
        """Return the scanned parts of one kind."""
        return ((name, scan) for name, scan in self.scans.items() if isinstance(scan, kind))

    def relations(self, part: str) -> dict[str, str]:
        """Return where a part's relations point to: full part names by id."""
        folder, name = posixpath.split(part)
        found = self.scans.get(f"{folder}/_rels/{name}.rels")
        if not isinstance(found, Relations):
            return {}
        return {
            key: posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            for key, target in found.targets.items()
        }

    def sheet_names(self) -> dict[str, str]:
        """Return the sheets' names by part."""
        return {
            target: sheets.names[key]
            for part, sheets in self.of(SheetNames)
            for key, target in self.relations(part).items()
            if key in sheets.names
        }


def not_a_workbook() -> SheetError:
    """Return the refusal of what is no workbook at all."""
    return SheetError(_("This file is not an .xlsx workbook, or it is damaged."))


def _macros() -> SheetError:
    return SheetError(_("The workbook holds macros or controls. Save it as .xlsx without them."))


def _links() -> SheetError:
    return SheetError(
        _("The workbook has links to other files, or objects of other programs. Remove them.")
    )


def check_outline(file: IO[bytes]) -> zipfile.ZipFile:
    """Refuse by size, form and list of parts, before anything is unpacked."""
    size = file.seek(0, 2)
    file.seek(0)
    if size > MAX_FILE_BYTES:
        raise SheetError(
            _("The file is too large: %(size)s MB, at most 20 MB.")
            % {"size": f"{size / 2**20:.1f}"}
        )
    if file.read(4) == _OLE:
        raise SheetError(_old_or_encrypted(file))
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise not_a_workbook() from error
    _check_parts(archive.infolist())
    return archive


def _old_or_encrypted(file: IO[bytes]) -> str:
    file.seek(0)
    if "EncryptedPackage".encode("utf-16-le") in file.read():
        return _("The workbook is protected with a password. Save it without one.")
    return _("This is an old .xls workbook. Save it as .xlsx.")


def _check_parts(infos: list[zipfile.ZipInfo]) -> None:
    names = [info.filename.lower() for info in infos]
    if "xl/workbook.bin" in names:
        raise SheetError(_("This is a binary .xlsb workbook. Save it as .xlsx."))
    if "xl/workbook.xml" not in names or len(set(names)) != len(names):
        raise not_a_workbook()
    pictures = sum(name.startswith("xl/media/") for name in names)
    if len(names) - pictures > MAX_PARTS or pictures > MAX_PICTURES:
        raise SheetError(_("The workbook has too many parts: at most 2,000 besides its pictures."))
    for info, name in zip(infos, names, strict=True):
        if info.flag_bits & _ENCRYPTED:
            raise SheetError(_("The workbook is protected with a password. Save it without one."))
        _check_name(name)
    check_sizes(infos)


def _check_name(name: str) -> None:
    if any(word in name for word in _ACTIVE):
        raise _macros()
    if name.startswith(_LINKED):
        raise _links()


def check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse a zip whose list of contents already tells that it would grow too much."""
    if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
        raise SheetError(_("The file is too large: unpacked more than 200 MB."))
    for info in infos:
        if info.file_size > max(RATIO_FROM_BYTES, MAX_RATIO * info.compress_size):
            raise SheetError(
                _("The file is too large: “%(part)s” in it grows more than 100 times.")
                % {"part": info.filename[:100]}
            )


def check(file: IO[bytes], clean: Path) -> Parts:
    """Check every part, and write the checked workbook to `clean`."""
    parts = Parts(check_outline(file))
    infos = sorted(parts.archive.infolist(), key=_rank)
    try:
        with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as checked:
            for info in infos:
                _check_part(info, parts, checked)
    except DefusedXmlException as error:
        raise SheetError(
            _("The workbook declares a document type or entities, which no Excel writes.")
        ) from error
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise not_a_workbook() from error
    return parts


def _rank(info: zipfile.ZipInfo) -> int:
    name = info.filename.lower()
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _check_part(info: zipfile.ZipInfo, parts: Parts, checked: zipfile.ZipFile) -> None:
    name = info.filename.lower()
    with parts.archive.open(info) as stream:
        if not name.endswith((".xml", ".rels")):
            _check_other(stream.read(4))
            return
        if info.file_size > MAX_SMALL_PART_BYTES and not name.startswith(_LARGE):
            raise SheetError(
                _("The file is too large: “%(part)s” in it.") % {"part": info.filename[:100]}
            )
        parser = Parser(_ROOTS)
        with checked.open(info.filename, "w") as copy:
            try:
                while chunk := stream.read(_CHUNK):
                    parser.feed(chunk)
                    copy.write(chunk)
                parser.close()
            except (TooFarError, TooManyError) as error:
                raise _beyond(
                    error, parts.sheet_names().get(info.filename, info.filename)
                ) from error
    if parser.scan.listens:
        _check_scan(parser.scan)
        parts.scans[info.filename] = parser.scan


def _check_other(head: bytes) -> None:
    if head == _ZIP:
        raise SheetError(_("The workbook holds another packed file."))
    if head == _OLE:
        raise _links()


def _check_scan(scan: Scan) -> None:
    if isinstance(scan, ContentTypes) and scan.has_macros:
        raise _macros()
    if isinstance(scan, Relations) and "image" in scan.outside:
        raise SheetError(
            _("A picture is only linked. Insert the picture itself, or name its file.")
        )
    if isinstance(scan, Relations) and scan.outside:
        raise _links()


def _beyond(error: Exception, sheet: str) -> SheetError:
    if isinstance(error, TooManyError):
        return SheetError(
            _(
                "Sheet “%(sheet)s” holds more than 1,000 formulas, error cells or merged cells."
                " Paste the values alone."
            )
            % {"sheet": sheet[:100]}
        )
    row, column = error.args
    return SheetError(
        _(
            "Sheet “%(sheet)s” goes on to row %(row)s, column %(column)s:"
            " at most 50,000 rows below the headings and 16 columns are read."
        )
        % {"sheet": sheet[:100], "row": row, "column": letters(column)}
    )
