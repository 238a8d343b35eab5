"""What a node shows of itself, to people and programs: values of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.model.peer import RungView
    from sorcha_peer_core.model.transaction import LogEntry


class ScoreTerm(NamedTuple):
    """One term of what this node thinks of a peer (docs/reputation.md)."""

    name: str
    amount: float
    """How much of it there is; what is older counts less."""
    points: float
    """What it adds to the score, or takes from it."""


@dataclass(frozen=True, slots=True)
class PeerView:
    """One known peer as people see it."""

    peer_id: PeerId
    name: str
    address: str
    status: str
    """linked | known | lost: so many dials failed that it is not counted on | banned"""
    transport: str
    """Of the link in use; empty without one."""
    direction: str
    """outbound | inbound; empty without a link."""
    latency_ms: float | None
    """Smoothed round trip, of the link or of looks at an unlinked peer; None when it was never measured."""
    last_seen_at: int
    failures: int
    is_bootstrap: bool
    software: str
    queued_bytes: int
    link_age_s: float | None = None
    """How long the link in use has been up; None without one."""
    rungs: Sequence[RungView] = ()
    """The ladder: every transport of this node, with its breaker and its last failure with this peer."""
    score: float = 0.0
    """What this node thinks of it by what it did, -100 to 10; 0 of one that did nothing yet."""
    score_terms: Sequence[ScoreTerm] = ()
    """Those whose sum the score is."""
    addresses: Sequence[str] = ()
    """Where it says it listens, ``scheme://host:port``, best first; empty for one that can only dial."""


class ProtectionView(NamedTuple):
    """How the links of a node are encrypted, and what it presents, as people see it."""

    mode: str
    """open | ca | insecure"""
    public_key: str
    """Of its identity; the peer id is the start of its SHA-256. Hex, as all here."""
    certificate_sha256: str
    """Fingerprint of the certificate in use; empty without one."""
    expires_at: int | None
    """Unix seconds of its end."""
    tls_keys: Sequence[str]
    """SHA-256 of the public keys that the node's record names: of certificates that peers may see here."""


@dataclass(frozen=True, slots=True)
class AddressView:
    """One endpoint under which this node may be reached, as people see it."""

    address: str
    """scheme://host:port"""
    source: str
    """Who says so: manual | interface | listener | peers | the name of another resolver."""
    state: str
    """reached | not reached | unproved, by peers that dialled back."""
    age_s: float
    """Since a peer confirmed the state last; of an unproved one since it is known."""
    told: bool
    """Whether the node's own record names it."""
    reason: str = ""
    """Why the last peer that failed did."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counters since the node started; what is measured, not estimated."""

    received: int
    """Copies of transactions that arrived."""
    duplicates: int
    """Of those, how many were already here."""
    sent_bytes: int
    received_bytes: int
    sent_plain_bytes: int
    """The same batches before they were compressed."""
    received_plain_bytes: int


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The state of a node at one moment."""

    peer_id: PeerId
    name: str
    version: str
    network_id: str
    state: str
    """online | degraded | offline"""
    started_at: int
    uptime_s: float
    listening: tuple[str, ...]
    external_address: str
    """host:port, the best of those told that is proved, said by the operator or public; empty when there is none."""
    reachability: str
    """unknown until peers have dialled back, then public | local | private."""
    peers_known: int
    peers_connected: int
    peers_active: int
    """Those that are counted as alive, linked or not."""
    links: Mapping[str, int]
    """Number of linked peers by transport."""
    links_by_direction: Mapping[tuple[str, str], int]
    """The same by transport and direction."""
    queue_pending: int
    queue_inflight: int
    queue_dead: int
    transactions_stored: int
    transactions_delivered: int
    last_seq: int
    log_epoch: int
    traffic: Traffic
    last_discovery_at: int | None
    partition: bool
    addresses: Sequence[AddressView] = ()
    """Best first."""
    address_findings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By source: what it found out beside addresses."""
    queue_retry: int = 0
    queue_waiting_bytes: int = 0
    """Of all that wait; dead letters do not."""
    min_receipts: int = 1
    """Of how many peers a submission needs receipts, as configured."""
    receipts_needed: int = 1
    """The same right now: fewer where fewer are linked, one at least."""
    log_bytes: int = 0
    """Of the payloads in the arrival log."""
    oldest_seq: int = 0
    """The first place of the arrival log that is still there, as of some seconds ago; 0 when it is empty."""
    clock_skew_s: float | None = None
    """How far the system's clock is ahead of those of the linked peers, by their median; None without peers."""
    warnings: Sequence[str] = ()
    """What somebody should look at, in sentences; empty when all is well."""


