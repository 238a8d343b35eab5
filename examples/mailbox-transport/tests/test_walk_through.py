"""What docs/writing-a-transport.md shows is the code, and the code is as short as it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent.parent
PAGE = (EXAMPLE.parent.parent / "docs" / "writing-a-transport.md").read_text(encoding="utf-8")
FILES = ("setup.cfg", "sorcha_mailbox/plugin.py", "sorcha_mailbox/transport.py", "tests/test_mailbox_transport.py")


def code_lines(source: str) -> int:
    """Lines that are neither blank nor comments nor docstrings."""
    lines = {number for number, line in enumerate(source.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


@pytest.mark.parametrize("excerpt", re.findall(r"```(?:python|ini)\n(.*?)```", PAGE, re.DOTALL))
def test_an_excerpt_is_what_stands_in_the_example(excerpt: str):
    assert any(excerpt in (EXAMPLE / file).read_text(encoding="utf-8") for file in FILES)


def test_the_transport_has_as_many_lines_as_the_page_says():
    lines = code_lines((EXAMPLE / "sorcha_mailbox" / "transport.py").read_text(encoding="utf-8"))

    assert f"transport.py      links and the transport: {lines} lines of code" in PAGE
    assert lines < 100
