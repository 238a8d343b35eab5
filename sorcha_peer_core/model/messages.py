"""What peers say to each other after the handshake, and what the core tells itself later.

Messages and timers are NamedTuples: cheap, immutable, comparable in tests. The wire form of each is in ``wire``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.model.transaction import Header, Transaction


class Push(NamedTuple):
    """A whole transaction: eagerly pushed, or the answer to a Want. ``hop`` is 0 from its origin."""

    transaction: Transaction
    hop: int
    reach: int = 0
    """How many peers its sender was linked to; 0 when that is not said."""


class Announced(NamedTuple):
    """One announced transaction: enough to decide how to fetch it."""

    hash: TxHash
    size: int


class Announce(NamedTuple):
    """Lazy push (IHAVE): these are verified here and can be asked for."""

    items: tuple[Announced, ...]


class Want(NamedTuple):
    """Send me these, each as one Push (IWANT)."""

    hashes: tuple[TxHash, ...]


class Absent(NamedTuple):
    """These were wanted and are not, or no longer, here."""

    hashes: tuple[TxHash, ...]


class WantChunks(NamedTuple):
    """Send ``chunks`` pieces of a large transaction from byte ``offset`` on."""

    hash: TxHash
    offset: int
    chunks: int


class Chunk(NamedTuple):
    """A piece of a large transaction. The envelope travels with the piece at offset 0 only."""

    hash: TxHash
    offset: int
    data: bytes
    header: Header | None = None
    header_bytes: bytes = b""
    signature: bytes = b""
    hop: int = 0
    reach: int = 0


class Ping(NamedTuple):
    """Link probe; answered at once."""

    nonce: int


class Pong(NamedTuple):
    """The answer to the Ping with this nonce."""

    nonce: int


class PeersRequest(NamedTuple):
    """Tell me whom you know, at most ``most`` of them."""

    most: int


class Peers(NamedTuple):
    """Signed records of peers. Hearsay: it adds addresses to try, it never says that somebody is alive."""

    records: tuple[PeerRecord, ...]


class SyncSince(NamedTuple):
    """What has your arrival log after ``after_seq``? An unknown ``log_epoch`` is read from the start."""

    log_epoch: int
    after_seq: int


class SyncPage(NamedTuple):
    """A page of the arrival log: everything after the asked place up to ``next_seq``; ``more`` when the log goes on."""

    log_epoch: int
    items: tuple[Announced, ...]
    next_seq: int
    more: bool


class Farewell(IntEnum):
    """What whoever ends a link asks of the other side."""

    UNSAID = 0
    STOPPING = 1
    """The node stops."""
    ENOUGH = 2
    """It has links enough: dial somebody else, and this one not for a while."""


class Goodbye(NamedTuple):
    """This link ends, and why. ``reason`` is for people; nothing is decided by it."""

    reason: str
    farewell: Farewell = Farewell.UNSAID


class DialBack(NamedTuple):
    """See whether I can be reached at one of these, by dialling me and asking who answers."""

    nonce: int
    endpoints: tuple[Endpoint, ...]


class DialledBack(NamedTuple):
    """The answer to the DialBack with this nonce, for one endpoint. ``reason`` is for people."""

    nonce: int
    endpoint: Endpoint
    reached: bool
    reason: str = ""
    refused: bool = False
    """It was not dialled at all: nothing is known."""


Message = (
    Push | Announce | Want | Absent | WantChunks | Chunk
    | Ping | Pong | PeersRequest | Peers | SyncSince | SyncPage | Goodbye | DialBack | DialledBack
)  # fmt: skip


class FlushAnnouncements(NamedTuple):
    """Timer: announce what was verified since the last time."""


class FetchDue(NamedTuple):
    """Timer: ask (the next announcer) for this hash unless it has come. Stale when ``attempt`` is over."""

    hash: TxHash
    attempt: int


class ProbeDue(NamedTuple):
    """Timer: probe this link. Stale when the link's ``generation`` has passed."""

    peer: int
    generation: int


class SyncDue(NamedTuple):
    """Timer: read the arrival log of one linked peer."""


class RotateSeen(NamedTuple):
    """Timer: let the older generation of seen hashes go."""


Timer = FlushAnnouncements | FetchDue | ProbeDue | SyncDue | RotateSeen


class Cursor(NamedTuple):
    """How far the arrival log of one peer has been read."""

    log_epoch: int
    seq: int


class LoadWanted(NamedTuple):
    """Question to the store: these transactions, for ``peer``. Answered by Core.loaded with :class:`Loaded`."""

    peer: int
    hashes: tuple[TxHash, ...]


class LoadChunks(NamedTuple):
    """Question to the store: this transaction, of which ``peer`` asked for a piece."""

    peer: int
    want: WantChunks


class LoadKnown(NamedTuple):
    """Question to the store: which of these old hashes are in the log? The filter could not say no."""

    hashes: tuple[TxHash, ...]


class LoadLog(NamedTuple):
    """Question to the store: a page of the arrival log after ``after_seq``, for ``peer``. Of another epoch: from the start."""

    peer: int
    log_epoch: int
    after_seq: int
    most: int


Load = LoadWanted | LoadChunks | LoadKnown | LoadLog


class Loaded(NamedTuple):
    """Transactions that a LoadWanted or LoadChunks found; what is missing is not in the store."""

    question: LoadWanted | LoadChunks
    transactions: tuple[Transaction, ...]


class KnownHashes(NamedTuple):
    """Those of a LoadKnown that the log has."""

    question: LoadKnown
    known: frozenset[TxHash]


class LogPage(NamedTuple):
    """The answer to a LoadLog."""

    question: LoadLog
    log_epoch: int
    items: tuple[Announced, ...]
    next_seq: int
    more: bool


Answer = Loaded | KnownHashes | LogPage
