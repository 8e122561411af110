"""What people and scripts put into query strings, forms and addresses."""

VALUES = [
    "\x00", "x\x00y", "\ud800", "\u202e", "\u200b", "😀" * 300, " ", "\r\nSet-Cookie: a=b", "%", "_", "\\", "'",
    "' OR 1=1 --", "{{ 7*7 }}", '"><script>alert(1)</script>', "../../etc/passwd", "x" * 6000, "__class__",
    "-1", "0", "1.5", "1e999", "NaN", "\u0663", "99999999999999999999", "2026-02-30", "9999-12-31",
    "0001-01-01", "0000-00-00", "[]", "null",
]  # fmt: skip
# What a page of ours never asks by, and what some page somewhere asks by.
NAMES = [
    "_connector",
    "__class__",
    "game__team",
    "sort",
    "page_size",
    "page",
    "before",
    "after",
    "item",
]
# A test client sends no half characters in forms.
IN_FORMS = ["\x00", "x\x00y", " ", "", "x" * 6000, "-1", "NaN", "99999999999999999999"]
