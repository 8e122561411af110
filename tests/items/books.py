"""Workbooks as people (and others) make them: by openpyxl, then perhaps changed part by part."""

import io
import zipfile

import openpyxl  # noqa: TID251 -- what others make, not we
from django.core.files.uploadedfile import SimpleUploadedFile

HEADINGS = ("Item ID", "Name", "Price (USD)", "Image")
SHEET = "xl/worksheets/sheet1.xml"


def book(*rows, headings=HEADINGS, title="Items", change=None):
    """Return a workbook's bytes; `change` gets openpyxl's workbook before it is saved."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = title
    for row in (headings, *rows):
        sheet.append(row)
    if change:
        change(workbook)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def patched(content, changes=None, add=None):
    """Return a workbook with parts changed (old text -> new text) and added."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            part = old.read(info)
            for before, after in (changes or {}).get(info.filename, {}).items():
                assert before.encode() in part, (info.filename, before, part[:2000])
                part = part.replace(before.encode(), after.encode())
            new.writestr(info.filename, part)
        for name, part in (add or {}).items():
            new.writestr(name, part)
    return file.getvalue()


def zipped(files):
    """Return a zip of files by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def uploaded(content, name="items.xlsx"):
    """Return what a form hands over."""
    return SimpleUploadedFile(name, content)
