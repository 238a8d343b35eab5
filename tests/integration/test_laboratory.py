"""The laboratory cleans up, also after a run that could not do so itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
from laboratory import Laboratory
from laboratory_namespaces import remove_leftovers, require_namespaces

HERE = Path(__file__).parent
_RUN_THAT_NEVER_ENDS = """
import subprocess, sys, time
from laboratory_namespaces import Namespace
namespace = Namespace()
namespace.make()
program = subprocess.Popen([*namespace.prefix, "sleep", "1000"], stdin=subprocess.DEVNULL, start_new_session=True)
print(namespace.name, program.pid, flush=True)
time.sleep(1000)
"""


def namespaces() -> set[str]:
    return {path.name for path in Path("/run/netns").iterdir()}


def test_what_a_killed_run_left_is_removed_by_the_next():
    require_namespaces()
    with subprocess.Popen([sys.executable, "-c", _RUN_THAT_NEVER_ENDS], cwd=HERE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        name, program = killed.stdout.readline().split()
        # What belongs to a run that still lives stays.
        remove_leftovers()
        assert name in namespaces()
        killed.kill()

    remove_leftovers()

    assert name not in namespaces()
    _, alive = psutil.wait_procs([psutil.Process(int(program))] if psutil.pid_exists(int(program)) else [], timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_laboratory_leaves_neither_namespaces_nor_processes(tmp_path):
    before = namespaces() if Path("/run/netns").is_dir() else set()
    with Laboratory.opened(tmp_path) as laboratory:
        node = laboratory.node(laboratory.public_host())
        assert len(namespaces() - before) == 1

    assert namespaces() <= before
    assert not node.is_running()
