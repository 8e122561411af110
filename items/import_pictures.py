"""Pictures for imported rows: placed in the sheet, or in a zip under the names that rows give.

Nothing is unpacked to disk, and of a name only its last part counts.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import IO, Final

from django.utils.translation import gettext as _

from items import images
from items.cells import CellError
from items.images import ImageError, ImageFiles, StoredImage
from sasvpay.kit import sheet_parts
from sasvpay.kit.sheet_parts import SheetError

MAX_ZIP_BYTES: Final = 100 * 1024 * 1024
MAX_FILES: Final = 60_000
# Encoded pictures that are kept: many rows often show the same one.
_KEPT: Final = 32
_ENCRYPTED: Final = 0x1


class Pictures:
    """The pictures of one import, each accepted when a row asks for it."""

    def __init__(self, sheet: zipfile.ZipFile, zipped: IO[bytes] | None) -> None:
        self._sheet = sheet
        self._zip = None if zipped is None else open_zip(zipped)
        self._files: dict[str, list[zipfile.ZipInfo]] = {}
        self._asked: set[str] = set()
        self._accepted: dict[str, ImageFiles] = {}
        for info in self._zip.infolist() if self._zip else ():
            name = _last_part(info.filename)
            if not info.is_dir() and not info.filename.startswith("__MACOSX/"):
                self._files.setdefault(name.casefold(), []).append(info)

    def read(self, name: str, *, is_in_sheet: bool) -> bytes:
        """Return a picture's bytes, as far as one may be long; raise CellError."""
        if is_in_sheet:
            return _bytes(self._sheet, self._sheet.getinfo(name))
        if self._zip is None:
            raise CellError(
                _("The row names the file “%(name)s”: upload a zip with it too.") % {"name": name}
            )
        self._asked.add(name.casefold())
        found = self._files.get(name.casefold(), [])
        if not found:
            raise CellError(_("The zip holds no file “%(name)s”.") % {"name": name})
        if len(found) > 1:
            raise CellError(_("The zip holds several files “%(name)s”.") % {"name": name})
        return _bytes(self._zip, found[0])

    def store(self, content: bytes, name: str) -> StoredImage:
        """Accept and store a picture; raise CellError with the reason why not."""
        digest = images.digest_of(content)
        files = self._accepted.get(digest)
        if files is None:
            try:
                files = images.accept(content, name=_last_part(name))
            except ImageError as error:
                raise CellError(error.message) from error
            if len(self._accepted) == _KEPT:
                self._accepted.clear()
            self._accepted[digest] = files
        return images.store(files)

    def unused(self) -> list[str]:
        """Return the files of the zip that no row named."""
        return sorted(
            _last_part(infos[0].filename)[:100]
            for name, infos in self._files.items()
            if name not in self._asked
        )


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open the zip of pictures; raise SheetError if it is none, or would grow too large."""
    if file.seek(0, 2) > MAX_ZIP_BYTES:
        raise SheetError(_("The zip of pictures is too large: at most 100 MB."))
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise SheetError(_("The file of pictures is no zip, or it is damaged.")) from error
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise SheetError(_("The zip of pictures holds too many files."))
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise SheetError(_("The zip of pictures is protected with a password."))
    sheet_parts.check_sizes(infos)
    return archive


def _last_part(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a file's bytes; one more than allowed tells that there are more."""
    try:
        with archive.open(info) as stream:
            return stream.read(images.MAX_BYTES + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        ValueError,
    ) as error:
        raise CellError(_("The picture's file is damaged.")) from error


def to_place(file: IO[bytes], parts: Sequence[str]) -> Iterator[tuple[int, IO[bytes]]]:
    """Return the pictures of rows again, with the row of the workbook that is being made.

    Only what its first bytes tell to be a PNG or JPEG: others are named by the row's reasons.
    """
    if not any(parts):
        return
    with zipfile.ZipFile(file) as archive:
        for row, part in enumerate(parts, start=2):
            if not part:
                continue
            content = _bytes(archive, archive.getinfo(part))
            if (
                content.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff"))
                and len(content) <= images.MAX_BYTES
            ):
                yield row, BytesIO(content)
