"""Nodes whose store is taken from them: full disks, damaged, deleted and cut-off files. What they say, and how they come back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from devnet_commands import ready

from sorcha_peer_core.cli.cluster import Cluster, wait_until
from sorcha_peer_core.errors import PeerError

LINK_TIMEOUT_S = 30
COMES_BACK_S = 30
PAGE_BYTES = 8192


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path, 2) as running:
        running.start()
        running.wait_until_linked(1, LINK_TIMEOUT_S)
        yield running


def payloads(first: int, count: int, size: int = 600) -> list[bytes]:
    return [b"%08d" % number * (size // 8) for number in range(first, first + count)]


def submit(node, some: list[bytes]) -> set[str]:
    answer = node.client.submit_batch(some)
    assert not answer.rejected
    return set(answer.accepted)


def wait_until_it_has(node, hashes):
    wait_until(lambda: holds(node, hashes), COMES_BACK_S, f"node {node.number} to have {len(hashes)} transactions", 0.2)


def holds(node, hashes) -> bool:
    try:
        return node.hashes() >= hashes
    except PeerError:
        # It begins anew.
        return False


def database(node) -> Path:
    return node.data_dir / "peer.db"


def damaged_files(node) -> list[str]:
    return sorted(path.name for path in node.data_dir.iterdir() if ".damaged-" in path.name and not path.name.endswith("-wal"))


def pages_of(file: Path, table: str, kind: str = "leaf") -> list[int]:
    with closing(sqlite3.connect(file)) as connection:
        try:
            rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ?", (table, kind)).fetchall()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite does not tell which page is whose")
    return [page - 1 for (page,) in rows]


def overwrite(file: Path, pages: list[int]) -> None:
    with file.open("r+b") as opened:
        for page in pages:
            opened.seek(page * PAGE_BYTES)
            opened.write(b"\xa5" * PAGE_BYTES)


@contextmanager
def small_disk(place: Path, size: str):
    """A file system of its own, which fills up quickly."""
    place.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(ballast: Path) -> None:
    """Leave no room."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(65536)):
            pass


def test_a_node_with_a_full_disk_says_so_relays_on_and_recovers_by_itself(tmp_path):
    with small_disk(tmp_path / "node-2", "4m"), Cluster(tmp_path, 3) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, LINK_TIMEOUT_S)
        first, full, third = cluster.nodes
        hashes = submit(first, payloads(0, 20))
        wait_until_it_has(full, hashes)

        ballast = full.data_dir / "ballast"
        fill(ballast)
        hashes |= submit(first, payloads(100, 300))
        wait_until(lambda: not ready(full)[0], COMES_BACK_S, "the node to say that it is not ready", 0.1)
        assert "free some space on the disk; nothing that was committed is lost" in ready(full)[1]
        assert any("free some space" in warning for warning in full.status()["warnings"])
        with pytest.raises(PeerError, match="free some space on the disk"):
            full.client.submit_batch(payloads(1000, 300))
        # The node without a disk passes on what the others lack, and stays linked.
        wait_until_it_has(third, hashes)
        assert full.status()["peers"]["connected"] == 2

        ballast.unlink()

        wait_until(lambda: ready(full)[0], COMES_BACK_S, "the node to be ready again", 0.1)
        wait_until_it_has(full, hashes)
        later = submit(full, payloads(2000, 5))
        wait_until_it_has(first, later)
        assert full.status()["warnings"] == []
        assert full.log_text().count("the store can be written again") == 1
        assert "Traceback" not in full.log_text()


@pytest.mark.parametrize("gone", ["peer.db", "peer.db*"], ids=["the file", "the file and its journal"])
def test_a_file_that_is_deleted_while_the_node_runs_is_written_anew_and_nothing_is_lost(cluster, gone):
    victim, other = cluster.nodes
    hashes = submit(victim, payloads(0, 50))
    wait_until_it_has(other, hashes)
    epoch = victim.status()["log_epoch"]

    for path in victim.data_dir.glob(gone):
        path.unlink()

    wait_until(database(victim).exists, COMES_BACK_S, "the file to be there again", 0.1)
    wait_until(lambda: ready(victim)[0], COMES_BACK_S, "the node to be ready", 0.1)
    [warning] = victim.status()["warnings"]
    assert "was deleted or replaced while the node used it" in warning
    assert ", 50 transactions" in warning
    assert victim.status()["log_epoch"] == epoch
    hashes |= submit(victim, payloads(100, 10))
    victim.kill()
    other.terminate()
    victim.restart([])
    # In the log, or in the outbox where it was not released yet.
    assert all(can_be_read(victim, tx_hash) for tx_hash in hashes)


