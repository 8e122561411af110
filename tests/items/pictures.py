"""Pictures for the tests, made in memory."""

from io import BytesIO

from PIL import Image


def encoded(kind="PNG", *, size=(40, 30), mode="RGB", colour="red", **options):
    """Return a picture's bytes."""
    return saved(Image.new(mode, size, colour), kind, **options)


def saved(picture, kind, **options):
    """Return the bytes of a picture."""
    written = BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def opened(content):
    """Return the picture in bytes."""
    return Image.open(BytesIO(content))
