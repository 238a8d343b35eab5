"""Decoders of the whole node are tried here, with identities of the tests of the services."""

from __future__ import annotations

import sys
from pathlib import Path

_PARTS = str(Path(__file__).resolve().parents[1] / "services")
if _PARTS not in sys.path:
    sys.path.append(_PARTS)
