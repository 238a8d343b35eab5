"""Copies of transactions as they come in: the first one is verified, further ones are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.quota import Kind
from sorcha_peer_core.protocol.reputation import Deed
from sorcha_peer_core.protocol.traces import Trace

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.filter import HashFilter
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.counters import Counters
    from sorcha_peer_core.protocol.deeds import Deeds
    from sorcha_peer_core.protocol.fetching import Fetching
    from sorcha_peer_core.protocol.here import Here
    from sorcha_peer_core.protocol.host import Host
    from sorcha_peer_core.protocol.mesh_links import MeshLinks
    from sorcha_peer_core.protocol.owed import Owed

_MOST_ASKED = 65_536
"""Hashes that the store is asked about at a time; what peers speak of beyond that is left to sync."""
_MOST_HELD_BYTES = 16 * 1024 * 1024
"""Of payloads that wait for the store's answer: nothing has verified them, so nothing else bounds them."""


class Arriving:
    """Pushes, and what came together from chunks. What may be in the store waits for the store's answer.

    ``found`` hears of what turned out to be in the store.
    """

    def __init__(  # noqa: PLR0913 - so many have a say in it
        self,
        host: Host,
        hash_filter: HashFilter,
        here: Here,
        *,
        fetching: Fetching,
        owed: Owed,
        mesh: MeshLinks,
        counters: Counters,
        found: Callable[[TxHash], None],
        deeds: Deeds,
    ) -> None:
        self._host = host
        self._filter = hash_filter
        self._here = here
        self._fetching = fetching
        self._owed = owed
        self._mesh = mesh
        self._traces = here.traces
        self._counters = counters
        self._found = found
        self._deeds = deeds
        self._asking_store: dict[TxHash, list[tuple[int, m.Announced | m.Push]]] = {}
        """Who came with what while the answer was not here."""
        self._held_bytes = 0

    def push(self, peer: int, push: m.Push, now: float) -> None:
        """A copy, unasked or wanted."""
        self._counters.received += 1
        header = push.transaction.header
        tx_hash = header.payload_hash
        self._deeds.questions.answered(peer, (tx_hash,))
        if not push.transaction.payload:
            self._counters.rejected += 1
            self._host.rejected(peer, tx_hash, "it has no payload")
            self._host.noticed(peer, Deed.FORGED)
            return
        since = self._here.since(peer, tx_hash, header.payload_size)
        if since is not None:
            self._count_duplicate(peer, push, now)
            if push.hop:
                self._mesh.duplicate(peer, tx_hash, now - since, now)
        elif self._deeds.quotas.is_spent(peer, Kind.INVALID, now):
            self._counters.unverified += 1
        elif self._filter.definitely_new(tx_hash, header.created_ms):
            self._check(peer, push, now)
        else:
            self.ask_store(peer, tx_hash, push)

    def chunk(self, peer: int, chunk: m.Chunk, now: float) -> None:
        """A piece of a copy."""
        swarm = self._fetching.swarms.chunk(peer, chunk, now)
        if swarm is not None:
            self._counters.received += 1
            trace = self._check(peer, swarm.push(), now, swarm.list_giver)
            trace.senders = tuple(swarm.senders)
            trace.shared = swarm.is_listed or len(swarm.senders) > 1

    def ask_store(self, peer: int, tx_hash: TxHash, what: m.Announced | m.Push) -> None:
        """Find out whether it is in the store, once for all who come with it until the answer is here."""
        asking = self._asking_store.get(tx_hash)
        size = _payload_bytes(what)
        if (asking is None and len(self._asking_store) >= _MOST_ASKED) or self._held_bytes + size > _MOST_HELD_BYTES:
            self._counters.left_to_sync += 1
            return
        if asking is None:
            self._asking_store[tx_hash] = [(peer, what)]
            self._host.load(m.LoadKnown((tx_hash,)))
        elif any(other == peer and type(said) is type(what) for other, said in asking):
            self._repeated(what)
            return
        else:
            asking.append((peer, what))
        self._held_bytes += size

    def known(self, answer: m.KnownHashes, now: float) -> None:
        """The store's answer."""
        for tx_hash in answer.question.hashes:
            asking = self._asking_store.pop(tx_hash, [])
            if tx_hash in answer.known:
                self._found(tx_hash)
            for peer, what in asking:
                self._held_bytes -= _payload_bytes(what)
                if tx_hash not in answer.known:
                    self._unknown(peer, tx_hash, what, now)
                elif isinstance(what, m.Push):
                    self._count_duplicate(peer, what, now)

    def _repeated(self, what: m.Announced | m.Push) -> None:
        """The same peer said so before, and the answer is not here yet."""
        if isinstance(what, m.Push):
            self._counters.duplicates += 1

    def _unknown(self, peer: int, tx_hash: TxHash, what: m.Announced | m.Push, now: float) -> None:
        """The store does not have it; it may have come while the store was asked."""
        size = what.size if isinstance(what, m.Announced) else what.transaction.header.payload_size
        if self._here.since(peer, tx_hash, size) is not None:
            if isinstance(what, m.Push):
                self._count_duplicate(peer, what, now)
        elif isinstance(what, m.Push):
            self._check(peer, what, now)
        else:
            self._fetching.noted(peer, what, now)

    def _count_duplicate(self, peer: int, push: m.Push, now: float) -> None:
        self._counters.duplicates += 1
        if not push.hop:
            self._owed.duplicate(peer, push.transaction.hash)
        verifying = self._here.verifying(push.transaction.hash)
        if verifying is None:
            self._traces.copied(push.transaction.hash, peer, push.hop, now)
        else:
            verifying.copied(peer, push.hop, now)

    def _check(self, peer: int, push: m.Push, now: float, giver: int | None = None) -> Trace:
        """``giver``: who handed out the envelope, where that is somebody else."""
        tx_hash = push.transaction.hash
        if not push.hop:
            self._owed.owe(peer if giver is None else giver, tx_hash)
        self._fetching.arrived(tx_hash, peer)
        trace = Trace(peer, push, now)
        self._here.verify(tx_hash, trace)
        return trace


def _payload_bytes(what: m.Announced | m.Push) -> int:
    return len(what.transaction.payload) if isinstance(what, m.Push) else 0
