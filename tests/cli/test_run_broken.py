"""A node that cannot go on ends its process, so that whoever looks after processes starts it again, or begins anew in it."""

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
    def __init__(self, config, *, notices=()):
        self.data_dir = config.data_dir
        self.notices = [*notices, "it was mended"]

    def start(self):
        print("started with", len(self.notices), "notices")
        self.data_dir.mkdir(exist_ok=True)
        anew = len(self.notices) < 3 and sys.argv[3] == "anew"
        spawn(lambda: (self.on_new_log if anew else self.on_broken)(sys.argv[2]))

    def status(self):
        return SimpleNamespace(peer_id="ab" * 20, name="north", listening=())

    def stop(self, reason):
        print("stopped in order:", reason)

module.Node = Breaking
sys.exit(run_command_line(["run", "--data-dir", sys.argv[1]]))
"""


def test_a_node_that_breaks_is_stopped_in_order_and_its_process_fails(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), REASON, "breaks"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=20.0, check=False)

    assert done.returncode == 1
    assert f"stopped in order: {REASON}" in done.stdout
    assert done.stderr.splitlines()[-1] == f"sorcha-peer: {REASON}"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "node.json").exists()


def test_a_node_whose_log_is_another_one_begins_anew_in_the_same_process(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), REASON, "anew"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=20.0, check=False)

    said = [line for line in done.stdout.splitlines() if "with" in line or "stopped" in line]
    assert said == [
        "started with 1 notices",
        f"stopped in order: {REASON}; the node begins anew",
        "started with 2 notices",
        f"stopped in order: {REASON}; the node begins anew",
        "started with 3 notices",
        f"stopped in order: {REASON}",
    ]
    assert done.returncode == 1
