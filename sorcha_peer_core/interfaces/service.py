"""What the parts that serve people and programs may ask of a node, and what it asks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import (
        AuditEntry,
        BanView,
        DeliveryView,
        EventSlice,
        Health,
        JobView,
        LogSlice,
        NodeStatus,
        PeerView,
        PingView,
        PluginAnswer,
        ProtectionView,
        Sample,
        SettingView,
        SubmitResult,
        TraceView,
    )
    from sorcha_peer_core.model.ids import PeerId, TxHash
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
