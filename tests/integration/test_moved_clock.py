"""The system's clock jumps by an hour while a node runs: what it says, what waits, and that nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from devnet_commands import ready

from sorcha_peer_core.cli.cluster import Cluster, wait_until

HOUR_S = 3600
NODES = 3
NOTICED_S = 20
RIGHT_AGAIN_S = 30


class SystemClock:
    """What a node's process believes the time to be. What cannot be set on a real system, the time since its start, goes on."""

    def __init__(self, file: Path) -> None:
        library = _library()
        if library is None:
            pytest.skip("moving the clock of one process needs Debian's package faketime")
        self._file = file
        self.set_by(0)
        self.prefix = (
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={file}",
            "FAKETIME_CACHE_DURATION=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        )

    def set_by(self, seconds: float) -> None:
        """Against the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}s\n", encoding="ascii")
        new.replace(self._file)


def _library() -> Path | None:
    if shutil.which("faketime") is None:
        return None
    return next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"), None)


def submit(node, payload: bytes) -> str:
    answer = node.client.submit_batch([payload])
    assert not answer.rejected
    return answer.accepted[0]


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["an hour ahead", "an hour behind"])
def test_a_clock_that_jumps_by_an_hour_is_said_and_own_submissions_wait_until_it_is_right(tmp_path, jump_s):
    clock = SystemClock(tmp_path / "clock")
    with Cluster(tmp_path, NODES) as cluster:
        moved, *others = cluster.nodes
        moved.prefix = clock.prefix
        cluster.start()
        cluster.wait_until_linked(NODES - 1, 30)
        before = submit(moved, b"before the clock was set")

        clock.set_by(jump_s)
        wait_until(lambda: not ready(moved)[0], NOTICED_S, "the wrong clock to be noticed")

        assert f"{HOUR_S} s {'ahead of' if jump_s > 0 else 'behind'} those of the peers" in ready(moved)[1]
        assert moved.status()["clock_skew_s"] == pytest.approx(jump_s, abs=5)
        waiting = submit(moved, b"while the clock is wrong")
        from_another = submit(others[0], b"from another node meanwhile")
        wait_until(lambda: from_another in moved.hashes(), NOTICED_S, "it to relay as before")
        assert moved.status()["peers"]["connected"] == NODES - 1
        assert all(waiting not in node.hashes() for node in others)

        clock.set_by(0)
        wait_until(lambda: ready(moved)[0], RIGHT_AGAIN_S, "it to go on by itself")
        sent = {before, waiting, from_another, submit(moved, b"after the clock is right again")}
        for node in cluster.nodes:
            wait_until(lambda node=node: node.hashes() == sent, RIGHT_AGAIN_S, "everybody to have everything")
        wait_until(lambda: moved.status()["queue"]["pending"] == 0, RIGHT_AGAIN_S, "the queue to be empty")
        assert list(moved.client.all_dead_letters()) == []
        assert f"the clock of this machine was set by {jump_s:+d} s" in moved.log_text()
        assert "Traceback" not in moved.log_text()
