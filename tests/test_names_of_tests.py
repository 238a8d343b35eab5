"""pytest tells modules apart by their names alone, and all folders of one run are one name space."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUNS = {
    "without gevent": ["tests", *(f"tests/{name}" for name in ("model", "protocol", "wire", "config", "builtin", "cli", "sim"))],
    "under gevent": ["tests/services", "tests/integration", "tests/fuzz", "plugins/*/tests", "examples/*/tests", "admin/tests"],
}


@pytest.mark.parametrize("run", RUNS)
def test_modules_that_run_together_have_names_of_their_own(run):
    counted = Counter(path.name for folder in RUNS[run] for path in ROOT.glob(f"{folder}/test_*.py"))

    assert [name for name, number in counted.items() if number > 1] == []