def test_a_page_that_is_damaged_while_the_node_runs_costs_nothing_that_others_have(cluster):
    victim, other = cluster.nodes
    # More than the node holds in memory of its file.
    hashes = submit(other, payloads(0, 1500, size=8000))
    wait_until_it_has(victim, hashes)
    victim.terminate()
    victim.restart([other.address])

    overwrite(database(victim), pages_of(database(victim), "transactions", "overflow")[5:500])
    read_until_refused(victim, hashes)
    wait_until(lambda: bool(damaged_files(victim)), COMES_BACK_S, "the damage to be mended", 0.2)

    wait_until_it_has(victim, hashes)
    [warning] = victim.status()["warnings"]
    [aside] = damaged_files(victim)
    assert "the store was damaged and mended" in warning
    assert f"the damaged file is kept as {victim.data_dir / aside}" in warning
    assert "begins anew" in victim.log_text()
    assert ready(victim) == (True, "")
    assert "Traceback" not in victim.log_text()
    fresh = submit(victim, payloads(5000, 5))
    wait_until_it_has(other, fresh)


def read_until_refused(node, hashes) -> None:
    """Fetch one payload after the other; whoever reads finds the damage first."""
    assert not all(can_be_read(node, tx_hash) for tx_hash in sorted(hashes)), "nobody found the damage"


def can_be_read(node, tx_hash: str) -> bool:
    try:
        with node.client.payload(tx_hash) as pieces:
            return bool(b"".join(pieces))
    except PeerError:
        return False


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda file: file.write_bytes(b""), "is an empty file: what was in it is gone"),
        (lambda file: overwrite(file, [0]), "file is not a database"),
        (lambda file: overwrite(file, pages_of(file, "transactions")[3:6]), "malformed"),
        (lambda file: os.truncate(file, file.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES), "malformed"),
    ],
    ids=["of no bytes", "without its beginning", "with holes", "cut in half"],
)
def test_a_node_starts_on_a_damaged_file_and_gets_back_what_others_have(cluster, harm, said):
    victim, other = cluster.nodes
    hashes = submit(victim, payloads(0, 300))
    wait_until_it_has(other, hashes)
    victim.terminate()
    harm(database(victim))

    victim.restart([other.address])

    wait_until_it_has(victim, hashes)
    [warning] = victim.status()["warnings"]
    assert said in warning
    assert len(damaged_files(victim)) == 1
    assert "the store was damaged and mended" in victim.log_text()
    assert ready(victim) == (True, "")


def test_submissions_of_a_damaged_outbox_that_can_be_read_are_distributed_all_the_same(tmp_path):
    with Cluster(tmp_path, 2) as cluster:
        victim, other = cluster.nodes
        victim.spawn()
        victim.wait_until_ready()
        hashes = submit(victim, payloads(0, 300))
        victim.terminate()
        overwrite(database(victim), pages_of(database(victim), "transaction_queue")[4:6])

        victim.restart()
        other.spawn([victim.address])
        other.wait_until_ready()

        [warning] = victim.status()["warnings"]
        kept = int(warning.partition("Taken over: ")[2].split()[0])
        assert 300 - 2 * 14 <= kept < 300
        wait_until(lambda: len(other.hashes()) == kept, COMES_BACK_S, f"the other to have {kept} transactions", 0.2)
        assert other.hashes() < hashes


def test_a_journal_that_was_cut_off_costs_nothing_that_others_have(cluster):
    victim, other = cluster.nodes
    hashes = submit(other, payloads(0, 300))
    wait_until_it_has(victim, hashes)
    victim.kill()
    journal = victim.data_dir / "peer.db-wal"
    os.truncate(journal, journal.stat().st_size * 2 // 3)

    victim.restart([other.address])

    wait_until_it_has(victim, hashes)


def test_a_second_node_on_the_same_database_is_refused_in_a_sentence(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with Cluster(tmp_path, 2, [{"store": {"url": url}}, {"store": {"url": url}}]) as cluster:
        first, second = cluster.nodes
        first.spawn()
        first.wait_until_ready()

        second.spawn([first.address])

        assert second.wait_for_exit(LINK_TIMEOUT_S) == 1
        assert f"another node (process {first.pid}) uses the store {tmp_path / 'shared.db'}" in second.last_words()
        assert ready(first) == (True, "")


def test_a_stop_right_after_the_damage_is_still_an_orderly_one(cluster):
    victim, other = cluster.nodes
    submit(victim, payloads(0, 50))
    for path in victim.data_dir.glob("peer.db*"):
        path.unlink()

    victim.send_signal(signal.SIGTERM)

    assert victim.wait_for_exit(10) == 0
    victim.restart([other.address])
    assert len(victim.hashes()) == 50


def test_a_node_does_not_start_on_a_disk_that_can_only_be_read_and_says_why(tmp_path):
    place = tmp_path / "data"
    with small_disk(place, "1m"):
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        command = [sys.executable, "-m", "sorcha_peer_core", "run", "--data-dir", place, "--listen", "127.0.0.1:0"]

        done = subprocess.run(command, capture_output=True, text=True, timeout=LINK_TIMEOUT_S, check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"sorcha-peer: the data directory {place} cannot be used: Read-only file system"
