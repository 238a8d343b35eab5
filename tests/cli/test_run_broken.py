"""A node that cannot go on ends its process, so that whoever looks after processes starts it again."""

from __future__ import annotations

import subprocess
import sys

REASON = "an internal error ended its driver; the log has more"
PROGRAM = """
from gevent import monkey, spawn
monkey.patch_all()
import sys
from types import SimpleNamespace
import sorcha_peer_core.node as module
from sorcha_peer_core.cli import run_command_line

class Breaking:
    def __init__(self, config):
        self.data_dir = config.data_dir

    def start(self):
        self.data_dir.mkdir()
        spawn(lambda: self.on_broken(sys.argv[2]))

    def status(self):
        return SimpleNamespace(peer_id="ab" * 20, name="north", listening=())

    def stop(self, reason):
        print("stopped in order:", reason)

module.Node = Breaking
sys.exit(run_command_line(["run", "--data-dir", sys.argv[1]]))
"""


def test_a_node_that_breaks_is_stopped_in_order_and_its_process_fails(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), REASON]

    done = subprocess.run(command, capture_output=True, text=True, timeout=20.0, check=False)

    assert done.returncode == 1
    assert f"stopped in order: {REASON}" in done.stdout
    assert done.stderr.splitlines()[-1] == f"sorcha-peer: {REASON}"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "node.json").exists()
