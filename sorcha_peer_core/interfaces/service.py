"""What the parts that serve people and programs may ask of a node, and what it asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.model.peer import Endpoint, RungView
    from sorcha_peer_core.model.transaction import LogEntry, QueueRow, Submission, Transaction

COMMANDS_AGENT = "sorcha-peer-commands"
"""What the command line calls itself over the management API. What it submits is in the audit: a person does that."""


class Service(Protocol):
    """Something that runs beside the node, such as the management API (hook ``peer_services``)."""

    @property
    def name(self) -> str:
        """For logs and the list of plugins."""

    def start(self) -> None:
        """Begin; returns when it serves. Raises StartError if it cannot: the node then does not start."""

    def stop(self, grace_s: float) -> None:
        """End within about ``grace_s``. Idempotent; called before the node's links close."""


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


class NodeApi(Protocol):
    """A running node, for services. Safe from any greenlet; calls that touch the store wait for it without blocking the hub."""

    @property
    def data_dir(self) -> Path:
        """Where the node keeps its files."""

    @property
    def max_transaction_bytes(self) -> int:
        """The largest payload that ``submit`` accepts."""

    def settings(self, section: str) -> Mapping[str, Any]:
        """A section of the configuration as plain values, e.g. ``admin`` or ``plugins.rest``; empty when not there."""

    def status(self) -> NodeStatus:
        """The state right now."""

    def health(self) -> Health:
        """For probes."""

    def peers(self) -> list[PeerView]:
        """All known peers, linked ones first. A thousand take some 20 ms: for lists; see ``peer``."""

    def peer(self, peer_id: PeerId) -> PeerView | None:
        """One of them; None when it is not known (any more). Cheap."""

    def protection(self) -> ProtectionView:
        """How links are encrypted, and what this node presents."""

    def add_peer(self, address: str) -> None:
        """Dial ``[scheme://]host:port[#PEER_ID]`` now, and keep who answers in the peer table; blocks until it is linked.

        A peer that has links enough is kept too. Without a scheme every transport is tried.

        Raises:
            AddressInvalid: it is no such address.
            ActionRefused: it is this node's own, or that of a banned peer.
            TransportError: nobody, or somebody else, answered there. Nothing was changed.
        """

    def ping(self, peer_id: PeerId) -> PingView:
        """Ask a peer whether it is there: over its link, or by a look at one that is not linked. Blocks for seconds at most.

        Raises:
            NoSuchPeer: it is not known.
            ActionRefused: it is banned, or has no address that this node can dial.
            TransportError: it did not answer; LinkTimeout: not in time.
        """

    def remove_peer(self, peer_id: PeerId) -> None:
        """Part with a peer and forget it. Others may tell of it again, or it may dial; a ban is what keeps it away.

        Raises NoSuchPeer.
        """

    def ban(self, peer_id: PeerId, reason: str, duration_s: float | None) -> BanView:
        """Have nothing to do with a peer any more, known or not, from now on, for so long (None: until ``unban``).

        Its link ends, no other is made, and it is not told to others. It survives a restart. Whoever is banned already gets the
        new reason and duration.

        Raises:
            ActionRefused: it is this node itself, or so many are banned already.
            BanInvalid: the reason is no line of 200 characters, or the duration none.
            StoreError: it could not be kept; nothing was changed.
        """

    def unban(self, peer_id: PeerId) -> None:
        """Lift the ban of a peer; if it is known, it is dialled again soon. Raises NoSuchPeer: it is not banned; StoreError."""

    def bans(self) -> list[BanView]:
        """All who are banned now, the latest first."""

    def audit(self, before_row_id: int | None, limit: int) -> list[AuditEntry]:
        """What operators did, newest first: up to ``limit`` below the given ``row_id`` (None: from the newest on)."""

    def record(self, actor: str, action: str, target: str, outcome: str) -> None:
        """Note what an operator did. One that cannot be kept now is in the log of the process; it never raises."""

    def jobs(self) -> Sequence[JobView]:
        """What the node does every so often, and how it went the last time."""

    def submit(self, submissions: Sequence[Submission]) -> list[SubmitResult]:
        """Accept payloads made by ``submission_of``; returns after the commit.

        Raises:
            QueueFull: none of them was accepted.
            StoreError: none of them was accepted.
        """

    def queue(self, after_row_id: int, limit: int) -> list[QueueRow]:
        """Submissions that wait for their receipts, oldest first: up to ``limit`` with a ``row_id`` above the given one."""

    def dead_letters(self, after_row_id: int, limit: int) -> list[QueueRow]:
        """Submissions that were given up, in the same form."""

    def dead_letter(self, tx_hash: TxHash) -> QueueRow | None:
        """One of them, ``payload`` has its bytes; None when there is none of that hash."""

    def retry_dead_letters(self, hashes: Sequence[TxHash] | None) -> int:
        """Offer these again at once (None: all of them). Returns how many; those that are no dead letters are passed over."""

    def drop_dead_letters(self, hashes: Sequence[TxHash] | None) -> int:
        """Forget these (None: all of them); what was released stays in the arrival log. Returns how many."""

    def delivery(self, tx_hash: TxHash) -> DeliveryView:
        """How far a submission has come. What is in the log and not in the queue is delivered, also when others submitted it."""

    def deliveries(self, hashes: Sequence[TxHash]) -> list[DeliveryView]:
        """The same for many, in the order asked."""

    def wait_for_delivery(self, hashes: Sequence[TxHash], timeout_s: float) -> bool:
        """Block until all of these are settled (True), or the time is over or the node stops (False)."""

    def transactions(self, after: int, limit: int, register_id: str | None = None) -> LogSlice:
        """A slice of the arrival log."""

    def transactions_before(self, seq: int, limit: int, register_id: str | None = None) -> LogSlice:
        """The same backwards: lines with a smaller ``seq``, the newest first."""

    def find_transactions(self, prefix: str, limit: int) -> list[LogEntry]:
        """Up to ``limit`` lines of the log whose hash begins with these hex digits, by hash. Cheap.

        Raises:
            ValueError: this is not how a hash begins.
        """

    def transaction(self, tx_hash: TxHash) -> Transaction | None:
        """One transaction of the log with its envelope and payload; None when it is not there, or has lost its payload."""

    def wait_for_transactions(self, after: int, timeout_s: float) -> bool:
        """Block until the log goes beyond ``after`` (True), or the time is over or the node stops (False)."""

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload of a transaction that is stored or queued here."""

    def trace(self, tx_hash: TxHash) -> TraceView:
        """Whom a transaction came from, and who got it from here.

        Raises:
            NotTraced: it is not here, waits for its release, or is not one of the latest any more. The message says which.
        """

    def events(self, after_id: int, limit: int) -> EventSlice:
        """Up to ``limit`` events with a greater id, the oldest of those first; the latest 10,000 are kept."""

    def wait_for_events(self, after_id: int, timeout_s: float) -> bool:
        """Block until there is an event with a greater id (True), or the time is over or the node stops (False)."""

    def settings_shown(self) -> list[SettingView]:
        """Every setting with its value and where that comes from. No secret is among it."""

    def history(self) -> Sequence[Sample]:
        """How counters stood: oldest first, one a minute for a day, then one a second for the last ten minutes."""

    def metrics_text(self) -> bytes:
        """All metrics in Prometheus' text format 0.0.4."""

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        """What is installed: name, distribution, version, offers, chosen, error.

        ``offers`` has, of each thing it can build, kind, name, summary and chosen.
        """

    def plugin_answers(self, hook: str) -> Sequence[PluginAnswer]:
        """What plugins say to a hook that one of them has brought, ``hook(node) -> Sequence``; failures are among the answers."""