class SubmitResult(NamedTuple):
    """What became of one submission. It is committed by the time this exists."""

    tx_hash: TxHash
    state: str
    """queued | known"""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How far one submission has come, as people see it."""

    tx_hash: TxHash
    state: str
    """queued: committed here, not released yet | sending: released, more receipts are needed | delivered | dead: given up |
    unknown: nothing of it is here"""
    receipts: int | None = None
    """Peers that said they have it, as far as this process knows; None when nobody counts: it is delivered or unknown."""
    receipts_needed: int = 1
    """Right now: see ``NodeStatus.receipts_needed``."""
    attempts: int = 0
    """How often it was offered while peers were linked."""
    reason: str = ""
    """Of a dead one why, of one that is offered again what was wrong the last time."""
    next_attempt_ms: float | None = None
    """When it is offered again, at the earliest; None when no attempt is planned or one is under way."""

    @property
    def settled(self) -> bool:
        """Whether nothing more will come of it by itself."""
        return self.state not in ("queued", "sending")


class CopyView(NamedTuple):
    """One copy of a transaction that came from a peer, as people see it."""

    peer_id: PeerId | None
    """Who sent it; None when nobody remembers: that link was over long ago."""
    name: str
    hop: int
    """How far from the origin its sender is, as the sender says: 0 is the origin itself."""
    by: str
    """push | fetch: it was asked for | sync: asked for after a log or a comparison named it | chunks"""
    after_ms: float
    """Since the first copy."""
    also_from: Sequence[PeerId] = ()
    """Others who sent some of the chunks."""


class PassedView(NamedTuple):
    """One peer that got a transaction from this node, or heard of it."""

    peer_id: PeerId | None
    name: str
    by: str
    """push | announce: only its hash | fetch: it asked | chunks: it asked for its envelope, chunks follow"""
    after_ms: float
    """Since the first copy came."""


@dataclass(frozen=True, slots=True)
class TraceView:
    """The way of one transaction through this node. All times by this node's clock."""

    tx_hash: TxHash
    size: int
    origin: PeerId
    created_ms: float
    """By the clock of its origin, in Unix milliseconds."""
    hops: int
    """From its origin to here; 0: it was submitted here."""
    first_ms: float
    """When the first copy was here, or when it was released if it was submitted here; Unix milliseconds."""
    verified_after_ms: float
    """Since then; that is when it was passed on."""
    stored_after_ms: float | None
    """Until it was committed; None: not yet."""
    copies_received: int
    """Also those that are too many for ``copies``."""
    copies: Sequence[CopyView]
    """In the order in which they came; a payload in chunks is one."""
    passed_on: Sequence[PassedView]
    further_passed_on: int = 0
    """How often else; too many for ``passed_on``."""


class LogSlice(NamedTuple):
    """Lines of the arrival log, and where the log begins now (a reader further back has a gap)."""

    entries: Sequence[LogEntry]
    oldest_seq: int
    log_epoch: int


class Health(NamedTuple):
    """Whether the node can do its work; ``reasons`` says what is wrong, empty when nothing is."""

    live: bool
    ready: bool
    reasons: Sequence[str]


class JobView(NamedTuple):
    """Something the node does every so often, as people see it."""

    name: str
    interval_s: float
    last_run_at: int | None
    """Unix seconds at which the last run began; None before the first."""
    last_duration_s: float | None
    last_error: str
    """Of the last run; empty when it went well."""


class PingView(NamedTuple):
    """The answer of a peer that was asked whether it is there."""

    rtt_ms: float
    """There and back, of this one question."""
    transport: str
    """The one that carried it."""


class BanView(NamedTuple):
    """A peer that this node has nothing to do with, as people see it."""

    peer_id: PeerId
    name: str
    """What it calls itself; empty when it is not known."""
    reason: str
    by: str
    """Who banned it: ``operator``, or the name of a rule."""
    since_at: int
    """Unix seconds, as ``until_at``."""
    until_at: int | None
    """None: until somebody lifts it."""


class AuditEntry(NamedTuple):
    """Something that an operator did."""

    row_id: int
    at: int
    """Unix seconds."""
    actor: str
    """Who: where the request came from, and by what right."""
    action: str
    """A word for programs, such as ``peer.ban``."""
    target: str
    """To what it was done; empty where that is the node as a whole."""
    outcome: str
    """``ok`` or a few words about what came of it; ``failed:`` and why."""


class EventEntry(NamedTuple):
    """One event, as people and programs see it."""

    event_id: int
    """Rises by one from event to event. A process begins at the Unix milliseconds of its start, so none comes twice."""
    at_ms: float
    """Unix milliseconds."""
    kind: str
    """The name of its class in ``model/events.py``."""
    level: str
    """debug | info | warning"""
    sentence: str
    """What the log says of it."""
    fields: Mapping[str, Any]
    """The event's own, as JSON values; ids and hashes in full, as hex."""


class EventSlice(NamedTuple):
    """Some of the latest events, oldest first."""

    entries: Sequence[EventEntry]
    oldest_id: int
    """The first that is still kept; the next one to come while there is none. A reader further back has a gap."""
    last_id: int
    """The last one there was. A reader further on read from an earlier process whose clock was ahead."""


class SettingView(NamedTuple):
    """One setting, as people see it."""

    key: str
    """section.name"""
    value: Any
    """As JSON; secrets are ``***``."""
    origin: str
    """default | flag | environment variable NAME | file PATH"""
    default: Any
    summary: str
    """One line of what it means; empty for settings of plugins, which know their own."""


class Sample(NamedTuple):
    """Where a node's counters stood at one moment."""

    at: int
    """Unix seconds."""
    sent_bytes: int
    """This and the next two since the node started; charts take differences."""
    received_bytes: int
    transactions: int
    """Those that came into the arrival log."""
    queue: int
    """Submissions that wait, now."""
    latency_ms: float | None
    """Mean over those that arrived from peers since the last sample, origin's clock to here; None when none did."""


class PluginAnswer(NamedTuple):
    """What one plugin said to a hook."""

    plugin: str
    values: Sequence[Any]
    error: str = ""
    """Why it failed; empty when it did not."""
