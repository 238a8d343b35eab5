"""What nodes acknowledged, and the proof that a network has all of it: on every node, byte for byte, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from http import HTTPStatus
from random import Random

import gevent
from gevent.event import Event

from sorcha_peer_core.cli.cluster import NodeProcess, read_log, wait_until
from sorcha_peer_core.client import NodeClient, Refused, find_node
from sorcha_peer_core.errors import NodeUnreachable, PeerError

SETTLE_S = 60.0
"""Long after everything has spread and every receipt has come, also on a busy machine."""


class Ledger:
    """Keeps, by hash, what was sent to nodes: what they acknowledged, and what they may have or not."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"payloads/{seed}")
        self._made = 0
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()
        """Sent to a node that went away before it answered, or stopped."""

    def payloads(self, count: int) -> list[bytes]:
        """Payloads that were never there before: most are small, some are too large to be pushed."""
        return [self._payload() for _ in range(count)]

    def _payload(self) -> bytes:
        self._made += 1
        size = self._rng.choice((40, 300, 300, 300, 1500, 6000))
        return b"%d/" % self._made + self._rng.randbytes(size)

    def submit(self, client: NodeClient, payloads: Sequence[bytes]) -> bool:
        """Hand them over, in one call; returns whether the node took them, and did not go away or stop meanwhile."""
        hashes = {sha256(payload).hexdigest() for payload in payloads}
        try:
            accepted = self._hand_over(client, payloads)
        except NodeUnreachable:
            self.unanswered |= hashes - self.acknowledged
            return False
        except Refused as refused:
            if refused.http_status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            self.unanswered |= hashes - self.acknowledged
            self.note(refused.answer.get("accepted", ()))
            return False
        assert accepted == hashes, "the node refused some"
        self.note(accepted)
        return True

    def _hand_over(self, client: NodeClient, payloads: Sequence[bytes]) -> set[str]:
        if len(payloads) == 1:
            return {client.submit(payloads[0])["hash"]}
        answer = client.submit_batch(payloads)
        assert not answer.rejected
        return set(answer.accepted)

    def note(self, hashes: Iterable[str]) -> None:
        """These were acknowledged."""
        new = set(hashes)
        self.acknowledged |= new
        self.unanswered -= new


def client_of(node: NodeProcess) -> NodeClient:
    """One of its own for whoever asks at the same time as others do. Raises PeerError while the node is away."""
    return NodeClient(*find_node(node.data_dir))


