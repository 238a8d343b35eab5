"""What an operator may want to see. Never needed for correctness."""

from __future__ import annotations

from dataclasses import dataclass

from sorcha_peer_core.model.ids import PeerId, TxHash


@dataclass(frozen=True, slots=True)
class PeerLinked:
    """A link to a peer is up and authenticated."""

    peer_id: PeerId
    transport: str
    outbound: bool
    address: str


@dataclass(frozen=True, slots=True)
class PeerUnlinked:
    """The last link to a peer is gone."""

    peer_id: PeerId
    reason: str


@dataclass(frozen=True, slots=True)
class PeerBanned:
    """This node has nothing to do with a peer any more."""

    peer_id: PeerId
    reason: str
    by: str
    """``operator``, or the name of a rule."""
    until_at: int | None
    """Unix seconds; None: until it is lifted."""


@dataclass(frozen=True, slots=True)
class PeerUnbanned:
    """A ban is over."""

    peer_id: PeerId
    why: str


@dataclass(frozen=True, slots=True)
class PeerJudged:
    """What a peer did adds up to so much that this node parts with it, or would (``security.reputation``)."""

    peer_id: PeerId
    verdict: str
    """disconnected | discouraged | banned"""
    score: float
    terms: tuple[str, ...]
    """Of the score: name, amount and points of each."""
    for_s: int
    """How long it lasts."""
    carried_out: bool
    """False: only said, not done."""


@dataclass(frozen=True, slots=True)
class DialFailed:
    """A peer could not be linked."""

    address: str
    transport: str
    reason: str


@dataclass(frozen=True, slots=True)
class BootstrapFailed:
    """None of the configured first contacts answered; they are tried again until one does. Told once."""

    reasons: tuple[str, ...]
    """Address and reason of each."""


@dataclass(frozen=True, slots=True)
class PeerLost:
    """So many dials in a row failed that a peer is no longer counted as alive; it is tried again now and then."""

    peer_id: PeerId
    failures: int


@dataclass(frozen=True, slots=True)
class HandshakeRefused:
    """Somebody was turned away before a link came up."""

    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A newcomer proved who it is, found no room, and was told whom else to dial."""

    peer_id: PeerId
    address: str


@dataclass(frozen=True, slots=True)
class TransactionRejected:
    """A peer sent a transaction that did not verify; it was neither stored nor relayed."""

    tx_hash: TxHash
    peer_id: PeerId | None
    reason: str


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """Every announcer was asked and none delivered; the next sync tries again."""

    tx_hash: TxHash
    asked: int


@dataclass(frozen=True, slots=True)
class ForeignFetchFailed:
    """A transaction that a foreign client notified was not taken from it."""

    tx_hash: TxHash
    client: str
    """The id it gave itself."""
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Frames were dropped from a send queue that was full."""

    peer_id: PeerId | None
    reason: str
    frames: int


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The node's service state: offline, degraded, online, stopping."""

    state: str
    cause: str


@dataclass(frozen=True, slots=True)
class AddressChanged:
    """The node tells others to find it somewhere else from now on."""

    addresses: tuple[str, ...]
    """All of them, best first; empty for a node that can only dial."""
    cause: str


@dataclass(frozen=True, slots=True)
class ReachabilityChanged:
    """Peers that dialled back found another state than before: unknown, public, local or private."""

    reachability: str
    cause: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A submission was given up: it is kept until somebody retries or drops it."""

    tx_hash: TxHash
    reason: str


@dataclass(frozen=True, slots=True)
class QueueFull:
    """Submissions are refused, because too many wait. Told once, until one is accepted again."""

    cause: str


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The store refused or lost its disk; nothing that was committed is affected."""

    what: str


@dataclass(frozen=True, slots=True)
class StoreRecovered:
    """The store can be written again."""

    lasted_s: float


@dataclass(frozen=True, slots=True)
class StoreMended:
    """The store was damaged. It works again; what became of the damaged data is in the sentence."""

    what: str


@dataclass(frozen=True, slots=True)
class NotStored:
    """The store does not take this transaction, however often it is tried; everything else goes on."""

    tx_hash: TxHash
    own: bool
    """Submitted here: it is a dead letter now."""
    reason: str


@dataclass(frozen=True, slots=True)
class ClockOff:
    """The system's clock differs from those of the linked peers."""

    skew_s: float
    """How far this node's clock is ahead of them; negative: behind."""
    parked: bool
    """So far that peers refuse what this node releases: own submissions wait."""


@dataclass(frozen=True, slots=True)
class ClockRight:
    """It does not any more."""

    skew_s: float


@dataclass(frozen=True, slots=True)
class SyncGap:
    """A part of a peer's arrival log is gone there, because its retention is over, before this node had read it."""

    peer_id: PeerId
    lines: int


@dataclass(frozen=True, slots=True)
class PartitionSuspected:
    """The network may have fallen apart: what this node sees may be a part of it. Nothing is done about it here."""

    cause: str


@dataclass(frozen=True, slots=True)
class PartitionOver:
    """Nothing speaks for a partition any more."""

    lasted_s: float


Event = (
    PeerLinked | PeerUnlinked | PeerLost | DialFailed | BootstrapFailed | HandshakeRefused | TurnedAway | TransactionRejected
    | FetchFailed | ForeignFetchFailed | Dropped | StateChanged | AddressChanged | ReachabilityChanged | StoreFailed
    | DeadLetter | QueueFull | PeerBanned | PeerUnbanned | PeerJudged
    | StoreRecovered | StoreMended | NotStored | ClockOff | ClockRight | SyncGap | PartitionSuspected | PartitionOver
)  # fmt: skip
