"""The protobuf modules that are checked in are what the pinned compiler makes of the .proto files."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WIRE = Path("sorcha_peer_core/wire")
OWN_ENVIRONMENT = ROOT / ".venv-protos" / "bin" / "python"


def _python_with_the_compiler() -> str:
    # The compiler holds protobuf below the version that nodes run on, so `make` gives it an environment of its own.
    if OWN_ENVIRONMENT.is_file():
        return str(OWN_ENVIRONMENT)
    if find_spec("grpc_tools"):
        return sys.executable
    pytest.skip("the protobuf compiler is not installed; `make test` and `make protos` install it into .venv-protos")


def test_the_generated_protobuf_modules_are_current(tmp_path: Path):
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / WIRE).glob("*.proto"))
    compiler = [_python_with_the_compiler(), "-m", "grpc_tools.protoc"]

    subprocess.run([*compiler, "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", *protos], cwd=ROOT, check=True)

    assert _contents(ROOT / WIRE) == _contents(tmp_path / WIRE), "run `make protos` and commit what it changes"


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*_pb2.py*")}
