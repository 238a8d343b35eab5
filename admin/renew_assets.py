"""Fetches the libraries that the pages use from npm, at the versions named here, and notes what came (``make assets``)."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).parent / "sorcha_peer_admin" / "static" / "vendor"


class Library(NamedTuple):
    """What is taken of one npm package."""

    name: str
    version: str
    license: str
    used_for: str
    files: tuple[str, ...]


LIBRARIES = (
    Library("uplot", "1.6.32", "MIT", "the charts of the overview", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
    Library("cytoscape", "3.34.4", "MIT", "the picture of the topology", ("dist/cytoscape.esm.min.mjs",)),
)

_HEAD = """# Libraries that the pages of a node use

They are served by the node itself: a page makes no request to anybody else. Fetched from npm by `make assets`;
to renew one, change its version in `admin/renew_assets.py` and run that again.

"""


def fetch(library: Library) -> str:
    """Put its files and its licence into the directory; returns its section of the list."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["npm", "pack", "--silent", f"{library.name}@{library.version}"], cwd=directory, check=True)
        (archive,) = Path(directory).glob("*.tgz")
        with tarfile.open(archive) as packed:
            taken = [_take(packed, file, Path(file).name) for file in library.files]
            _take(packed, "LICENSE", f"LICENSE.{library.name}")
    lines = "\n".join(f"* `{name}`, SHA-256 `{digest}`" for name, digest in taken)
    return (
        f"## {library.name} {library.version}\n\nFor {library.used_for}. "
        f"Licence: {library.license}, in [LICENSE.{library.name}](LICENSE.{library.name}).\n\n{lines}\n"
    )


def _take(packed: tarfile.TarFile, file: str, name: str) -> tuple[str, str]:
    member = packed.extractfile(f"package/{file}")
    if member is None:
        raise FileNotFoundError(file)
    content = member.read()
    (VENDOR / name).write_bytes(content)
    return name, hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    VENDOR.mkdir(parents=True, exist_ok=True)
    sections = [fetch(library) for library in LIBRARIES]
    (VENDOR / "LICENSES.md").write_text(_HEAD + "\n".join(sections), encoding="utf-8")