class Reader:
    """Follows the log of a node by its sequence numbers, over every restart."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self.gaps: list[str] = []
        self.seqs: list[int] = []
        self.hashes: list[str] = []
        self._greenlet = gevent.spawn(self._run, client_of(node))

    def _run(self, client: NodeClient) -> None:
        for line in client.subscribe(on_gap=lambda gap: self.gaps.append(str(gap))):
            self.seqs.append(line["seq"])
            self.hashes.append(line["hash"])

    def end(self, about: str) -> None:
        """Block until it has come to the end of the log; fails when it missed something or got it twice."""
        last_seq = len(lines_on_disk(self.node))
        try:
            wait_until(
                lambda: self._greenlet.dead or (self.seqs[-1:] or [0])[0] >= last_seq,
                SETTLE_S,
                f"the reader at node {self.node.number} to come to number {last_seq} ({about})",
            )
        finally:
            self._greenlet.kill()
        assert self._greenlet.exception is None, about
        assert self.gaps == [], about
        assert self.seqs == list(range(1, last_seq + 1)), about
        assert len(set(self.hashes)) == len(self.hashes), about


class Submitter:
    """Submits at one node, call after call, until it is ended."""

    def __init__(self, ledger: Ledger, node: NodeProcess, at_once: int, pause_s: float = 0.0) -> None:
        self._ledger, self._node, self._at_once, self._pause_s = ledger, node, at_once, pause_s
        self._ended = Event()
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        try:
            client = client_of(self._node)
        except PeerError:
            # It is away already.
            return
        while not self._ended.is_set() and self._ledger.submit(client, self._ledger.payloads(self._at_once)):
            self._ended.wait(self._pause_s)

    def end(self) -> None:
        """Block until its last call was answered, or the node went away."""
        self._ended.set()
        self._greenlet.get(timeout=SETTLE_S)


def prove_that_nothing_is_lost(
    nodes: Sequence[NodeProcess], ledger: Ledger, about: str, pruned: Sequence[NodeProcess] = ()
) -> None:
    """Everything acknowledged is on every node, once, byte for byte; nothing waits. ``pruned`` have lost payloads on purpose."""
    for node in nodes:
        wait_until(lambda node=node: not _missing(node, ledger), SETTLE_S, f"node {node.number} to have all ({about})", 0.2)
        wait_until(lambda node=node: not _waiting(node), SETTLE_S, f"the queue of node {node.number} to empty ({about})", 0.2)
    # What was not acknowledged may have been committed all the same, and then it spreads like everything else.
    wait_until(
        lambda: len({frozenset(_hashes_on_disk(node)) for node in nodes}) == 1, SETTLE_S, f"all to have the same ({about})", 0.5
    )
    for node in nodes:
        _look_at_log(node, ledger, about, is_whole=node not in pruned)
        assert node.client.queue()["queue"] == [], about
        assert node.client.dead_letters()["dead_letters"] == [], about


def _missing(node: NodeProcess, ledger: Ledger) -> set[str]:
    return ledger.acknowledged - _hashes_on_disk(node)


def _waiting(node: NodeProcess) -> int:
    return len(node.client.queue(limit=1)["queue"])


def _look_at_log(node: NodeProcess, ledger: Ledger, about: str, is_whole: bool) -> None:
    about = f"node {node.number}; {about}"
    told = read_log(node.client)
    lines = lines_on_disk(node)
    hashes = [tx_hash for _, tx_hash, _ in lines]
    assert len(set(hashes)) == len(hashes), f"twice in the log of {about}"
    assert [seq for seq, _, _ in lines] == list(range(1, len(lines) + 1)), f"gaps in the log of {about}"
    assert set(hashes) <= ledger.acknowledged | ledger.unanswered, f"something that nobody submitted on {about}"
    for _, tx_hash, payload in lines:
        if is_whole or payload is not None:
            assert sha256(payload).hexdigest() == tx_hash, f"another payload on {about}"
    # What is told is what is kept, in the same order.
    assert [(line["seq"], line["hash"]) for line in told] == [
        (seq, tx_hash) for seq, tx_hash, payload in lines if payload is not None
    ], about


def lines_on_disk(node: NodeProcess) -> list[tuple[int, str, bytes | None]]:
    """The whole log in order: number, hash, payload; None for a payload that made room for others."""
    with closing(_database(node)) as opened:
        rows = opened.execute(
            "SELECT seq, lower(hex(tx_hash)), payload FROM transactions "
            "UNION ALL SELECT seq, lower(hex(tx_hash)), NULL FROM emptied ORDER BY seq"
        )
        return rows.fetchall()


def _hashes_on_disk(node: NodeProcess) -> set[str]:
    with closing(_database(node)) as opened:
        rows = opened.execute("SELECT lower(hex(tx_hash)) FROM transactions UNION ALL SELECT lower(hex(tx_hash)) FROM emptied")
        return {tx_hash for (tx_hash,) in rows}


def emptied_count(node: NodeProcess) -> int:
    """How many transactions have lost their payload to make room."""
    with closing(_database(node)) as opened:
        [count] = opened.execute("SELECT count(*) FROM emptied").fetchone()
    return int(count)


def queued_count(node: NodeProcess) -> int:
    """How many submissions its outbox has on disk, whether it runs or not."""
    with closing(_database(node)) as opened:
        [count] = opened.execute("SELECT count(*) FROM transaction_queue").fetchone()
    return int(count)


def schema_of(node: NodeProcess) -> int:
    """The version of its file."""
    with closing(_database(node)) as opened:
        [version] = opened.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    return int(version)


def _database(node: NodeProcess) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{node.data_dir / 'peer.db'}?mode=ro", uri=True, timeout=30)
