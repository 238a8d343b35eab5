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
    old: bool = False
    """They are no news, the receiver seems to have missed them: nobody will push them."""
    asks: bool = False
    """They are of the sender's own, which lacks receipts: who has them says so, who has not fetches them."""


class Receipt(NamedTuple):
    """To whoever handed these out as their origin: they are committed here."""

    hashes: tuple[TxHash, ...]


class Refusal(NamedTuple):
    """To whoever handed this out as its origin: it is not valid here, and why. ``reason`` is for people."""

    hash: TxHash
    reason: str


class FlushRequest(NamedTuple):
    """So many of mine wait to be sent, of so many bytes together: how many may I push to you?"""

    waiting: int
    waiting_bytes: int


class FlushGrant(NamedTuple):
    """The answer: so many, of so many bytes together, within ``window_s`` seconds; none when the node is busy."""

    most: int
    most_bytes: int
    window_s: float


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
    root: bytes = b""
    """Of the list that the answer will be checked against; who has another one says Absent. Empty: there is no list."""


class WantChunkList(NamedTuple):
    """Send me the envelope of a large transaction and the list of its chunks."""

    hash: TxHash


class ChunkList(NamedTuple):
    """The answer: hashes back to back, none when the envelope has no root. ``hop`` and ``reach`` as in a Push."""

    hash: TxHash
    header: Header
    header_bytes: bytes
    signature: bytes
    hashes: bytes
    hop: int = 0
    reach: int = 0


class Have(NamedTuple):
    """These chunks of a large transaction are here and were found good, the rest is on its way."""

    hash: TxHash
    size: int
    chunks: tuple[int, ...]


class Chunk(NamedTuple):
    """A piece of a large transaction."""

    hash: TxHash
    offset: int
    data: bytes


class Graft(NamedTuple):
    """Push to me from now on what you relay."""


class Prune(NamedTuple):
    """Do not push to me what you relay; its hash is enough. ``refused``: the answer to a Graft, I will not push to you."""

    refused: bool = False


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


class Slice(NamedTuple):
    """The transactions whose origins say they were created in ``[start_ms, start_ms + span_ms)``, Unix milliseconds."""

    start_ms: int
    span_ms: int


class Mark(NamedTuple):
    """What tells two sets of transactions apart: how many there are, and a number of 64 bits made from all of them."""

    members: int
    sum: int


class Digest(NamedTuple):
    """Marks of neighbouring slices, of which the last one ends at ``end_ms``. The receiver says where it differs."""

    salt: int
    """What the marks were made with; 0 for those of hours and minutes, which nothing is added to."""
    first: Slice
    end_ms: int
    marks: tuple[Mark, ...]
    log_epoch: int = 0
    """Not 0: where nothing differs, say with an empty SyncPage where your arrival log of this epoch ends."""


class Region(NamedTuple):
    """A part of a slice: the transactions whose short ids under ``salt`` begin with the ``depth`` hex digits of ``prefix``."""

    salt: int
    slice: Slice
    prefix: int = 0
    depth: int = 0


class DigestRange(NamedTuple):
    """Marks of the sixteen parts of a region. The receiver goes on with those that differ."""

    region: Region
    marks: tuple[Mark, ...]


class DigestIds(NamedTuple):
    """All that I have in a region, as short ids. The receiver announces what is missing here and wants what it lacks."""

    region: Region
    ids: tuple[int, ...]


class DigestWant(NamedTuple):
    """Announce to me what has these short ids in the region."""

    region: Region
    ids: tuple[int, ...]


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
    Push | Announce | Want | Absent | WantChunks | Chunk | WantChunkList | ChunkList | Have | Graft | Prune
    | Ping | Pong | PeersRequest | Peers | SyncSince | SyncPage | Digest | DigestRange | DigestIds | DigestWant
    | Goodbye | DialBack | DialledBack | Receipt | Refusal | FlushRequest | FlushGrant
)  # fmt: skip


class FlushAnnouncements(NamedTuple):
    """Timer: announce what was verified since the last time."""


class FetchDue(NamedTuple):
    """Timer: ask (the next announcer) for this hash unless it has come. Stale when ``attempt`` is over."""

    hash: TxHash
    attempt: int


class SwarmsDue(NamedTuple):
    """Timer: see how the large transactions get on that are on their way in."""


class TellChunks(NamedTuple):
    """Timer: tell the neighbours which chunks came since the last time."""

    hash: TxHash


class ProbeDue(NamedTuple):
    """Timer: probe this link. Stale when the link's ``generation`` has passed."""

    peer: int
    generation: int


class SyncDue(NamedTuple):
    """Timer: compare what is older with one linked peer, or read its arrival log."""


class DigestDue(NamedTuple):
    """Timer: compare what was created lately with one linked peer."""


class CompareDue(NamedTuple):
    """Timer: much was missing here; see whether neighbours miss it too."""


class RotateSeen(NamedTuple):
    """Timer: let the older generation of seen hashes go."""


class LeasesDue(NamedTuple):
    """Timer: see which own transactions got too few receipts in time."""


class ReceiptsDue(NamedTuple):
    """Timer: tell those who handed them out what was committed since the last time."""


class AskDue(NamedTuple):
    """Timer: ask for receipts of what was handed to one peer alone."""


Timer = (
    FlushAnnouncements
    | FetchDue
    | SwarmsDue
    | TellChunks
    | ProbeDue
    | SyncDue
    | DigestDue
    | CompareDue
    | RotateSeen
    | LeasesDue
    | AskDue
    | ReceiptsDue
)


class Cursor(NamedTuple):
    """How far the arrival log of one peer has been read."""

    log_epoch: int
    seq: int


class LoadWanted(NamedTuple):
    """Question to the store: these transactions, for ``peer``. Answered by Core.loaded with :class:`Loaded`."""

    peer: int
    hashes: tuple[TxHash, ...]


class LoadChunks(NamedTuple):
    """Question to the store: this transaction, of which ``peer`` asked for a piece or the list."""

    peer: int
    want: WantChunks | WantChunkList


class LoadKnown(NamedTuple):
    """Question to the store: which of these old hashes are in the log? The filter could not say no."""

    hashes: tuple[TxHash, ...]


class LoadLog(NamedTuple):
    """Question to the store: a page of the arrival log after ``after_seq``, for ``peer``. Of another epoch: from the start."""

    peer: int
    log_epoch: int
    after_seq: int
    most: int


class LoadCreated(NamedTuple):
    """Question to the store: what is in the log and was created in ``[start_ms, end_ms)``, by time and hash.

    Of what was created at ``start_ms`` itself only hashes above ``after``.
    """

    start_ms: float
    end_ms: float
    most: int
    after: bytes = b""


Load = LoadWanted | LoadChunks | LoadKnown | LoadLog | LoadCreated


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


class Created(NamedTuple):
    """A line of the log, by the time its origin gives."""

    hash: TxHash
    size: int
    created_ms: float


class CreatedPage(NamedTuple):
    """The answer to a LoadCreated; as many as were asked for when there may be more."""

    question: LoadCreated
    items: tuple[Created, ...]


Answer = Loaded | KnownHashes | LogPage | CreatedPage
