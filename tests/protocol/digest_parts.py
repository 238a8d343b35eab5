"""Two comparing nodes without a network: what one sends the other hears at once, and stores answer at once."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import TxHash, tx_hash_of
from sorcha_peer_core.protocol.digest import Digests
from sorcha_peer_core.testing.network_node import make_transaction, size_of
from sorcha_peer_core.testing.recording_host import RecordingHost, created_among

NOW_MS = 1_700_000_123_456.0
ANN, BOB = 1, 2


def transactions(count: int, *, since_ms: float, until_ms: float = NOW_MS - 7000, seed: int = 1):
    rng = Random(seed)
    return [make_transaction(b"%d/%d" % (seed, number), created_ms=rng.uniform(since_ms, until_ms)) for number in range(count)]


class Side:
    """One node: a Digests on a store, which takes what is announced to it as if it had been fetched."""

    def __init__(self, log: Iterable, seed: int = 1) -> None:
        self.host = RecordingHost()
        self.host.clock_ms = NOW_MS
        self.log = {tx.hash: tx for tx in log}
        self.digests = Digests(self.host, Random(seed))
        self.digests.start()
        self.answer_loads(0.0)
        self.sent_bytes = 0
        self.announced: list[TxHash] = []

    def answer_loads(self, now: float) -> None:
        while self.host.loads:
            question = self.host.loads.pop(0)
            if isinstance(question, m.LoadCreated):
                self.digests.loaded(m.CreatedPage(question, created_among(question, self.log.values())), now)

    def take(self, tx) -> None:
        if tx.hash not in self.log:
            self.log[tx.hash] = tx
            self.digests.add(tx)


def exchange(ann: Side, bob: Side, now: float) -> int:
    """Until nobody says anything more; returns how many messages it took."""
    messages = 0
    while ann.host.sent or bob.host.sent:
        for name, near, far in ((ANN, ann, bob), (BOB, bob, ann)):
            for _, message in near.host.take_sent():
                messages += 1
                near.sent_bytes += size_of(message)
                if isinstance(message, m.Announce):
                    near.announced += [item.hash for item in message.items]
                    for item in message.items:
                        far.take(near.log[item.hash])
                else:
                    far.digests.receive(name, message, now)
                    far.answer_loads(now)
    return messages


def tx_id(number: int) -> TxHash:
    return tx_hash_of(b"%d" % number)