class RegisteredPeer(NamedTuple):
    """A peer as the classic discovery service shows it."""

    peer_id: str
    address: str
    port: int
    protocols: Sequence[str]
    last_seen_at: int
    supports_streaming: bool
    supports_distribution: bool
    max_transaction_bytes: int


class NotifyAnswer(NamedTuple):
    """What the classic NotifyTransaction is answered."""

    already_known: bool
    will_request: bool


class PeerApi(Protocol):
    """The request/response services of the Sorcha protocol, for clients that are not our nodes. Calls may block."""

    def own(self) -> RegisteredPeer:
        """This node."""

    def peer_list(self, requesting_peer_id: str, most: int) -> tuple[Sequence[RegisteredPeer], int]:
        """Up to ``most`` (0 or less: 100) linked peers, never the one who asks; and how many there are."""

    def register(self, peer: RegisteredPeer, caller: str = "") -> tuple[bool, str]:
        """List a foreign client; success and a sentence. It is listed, never gossiped.

        ``caller`` is the address that the call came from, empty where that is somebody else's, such as a proxy's.
        """

    def ping(self, peer_id: str) -> None:
        """A client says it is there."""

    def notify(self, tx_hash: str, sender_peer_id: str, size: int, *, register_id: str = "", caller: str = "") -> NotifyAnswer:
        """A client says it has a transaction. Raises ValueError for something that is not a hash or no register id.

        What is fetched is fetched from where the sender registered, and only if that came from the same ``caller``.
        """

    def payload(self, tx_hash: str) -> bytes | None:
        """The payload of a stored transaction. Raises ValueError for something that is not a hash."""

    def listening(self) -> Iterator[Endpoint]:
        """Where this node listens."""

    def when_stopping(self, told: Callable[[], object]) -> None:
        """Call ``told``, which must not block, when the node begins to stop."""
