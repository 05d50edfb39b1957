"""What the table of differences names is there: every file, and every test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
DIFFERENCES = [row for row in ROWS if not row.startswith("| the 2021 code")]


@pytest.mark.parametrize("row", DIFFERENCES, ids=[row[2:40] for row in DIFFERENCES])
def test_every_difference_names_its_files_and_its_tests(row):
    *_, where, tests, _ = row.split("|")
    files = re.findall(r"`(vilt_core/[\w/]+\.py)`", where)
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert files
    assert named
    for file in files:
        assert (ROOT / file).is_file(), file
    for file, name in named:
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), name
