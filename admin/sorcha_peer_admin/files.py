"""Small files that other processes read while they are written."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, text: str, mode: int) -> None:
    """Write a whole file at once: readers see the old one or the new one, never a part, and never with a wider mode."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
