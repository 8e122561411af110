"""Accept pictures: by content, within limits, and only as what we encoded ourselves.

What is stored is decoded and encoded anew: whatever else was in the file (EXIF, text, a second
format behind the first) is gone.
"""

import hashlib
import secrets
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from items.models import ItemVersion
from sasvpay.kit.errors import DomainError

FORMATS: Final = ("PNG", "JPEG", "WEBP")
EXTENSIONS: Final = frozenset({"png", "jpg", "jpeg", "webp"})
MAX_BYTES: Final = 2 * 1024 * 1024
MAX_SIDE: Final = 4096
MAX_PIXELS: Final = 12_000_000
MAIN_SIDE: Final = 1024
THUMBNAIL_SIDE: Final = 96
FOLDER: Final = "items"
# How colours may be kept: not as for print (CMYK), nor with 16 bits of grey, which would be cut.
_MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_QUALITY: Final = 85

if TYPE_CHECKING:
    Upload = bytes | File[Any]
else:
    # Only the type checker's File takes an argument.
    Upload = bytes | File

# For the whole process, when it starts: Pillow looks at the header before it decodes anything, and
# catching the warning at each call would not be safe between threads.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class ImageError(DomainError):
    """The file is not a picture that can be taken."""

    code = "image_refused"
    status = 422


@dataclass(frozen=True)
class ImageFiles:
    """A picture and its thumbnail, encoded by us; the digest is of the file that was uploaded."""

    main: bytes
    thumbnail: bytes
    digest: str


@dataclass(frozen=True)
class StoredImage:
    """The names under which a picture lies in the storage."""

    image: str
    thumbnail: str
    digest: str


def accept(upload: Upload, *, name: str = "") -> ImageFiles:
    """Return the picture encoded anew, with its thumbnail.

    Raises ImageError. Of the name only the extension is looked at.
    """
    _check_name(name or (getattr(upload, "name", None) or ""))
    content = _read(upload)
    picture = _decode(content)
    _check_end(content, str(picture.format))
    clean = _clean(picture)
    return ImageFiles(
        main=_encode(clean, MAIN_SIDE),
        thumbnail=_encode(clean, THUMBNAIL_SIDE),
        digest=digest_of(content),
    )


def digest_of(content: bytes) -> str:
    """Return what tells whether the same file was uploaded before."""
    return hashlib.sha256(content).hexdigest()


def store(files: ImageFiles) -> StoredImage:
    """Put a picture into the storage, under names that nobody can guess."""
    name = secrets.token_hex(16)
    return StoredImage(
        image=default_storage.save(f"{FOLDER}/{name}.webp", ContentFile(files.main)),
        thumbnail=default_storage.save(f"{FOLDER}/{name}_s.webp", ContentFile(files.thumbnail)),
        digest=files.digest,
    )


@contextmanager
def kept(upload: Upload | None, *, unless: str = "") -> Iterator[StoredImage | None]:
    """Store a picture, unless it is the one of that digest; deleted again if what follows fails."""
    files = accept(upload) if upload is not None else None
    if files is None or files.digest == unless:
        yield None
        return
    stored = store(files)
    try:
        yield stored
    except BaseException:
        delete([stored.image, stored.thumbnail])
        raise


def delete(names: list[str]) -> None:
    """Delete files from the storage."""
    for name in names:
        default_storage.delete(name)


def forget(versions: Sequence[ItemVersion]) -> None:
    """Delete pictures that no version shows any more, once that is committed."""
    names = {version.image.name: version.thumbnail.name for version in versions if version.image}
    rows = ItemVersion.objects.filter(item_id__in={version.item_id for version in versions})
    for shown in set(rows.filter(image__in=names).values_list("image", flat=True)):
        del names[shown]
    files = [name for pair in names.items() for name in pair if name]
    if files:
        transaction.on_commit(partial(delete, files), robust=True)


def _check_name(name: str) -> None:
    _stem, dot, extension = name.rpartition(".")
    if dot and extension.lower() not in EXTENSIONS:
        raise ImageError(_("Choose a picture that ends in .png, .jpg, .jpeg or .webp."))


def _read(upload: Upload) -> bytes:
    if isinstance(upload, bytes):
        content = upload
    else:
        upload.seek(0)
        content = upload.read(MAX_BYTES + 1)
    if not content:
        raise ImageError(_("The picture is empty."))
    if len(content) > MAX_BYTES:
        raise ImageError(_("The picture is larger than 2 MB."))
    return content


def _decode(content: bytes) -> Image.Image:
    try:
        picture = Image.open(BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001 -- a decoder's errors over hostile bytes are of many kinds
        raise ImageError(_kind_refused(content)) from None
    _check_looks(picture)
    try:
        picture.load()
    except Exception:  # noqa: BLE001 -- as above
        raise ImageError(
            _("The picture is damaged or cut. Save it again as PNG, JPEG or WebP.")
        ) from None
    return picture


def _kind_refused(content: bytes) -> str:
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and b"<svg" in start:
        return _("SVG pictures are not taken. Save it as PNG, JPEG or WebP.")
    if start.startswith((b"%!ps", b"\xc5\xd0\xd3\xc6")):
        return _("PostScript pictures are not taken. Save it as PNG, JPEG or WebP.")
    return _("This is not a PNG, JPEG or WebP picture, whatever its name says.")


def _check_looks(picture: Image.Image) -> None:
    width, height = picture.size
    if max(width, height) > MAX_SIDE:
        raise ImageError(
            _("The picture has %(width)d by %(height)d pixels; a side may have 4096 at most.")
            % {"width": width, "height": height}
        )
    if width * height > MAX_PIXELS:
        raise _too_many_pixels()
    # What two-lens cameras write is a JPEG followed by others: the first is the picture.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise ImageError(_("Animated pictures are not taken. Save one frame of it."))
    if picture.mode not in _MODES:
        raise ImageError(
            _("The picture's colours are kept as “%(mode)s”. Save it as RGB with 8 bits.")
            % {"mode": picture.mode}
        )


def _too_many_pixels() -> ImageError:
    return ImageError(_("The picture has more than 12 million pixels. Make it smaller."))


def _check_end(content: bytes, kind: str) -> None:
    """Refuse what carries another file behind the picture: its end is not the file's."""
    if kind == "PNG":
        is_whole = content.endswith(b"IEND\xaeB`\x82")
    elif kind == "WEBP":
        # Pieces are padded to an even length.
        length = int.from_bytes(content[4:8], "little") + 8
        is_whole = len(content) in (length, length + length % 2)
    else:
        is_whole = content.rstrip(b"\0\r\n").endswith(b"\xff\xd9")
    if not is_whole:
        raise ImageError(
            _("Something else follows the picture in this file. Save it again as PNG or JPEG.")
        )


def _clean(picture: Image.Image) -> Image.Image:
    """Return the pixels alone, upright as the camera was held."""
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    upright = ImageOps.exif_transpose(picture)
    clean = upright.convert(mode)
    clean.info = {}
    return clean


def _encode(picture: Image.Image, side: int) -> bytes:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = BytesIO()
    small.save(written, "WEBP", quality=_QUALITY)
    return written.getvalue()
