"""Static files as they are served: leaner than they are written, and the same program."""

from __future__ import annotations

import re

import pytest

from explorer.assets import PAGE_FILES, PAGE_MAX, STATIC, lean, left_for_html, read_assets

SCRIPTS = sorted(STATIC.glob("*.js"))


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_scripts_are_written_so_that_comments_can_be_told_from_code(file) -> None:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        assert line.count("`") % 2 == 0, f"line {number}: a text over several lines"
        assert "/*" not in line or line.lstrip().startswith("/*"), f"line {number}: a block comment inside a line"
        assert "*/" not in line or line.endswith("*/"), f"line {number}: code after a block comment"


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_lean_script_has_every_line_of_code_and_nothing_else(file) -> None:
    source = file.read_text()
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    kept = [line.strip() for line in code.splitlines() if line.strip() and not line.strip().startswith("//")]
    assert lean(source).splitlines() == kept


def test_a_pages_files_leave_room_for_its_html_and_proof() -> None:
    assets = read_assets()
    assert set(PAGE_FILES) <= set(assets)
    assert PAGE_MAX > left_for_html(assets) >= 31 * 512
