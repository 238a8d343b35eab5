"""Nodes that are not honest: they take part in everything, and lie in one way each."""

from __future__ import annotations

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.transaction import Transaction
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.sim.machine import FORGED, Machine


class Sybil(Machine):
    """Takes part in everything, announces everything at once, and never delivers anything."""

    __slots__ = ()

    honest = False

    def send(self, peer: int, message: m.Message, priority: Priority) -> None:
        """Instead of a payload, its hash; instead of an answer, nothing."""
        if isinstance(message, m.Push):
            if priority is Priority.ANSWER:
                return
            header = message.transaction.header
            message = m.Announce((m.Announced(header.payload_hash, header.payload_size),))
        if not isinstance(message, m.Chunk):
            super().send(peer, message, priority)


class Forger(Machine):
    """Pushes every transaction with a signature that is not its origin's, also where a hash is wanted."""

    __slots__ = ()

    honest = False

    def send(self, peer: int, message: m.Message, priority: Priority) -> None:
        """What was signed, with another signature."""
        if isinstance(message, m.Push):
            super().send(peer, _forged(message.transaction), priority)
        elif isinstance(message, m.Announce):
            for item in message.items:
                super().send(peer, _forged(self._net.ledger.get(item.hash)), Priority.RELAY)
        else:
            super().send(peer, message, priority)


def _forged(transaction: Transaction) -> m.Push:
    return m.Push(transaction._replace(signature=FORGED), 1)


class Garbler(Machine):
    """Takes part in everything, and sends chunks in which nothing is right but the size."""

    __slots__ = ()

    honest = False

    def send(self, peer: int, message: m.Message, priority: Priority) -> None:
        """What is asked for, with every bit turned."""
        if isinstance(message, m.Chunk):
            message = message._replace(data=b"\xff" * len(message.data))
        super().send(peer, message, priority)
