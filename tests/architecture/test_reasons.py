"""Every exception from the rules says why, and what must not be in the tree is not."""

import re
import subprocess
from pathlib import Path

import pytest

from permissions.matrix import Capability

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sasvpay", "permissions", "items", "orders", "aftersales", "tests")
EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover)(.*)$")
REASONED = re.compile(
    r"^(:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*|\[[a-z-]+(,\s*[a-z-]+)*\])?\s+(# )?-- \S.{7,}"
)


def _sources():
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts and path != Path(__file__).resolve():
                yield path


def test_every_noqa_and_ignore_names_its_rule_and_its_reason():
    silent = []
    for path in _sources():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            found = EXCEPTION.search(line)
            if not found:
                continue
            kind, rest = found.groups()
            is_named = kind.startswith("pragma") or rest[:1] in (":", "[")
            if not is_named or not REASONED.match(rest):
                silent.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")

    assert silent == []


def test_no_template_names_a_capability():
    names = [str(capability) for capability in Capability]
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if any(name in path.read_text("utf-8") for name in names)
    ]

    assert found == []


@pytest.mark.parametrize("pattern", [" style=", " onclick=", "<style", "javascript:"])
def test_no_template_has_inline_script_or_style(pattern):
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if pattern in path.read_text("utf-8")
    ]

    assert found == []


def test_no_junk_drawer_is_opened():
    junk = {"utils.py", "helpers.py", "common.py", "services.py", "constants.py"}

    assert [str(path.relative_to(ROOT)) for path in _sources() if path.name in junk] == []


def test_no_tracked_file_holds_a_path_of_one_machine():
    listed = subprocess.run(
        ["git", "grep", "-nIE", r"(^|[^A-Za-z0-9_])/(work|root|farm|home/[a-z]+)/", "--", "."],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    found = [line for line in listed.stdout.splitlines() if "test_reasons.py" not in line]

    assert found == []


@pytest.mark.parametrize("path", list(_sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_outgrows_its_subject(path):
    # The house's size is 300. A table of cases in a test may be longer, and the settings are one page.
    is_longer = "tests" in path.relative_to(ROOT).parts or path.name == "settings.py"
    limit = 620 if is_longer else 330

    assert len(path.read_text("utf-8").splitlines()) <= limit
