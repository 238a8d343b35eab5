"""A Host that does nothing but remember what was asked of it, and answers when a test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sorcha_peer_core.model.messages import (
    Announced,
    Created,
    CreatedPage,
    KnownHashes,
    LoadChunks,
    LoadCreated,
    Loaded,
    LoadKnown,
    LoadLog,
    LoadWanted,
    LogPage,
)

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.messages import Answer, Cursor, Load, Message, Timer
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.protocol.core import Core
    from sorcha_peer_core.protocol.host import Priority
    from sorcha_peer_core.protocol.reputation import Deed

T = TypeVar("T")


class Sent(NamedTuple):
    """One message on its way to a peer."""

    peer: int
    message: Message
    priority: Priority


class SetTimer(NamedTuple):
    """One timer that was set, with its delay."""

    delay_s: float
    timer: Timer


class Storing(NamedTuple):
    """One transaction on its way into the arrival log."""

    transaction: Transaction
    hops: int
    own: bool


class Rejected(NamedTuple):
    """What a peer sent and did not verify."""

    peer: int
    tx_hash: TxHash
    reason: str


class Postponed(NamedTuple):
    """Own transactions that are to be offered again."""

    hashes: tuple[TxHash, ...]
    delay_s: float
    attempts: int
    reason: str


class RecordingHost:
    """Lists of everything that was asked, in order. ``take_*`` empties a list, ``play_*`` gives an answer to a Core."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.unlinked: list[tuple[int, str]] = []
        self.deeds: Counter[tuple[int, Deed]] = Counter()
        self.timers: list[SetTimer] = []
        self.verifying: list[Transaction] = []
        self.storing: list[Storing] = []
        self.loads: list[Load] = []
        self.remembered: list[tuple[int, Cursor]] = []
        self.rejections: list[Rejected] = []
        self.deliveries: list[TxHash] = []
        self.postponements: list[Postponed] = []
        self.dead: dict[TxHash, str] = {}
        self.gaps: list[tuple[int, int]] = []
        self.events: list[Event] = []
        self.clock_ms = 0.0
        """What the clock on the wall shows."""

    # The role.

    def send(self, peer: int, message: Message, priority: Priority) -> None:
        """Remember a message."""
        self.sent.append(Sent(peer, message, priority))

    def unlink(self, peer: int, reason: str) -> None:
        """Remember a link that was to be ended; the test calls ``Core.link_down``."""
        self.unlinked.append((peer, reason))

    def set_timer(self, delay_s: float, timer: Timer) -> None:
        """Remember a timer; the test calls ``Core.timer``."""
        self.timers.append(SetTimer(delay_s, timer))

    def unix_ms(self) -> float:
        """As the test says."""
        return self.clock_ms

    def verify(self, transaction: Transaction) -> None:
        """Remember what waits for its verification."""
        self.verifying.append(transaction)

    def store(self, transaction: Transaction, hops: int, own: bool) -> None:
        """Remember what waits for its commit."""
        self.storing.append(Storing(transaction, hops, own))

    def load(self, question: Load) -> None:
        """Remember a question to the store."""
        self.loads.append(question)

    def remember(self, peer: int, cursor: Cursor) -> None:
        """Remember a cursor."""
        self.remembered.append((peer, cursor))

    def delivered(self, hashes: Sequence[TxHash]) -> None:
        """Remember what has its receipts."""
        self.deliveries += hashes

    def postpone(self, hashes: Sequence[TxHash], delay_s: float, attempts: int, reason: str) -> None:
        """Remember what is to be offered again; the test calls ``Core.offer_again``."""
        self.postponements.append(Postponed(tuple(hashes), delay_s, attempts, reason))

    def give_up(self, tx_hash: TxHash, reason: str) -> None:
        """Remember what nobody takes."""
        self.dead[tx_hash] = reason

    def missed(self, peer: int, lines: int) -> None:
        """Remember a gap."""
        self.gaps.append((peer, lines))

    def rejected(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """Remember who sent what did not verify."""
        self.rejections.append(Rejected(peer, tx_hash, reason))

    def noticed(self, peer: int, deed: Deed, count: float = 1.0) -> None:
        """Count."""
        self.deeds[peer, deed] += int(count)

    def emit(self, event: Event) -> None:
        """Remember an event."""
        self.events.append(event)

    # What tests ask.

    def messages_to(self, peer: int, kind: type[T]) -> list[T]:
        """The messages of one kind that were sent to ``peer``, in order."""
        return [sent.message for sent in self.sent if sent.peer == peer and isinstance(sent.message, kind)]

    def receivers_of(self, kind: type) -> list[int]:
        """Who was sent a message of this kind, in order."""
        return [sent.peer for sent in self.sent if isinstance(sent.message, kind)]

    def take_sent(self) -> list[tuple[int, Message]]:
        """What was sent since the last time, without priorities."""
        sent, self.sent = self.sent, []
        return [(peer, message) for peer, message, _ in sent]

    def take_timers(self, kind: type[T]) -> list[tuple[float, T]]:
        """Delays and timers of one kind since the last time; others stay."""
        taken: list[tuple[float, T]] = [(delay_s, timer) for delay_s, timer in self.timers if isinstance(timer, kind)]
        self.timers = [item for item in self.timers if not isinstance(item.timer, kind)]
        return taken

    # Answers.

    def play_verified(self, core: Core, now: float, reason: str | None = None) -> None:
        """Everything that waits is valid, or not valid for ``reason``."""
        waiting, self.verifying = self.verifying, []
        for transaction in waiting:
            core.verified(transaction, reason, now)

    def play_stored(self, core: Core, now: float) -> None:
        """Everything that waits is committed."""
        waiting, self.storing = self.storing, []
        core.stored([item.transaction.hash for item in waiting], now)

    def play_loaded(self, core: Core, now: float, transactions: Iterable[Transaction] = ()) -> None:
        """The store, holding ``transactions`` as its log of epoch 1, answers every question that waits."""
        log = {transaction.hash: transaction for transaction in transactions}
        waiting, self.loads = self.loads, []
        for question in waiting:
            core.loaded(_answer(question, log), now)


def _answer(question: Load, log: dict[TxHash, Transaction]) -> Answer:
    match question:
        case LoadKnown(hashes):
            return KnownHashes(question, frozenset(h for h in hashes if h in log))
        case LoadWanted(_, hashes):
            return Loaded(question, tuple(log[h] for h in dict.fromkeys(hashes) if h in log))
        case LoadChunks(_, want):
            return Loaded(question, (log[want.hash],) if want.hash in log else ())
        case LoadLog(_, log_epoch, after_seq, most):
            after = min(after_seq, len(log)) if log_epoch == 1 else 0
            page = tuple(Announced(h, len(tx.payload)) for h, tx in list(log.items())[after : after + most])
            end = after + len(page)
            return LogPage(question, 1, page, end, end < len(log))
        case LoadCreated():
            return CreatedPage(question, created_among(question, log.values()))


def created_among(question: LoadCreated, log: Iterable[Transaction]) -> tuple[Created, ...]:
    """What a store that holds ``log`` answers."""
    lines = sorted((tx.header.created_ms, tx.hash, len(tx.payload)) for tx in log)
    start = (question.start_ms, question.after)
    found = [Created(h, size, at_ms) for at_ms, h, size in lines if start < (at_ms, h) and at_ms < question.end_ms]
    return tuple(found[: question.most])
