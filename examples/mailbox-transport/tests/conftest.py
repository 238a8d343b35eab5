"""The example is tested where it lies, also in the processes that its tests start; no proxy is asked for this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

EXAMPLE = str(Path(__file__).resolve().parent.parent)

sys.path.insert(0, EXAMPLE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [EXAMPLE, os.environ.get("PYTHONPATH")]))
os.environ["NO_PROXY"] = "127.0.0.1"
