"""Pictures are taken by content and within limits, and kept only as we encoded them."""

import os
import re
import struct
import zipfile
import zlib
from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from items import images
from items.images import ImageError
from sasvpay.kit.errors import DomainError
from tests.items.pictures import encoded, opened, saved

SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"


def _zip():
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("payload.html", "<script>alert(1)</script>")
    return written.getvalue()


def _png_claiming(width, height):
    """Return a small PNG whose header promises a large picture."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def _several(kind):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def _noise(size):
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (96, 96), (40, 30), (1024, 10), (4096, 2)])
def test_a_picture_becomes_a_webp_with_a_thumbnail(kind, size):
    files = images.accept(encoded(kind, size=size))

    main, thumbnail = opened(files.main), opened(files.thumbnail)
    assert (main.format, thumbnail.format) == ("WEBP", "WEBP")
    assert max(main.size) == min(max(size), 1024)
    assert max(thumbnail.size) == min(max(size), 96)
    assert main.mode == "RGB"
    red, green, blue = main.getpixel((0, 0))
    assert red > 240
    assert max(green, blue) < 20


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pictures_in_each_usual_kind_of_colour_are_taken(mode):
    files = images.accept(encoded("PNG", mode=mode, colour=0))

    assert opened(files.main).size == (40, 30)


def test_transparency_is_kept():
    files = images.accept(encoded("PNG", mode="RGBA", colour=(255, 0, 0, 0)))

    assert opened(files.main).getpixel((0, 0))[3] == 0
    assert opened(files.thumbnail).getpixel((0, 0))[3] == 0


def test_transparency_of_a_palette_is_kept():
    picture = Image.new("P", (10, 10), 0)
    picture.putpalette([255, 0, 0] + [0, 0, 0] * 255)

    files = images.accept(saved(picture, "PNG", transparency=0))

    assert opened(files.main).getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_exif_is_gone_and_the_picture_stands_upright(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRETCAMERA"
    content = encoded(kind, size=(40, 20), exif=exif)
    assert b"SECRETCAMERA" in content

    files = images.accept(content)

    for written in (files.main, files.thumbnail):
        assert b"SECRETCAMERA" not in written
        assert dict(opened(written).getexif()) == {}
        assert opened(written).size == (20, 40)


def test_profiles_and_text_are_gone():
    picture = Image.new("RGB", (10, 10))

    files = images.accept(saved(picture, "WEBP", icc_profile=b"PROFILE" * 20, xmp=b"XMPTEXT" * 20))

    assert b"PROFILE" not in files.main
    assert b"XMPTEXT" not in files.main


def test_the_first_picture_of_a_two_lens_camera_is_taken():
    files = images.accept(_several("MPO"))

    assert opened(files.main).getpixel((0, 0))[0] > 240


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello", "not a PNG, JPEG or WebP"),
        (b"\0" * 5000, "not a PNG, JPEG or WebP"),
        (b"<html><script>alert(1)</script></html>", "not a PNG, JPEG or WebP"),
        (SVG, "SVG"),
        (b"\xef\xbb\xbf  \n" + SVG, "SVG"),
        (b"<svg/>", "SVG"),
        (EPS, "PostScript"),
        (b"\xc5\xd0\xd3\xc6" + b"\0" * 100, "PostScript"),
        (b"%PDF-1.7\n", "not a PNG, JPEG or WebP"),
        (encoded("GIF"), "not a PNG, JPEG or WebP"),
        (encoded("BMP"), "not a PNG, JPEG or WebP"),
        (encoded("TIFF"), "not a PNG, JPEG or WebP"),
        (encoded("ICO"), "not a PNG, JPEG or WebP"),
        (b"GIF89a/*" + encoded("PNG"), "not a PNG, JPEG or WebP"),
        (_zip(), "not a PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\n", "not a PNG, JPEG or WebP"),
        (_several("PNG"), "Animated"),
        (_several("WEBP"), "Animated"),
        (encoded("JPEG", mode="CMYK", colour=0), "CMYK"),
        (encoded("PNG", mode="I;16", colour=0), "I;16"),
        (_png_claiming(5000, 2), "4096"),
        (_png_claiming(2, 4097), "4096"),
        (_png_claiming(4096, 4096), "12 million"),
        (_png_claiming(4000, 3001), "12 million"),
        (_png_claiming(20_000, 20_000), "12 million"),
        (_png_claiming(2**31 - 1, 2**31 - 1), "12 million"),
        (_png_claiming(0, 10), "not a PNG, JPEG or WebP"),
        (_png_claiming(3000, 3000), "damaged or cut"),
        (encoded("PNG") + _zip(), "Something else follows"),
        (encoded("JPEG") + _zip(), "Something else follows"),
        (encoded("WEBP") + _zip(), "Something else follows"),
        (encoded("PNG") + b"<script>alert(1)</script>", "Something else follows"),
        (encoded("JPEG") + b"<?php system($_GET[0]);", "Something else follows"),
        (b"\0" * (2 * 1024 * 1024 + 1), "2 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)  # fmt: skip
def test_what_is_no_picture_for_us_is_refused_with_a_clear_word(content, said):
    with pytest.raises(ImageError, match=re.escape(said)) as refused:
        images.accept(content)

    assert isinstance(refused.value, DomainError)
    assert (refused.value.code, refused.value.status) == ("image_refused", 422)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cut_picture_is_refused(kind, part):
    content = saved(_noise((64, 64)), kind)

    with pytest.raises(ImageError):
        images.accept(content[: int(len(content) * part)])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_flipped_bytes_are_refused_or_harmless(kind):
    content = bytearray(saved(_noise((64, 64)), kind))
    for place in range(0, len(content), max(1, len(content) // 60)):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        try:
            files = images.accept(bytes(flipped))
        except ImageError:
            continue
        assert opened(files.main).format == "WEBP"


def test_twelve_million_pixels_are_taken():
    files = images.accept(encoded("PNG", size=(4000, 3000)))

    assert opened(files.main).size == (1024, 768)


def test_two_megabytes_are_taken_and_a_byte_more_is_not():
    content = encoded("JPEG")
    # A JPEG's comment may hold anything; the file stays whole.
    room = images.MAX_BYTES - len(content)
    comments = b""
    while room > 4:
        length = min(room - 4, 65_000)
        comments += b"\xff\xfe" + struct.pack(">H", length + 2) + b"x" * length
        room -= length + 4
    full = content[:2] + comments + content[2:]

    assert b"xxxx" not in images.accept(full).main
    with pytest.raises(ImageError, match="2 MB"):
        images.accept(full + b"\0" * 5)


@pytest.mark.parametrize(
    "name", ["a.svg", "a.png.exe", "a.gif", "a.PNG.html", "a.", "../../a.php", "a.xlsx"]
)
def test_a_name_that_says_something_else_is_refused(name):
    with pytest.raises(ImageError, match="ends in"):
        images.accept(encoded(), name=name)


@pytest.mark.parametrize(
    "name",
    ["a.png", "a.JPG", "a.jpeg", "a.webp", "", "noextension", "../../../etc/a.png", "x" * 400],
)
def test_a_name_is_otherwise_ignored(name):
    assert images.accept(encoded(), name=name).main


def test_an_uploaded_file_is_read_from_its_beginning_and_by_its_name():
    upload = SimpleUploadedFile("sword.png", encoded())
    upload.read()

    files = images.accept(upload)

    assert files.digest == images.digest_of(encoded())
    with pytest.raises(ImageError, match="ends in"):
        images.accept(SimpleUploadedFile("sword.svg", encoded()))


def test_store_uses_names_that_nobody_can_guess(db):
    files = images.accept(encoded())

    first, second = images.store(files), images.store(files)

    assert len({first.image, first.thumbnail, second.image, second.thumbnail}) == 4
    assert re.fullmatch(r"items/[0-9a-f]{32}\.webp", first.image)
    assert re.fullmatch(r"items/[0-9a-f]{32}_s\.webp", first.thumbnail)
    with default_storage.open(first.image) as stored:
        assert stored.read() == files.main


def test_what_was_kept_is_deleted_when_the_rest_fails(db):
    kept = images.kept(encoded())
    stored = kept.__enter__()
    assert stored
    assert default_storage.exists(stored.image)

    assert not kept.__exit__(ValueError, ValueError("no"), None)

    assert not default_storage.exists(stored.image)
    assert not default_storage.exists(stored.thumbnail)


def test_the_same_picture_is_not_stored_again(db):
    with images.kept(encoded(), unless=images.digest_of(encoded())) as stored:
        assert stored is None
    with images.kept(None) as stored:
        assert stored is None

    assert not default_storage.exists(images.FOLDER)
