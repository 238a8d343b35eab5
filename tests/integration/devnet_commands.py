"""The real command line in processes of its own, what it leaves behind, and how its nodes are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import requests

from sorcha_peer_core.cli.cluster import NodeProcess

COMMAND = (sys.executable, "-m", "sorcha_peer_core")
SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def run_command(
    *arguments: object, timeout_s: float = 100.0, prefix: Sequence[str] = (), **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; ``prefix`` is a program that starts it."""
    command = [*prefix, *COMMAND, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, **more)


def report_of(*arguments: object, **more: Any) -> dict[str, Any]:
    """Run devnet and read its report; fails with what it said when it failed."""
    done = run_command("devnet", "--json", *arguments, **more)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def ready(node: NodeProcess) -> tuple[bool, str]:
    """What ``/readyz`` says."""
    try:
        answer = requests.get(f"http://{node.admin}/readyz", timeout=5)
    except requests.ConnectionError:
        return False, "nobody answers"
    return answer.ok, " ".join(answer.json()["reasons"])


def node_processes_of(parent: int, name: str = "") -> Iterator[psutil.Process]:
    """The node processes that a devnet process started, as long as it lives; with ``name`` only the one called so."""
    for process in psutil.Process(parent).children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "--exit-with-stdin" in command and (not name or name in command):
            yield process


def write_lines(path: Path, count: int, size: int = 200) -> Path:
    """A file of distinct lines."""
    path.write_text("".join(f"{number:08d}".ljust(size, "x") + "\n" for number in range(count)), encoding="ascii")
    return path
