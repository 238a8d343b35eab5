"""Rounds in which a node of a running network is killed in the middle of something, and started again."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random
from unittest.mock import patch

import gevent
from acknowledged import SETTLE_S, Ledger, Submitter, client_of, emptied_count, queued_count, schema_of
from gevent.event import Event

from sorcha_peer_core.builtin import sqlite_schema
from sorcha_peer_core.builtin.sqlite_file import SqliteFile
from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until
from sorcha_peer_core.config import CONFIG_FILE

OLD_SCHEMA = 3
QUEUED = 600
"""Enough for a flush."""
_ALONE = '\n[security]\nallowed_peers = ["' + 40 * "0" + '"]\n'
"""Nobody has that id, so nobody is linked."""
_LOG_COLUMNS = "seq, tx_hash, size, content_type, register_id, origin, created_ms, received_ms, hops, header, signature, payload"


class CrashRounds:
    """Kills nodes of a cluster by a seed: the first two at work, the third while it prunes, the last while it migrates."""

    def __init__(self, cluster: Cluster, ledger: Ledger, seed: int) -> None:
        self._first, self._second, self._pruning, self._migrating = cluster.nodes
        self._nodes = cluster.nodes
        self._ledger = ledger
        self._seed = seed
        self._rng = Random(f"rounds/{seed}")
        self._ended = Event()
        self._pruner = gevent.spawn(self._kill_while_it_prunes)
        self._kills: Counter[str] = Counter()
        """By what the node was doing."""
        self._took_s: Counter[str] = Counter()
        self._left: list[int] = []
        """How many submissions were still queued when a flush was cut off,"""
        self._unmigrated = 0
        """and how many files were still of the old schema."""

    def __str__(self) -> str:
        kinds = ", ".join(f"{number} x {doing}" for doing, number in self._kills.items())
        took = {name: round(seconds, 1) for name, seconds in self._took_s.items()}
        return f"killed {kinds} (flushes with {self._left} left, {self._unmigrated} files not migrated yet; {took})"

    @property
    def kinds(self) -> Sequence[Callable[[], None]]:
        """What a round may be, in turn."""
        usual = (self.submitting_one_by_one, self.submitting_batches, self.receiving)
        # These take several starts each.
        return *usual, self.flushing, *usual, self.migrating

    def run(self, rounds: int) -> None:
        """So many, of which one that fails says its seed; the node that prunes is killed beside them."""
        kind = self.kinds[0]
        try:
            for number in range(rounds):
                kind = self.kinds[number % len(self.kinds)]
                begin_s = time.monotonic()
                kind()
                self._took_s[kind.__name__] += time.monotonic() - begin_s
                if self._pruner.dead:
                    self._pruner.get()
        except Exception as error:
            error.add_note(f"while {kind.__name__}, with seed {self._seed}; until then {self}")
            raise
        finally:
            self._ended.set()
            self._pruner.get(timeout=SETTLE_S)

    def submitting_one_by_one(self) -> None:
        """Killed while it takes single calls."""
        victim = self._victim()
        submitter = Submitter(self._ledger, victim, 1)
        self._kill_soon(victim, 0.5, "submitting one by one")
        submitter.end()
        self._restart(victim)

    def submitting_batches(self) -> None:
        """Killed while it takes batches."""
        victim = self._victim()
        submitter = Submitter(self._ledger, victim, 100)
        self._kill_soon(victim, 0.4, "submitting batches")
        submitter.end()
        self._restart(victim)

    def receiving(self) -> None:
        """Killed while others submit."""
        victim = self._victim()
        submitters = [Submitter(self._ledger, node, 20) for node in self._nodes if node is not victim]
        self._kill_soon(victim, 0.6, "receiving")
        for submitter in submitters:
            submitter.end()
        self._restart(victim)

    def flushing(self) -> None:
        """Alone with a queue, then killed while it hands it out."""
        victim = self._victim()
        victim.kill()
        settings = victim.data_dir / CONFIG_FILE
        usual = settings.read_text(encoding="utf-8")
        settings.write_text(usual + _ALONE, encoding="utf-8")
        victim.restart()
        assert self._ledger.submit(client_of(victim), self._ledger.payloads(QUEUED))
        victim.kill()
        settings.write_text(usual, encoding="utf-8")
        self._restart(victim)
        client = client_of(victim)
        wait_until(lambda: client.status()["queue"]["pending"] < QUEUED, SETTLE_S, "the queue to be handed out", 0.005)
        self._kill_soon(victim, 0.5, "flushing")
        self._left.append(queued_count(victim))
        self._restart(victim)

    def migrating(self) -> None:
        """A file that an earlier version left, with a queue; killed while it starts on it."""
        victim = self._migrating
        wait_until(lambda: not client_of(victim).queue(limit=1)["queue"], SETTLE_S, "the queue to empty", 0.05)
        victim.terminate()
        payloads = self._ledger.payloads(QUEUED)
        rewrite_with_old_schema(victim.data_dir / "peer.db", payloads)
        self._ledger.note(sha256(payload).hexdigest() for payload in payloads)
        victim.spawn([self._first.address])
        wait_until(lambda: _is_touched(victim) or not victim.is_running(), SETTLE_S, "the file to be opened", 0.001)
        # First the whole file is checked, then the steps take some 20 ms, and what follows half a second.
        self._kill_soon(victim, self._rng.choice((0.05, 0.2, 0.8)), "migrating")
        self._unmigrated += schema_of(victim) == OLD_SCHEMA
        self._restart(victim)

    def _kill_while_it_prunes(self) -> None:
        node, rng = self._pruning, Random(self._rng.random())
        emptied = emptied_count(node)
        while not self._ended.wait(0.01):
            if (now := emptied_count(node)) > emptied:
                self._ended.wait(rng.uniform(0, 0.1))
                node.kill()
                self._kills["pruning"] += 1
                self._restart(node)
                now = emptied_count(node)
            emptied = now

    def _victim(self) -> NodeProcess:
        return self._rng.choice((self._first, self._second))

    def _kill_soon(self, node: NodeProcess, within_s: float, doing: str) -> None:
        gevent.sleep(self._rng.uniform(0, within_s))
        node.kill()
        self._kills[doing] += 1

    def _restart(self, node: NodeProcess) -> None:
        # Somebody who is up: the one that prunes comes and goes by itself.
        contact = self._second if node is self._first else self._first
        node.restart([contact.address])


def _is_touched(node: NodeProcess) -> bool:
    return (node.data_dir / "peer.db-wal").exists() or (node.data_dir / "peer.db-journal").exists()


def rewrite_with_old_schema(file: Path, queued: Sequence[bytes]) -> None:
    """What an earlier version would have left: the same log and the same numbers, and what was queued and not released."""
    new = file.with_name("old.db")
    with (
        patch.object(sqlite_schema, "MIGRATIONS", sqlite_schema.MIGRATIONS[:OLD_SCHEMA]),
        patch.object(sqlite_schema, "SCHEMA_VERSION", OLD_SCHEMA),
    ):
        database = SqliteFile(str(new))
        database.open()
        database.close()
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.execute("ATTACH ? AS now", (str(file),))
        connection.execute(f"INSERT INTO transactions ({_LOG_COLUMNS}) SELECT {_LOG_COLUMNS} FROM now.transactions ORDER BY seq")
        connection.execute("INSERT OR REPLACE INTO meta SELECT * FROM now.meta WHERE key = 'log_epoch'")
        connection.executemany(
            "INSERT INTO transaction_queue (tx_hash, tx_data, queued_at, content_type, register_id, queued_ms, size) "
            "VALUES (?,?,?,'','',?,?)",
            [_row_of(payload) for payload in queued],
        )
    for path in file.parent.glob("peer.db*"):
        path.unlink()
    new.rename(file)


def _row_of(payload: bytes) -> tuple[str, bytes, int, float, int]:
    return sha256(payload).hexdigest(), payload, int(time.time()), time.time() * 1000, len(payload)
