"""A node without a network: what the management API sees of one, kept in a list."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sorcha_peer_core.errors import ActionRefused, AddressInvalid, LinkTimeout, NoSuchPeer, NotTraced, QueueFull
from sorcha_peer_core.interfaces.views import (
    AddressView,
    AuditEntry,
    BanView,
    CopyView,
    DeliveryView,
    EventEntry,
    EventSlice,
    Health,
    JobView,
    LogSlice,
    NodeStatus,
    PassedView,
    PeerView,
    PingView,
    PluginAnswer,
    ProtectionView,
    Sample,
    ScoreTerm,
    SettingView,
    SubmitResult,
    TraceView,
    Traffic,
)
from sorcha_peer_core.model.ids import PeerId, TxHash, hashes_with_prefix
from sorcha_peer_core.model.peer import RungView
from sorcha_peer_core.model.transaction import Header, LogEntry, QueueRow, QueueState, Submission, Transaction

TOKEN = "token-of-the-tests"
OWN_ID = PeerId("ab" * 20)
LOG_EPOCH = 4_711_000_000_000_001

STATUS = NodeStatus(
    peer_id=OWN_ID, name="anna", version="0.1.0", network_id="sorcha", state="online", started_at=1_700_000_000,
    uptime_s=12.3456, listening=("grpc://127.0.0.1:5001",), external_address="192.0.2.7", reachability="unknown",
    peers_known=4, peers_connected=3, peers_active=2, links={"grpcstream": 2, "grpc": 1},
    links_by_direction={("grpcstream", "outbound"): 2, ("grpc", "inbound"): 1}, queue_pending=5, queue_inflight=6, queue_dead=7,
    transactions_stored=8, transactions_delivered=9, last_seq=10, log_epoch=LOG_EPOCH,
    traffic=Traffic(received=11, duplicates=1, sent_bytes=1200, received_bytes=1300, sent_plain_bytes=2400,
    received_plain_bytes=1300), last_discovery_at=1_700_000_005,
    partition=False,
    addresses=(AddressView("grpc://192.0.2.7:5001", "stun", "not reached", 8.5, False, "no answer"),),
    address_findings={"stun": {"nat_type": "full cone"}},
    queue_retry=13, queue_waiting_bytes=140, min_receipts=2, receipts_needed=1,
)  # fmt: skip

LINKED = PeerView(
    peer_id=PeerId("cd" * 20), name="ben", address="192.0.2.8:5001", status="linked", transport="grpcstream",
    direction="outbound", latency_ms=1.25, last_seen_at=1_700_000_009, failures=0, is_bootstrap=True,
    software="sorcha-peer/0.1.0", queued_bytes=17, link_age_s=90.5,
    rungs=(RungView("grpcstream", "closed", "", None), RungView("rest", "half-open", "nobody listens there", 301.2)),
    score=-9.6, score_terms=(ScoreTerm("first deliveries", 2.0, 0.4), ScoreTerm("forged", 1.0, -10.0)),
    addresses=("grpc://192.0.2.8:5001", "rest://192.0.2.8:5002"),
)  # fmt: skip


KNOWN = replace(LINKED, peer_id=PeerId("00" * 20), status="known", transport="", direction="", latency_ms=None, link_age_s=None)

FIRST_EVENT_ID = 1_700_000_000_000

SETTINGS = [
    SettingView("node.name", "anna", "flag", "", "what people call this node"),
    SettingView("node.log_level", "debug", "environment variable SORCHA_PEER__NODE__LOG_LEVEL", "info", "debug | info | warning"),
    SettingView(
        "store.url", "postgresql://peer:***@db.example/peer", "file /etc/sorcha/config.toml", "sqlite:///peer.db", "where"
    ),
    SettingView("plugins.rest.listen", "[::]:5002", "file /etc/sorcha/config.toml", None, ""),
]


def event_entry(event_id: int, kind: str = "PeerLinked", level: str = "info", **fields: Any) -> EventEntry:
    """An event as the node tells it."""
    fields = fields or {"peer_id": LINKED.peer_id, "transport": "grpcstream", "outbound": True, "address": LINKED.address}
    return EventEntry(event_id, event_id + 0.5, kind, level, f"{kind} number {event_id}", fields)


def sample(at: int, transactions: int = 0) -> Sample:
    """A point of the charts."""
    return Sample(at, sent_bytes=10 * at, received_bytes=20 * at, transactions=transactions, queue=at % 7, latency_ms=12.5)


def entry(seq: int, tx_hash: TxHash | None = None, register_id: str = "", size: int = 3) -> LogEntry:
    """A line of the log with values that differ from line to line."""
    return LogEntry(
        seq=seq, hash=tx_hash or TxHash(seq.to_bytes(32, "big")), size=size, content_type="text/plain", register_id=register_id,
        origin="ef" * 20, created_ms=1_700_000_000_000.125, received_ms=1_700_000_000_001.5, hops=2,
    )  # fmt: skip


def row(row_id: int, state: QueueState = QueueState.PENDING, reason: str = "") -> QueueRow:
    """A row of the queue."""
    return QueueRow(
        row_id=row_id, hash=TxHash(row_id.to_bytes(32, "big")), size=3, content_type="text/plain", register_id="r-1", state=state,
        queued_ms=1_700_000_000_000.125, attempts=2, last_attempt_ms=1_700_000_003_000.5, not_before_ms=None, reason=reason,
    )  # fmt: skip


class FakeNode:
    """Keeps what it is given in order; ``room`` is how many more submissions it takes."""

    def __init__(self, data_dir: Path, listen: str = "127.0.0.1:0", max_transaction_bytes: int = 1000) -> None:
        self.data_dir = data_dir
        self.max_transaction_bytes = max_transaction_bytes
        self.admin_settings: dict[str, Any] = {"listen": listen}
        self.sections: dict[str, Mapping[str, Any]] = {"offline_mode": {"max_queue_size": 15, "max_queue_bytes": 1600}}
        self.shown = SETTINGS
        self.entries: list[LogEntry] = []
        self.payloads: dict[TxHash, bytes] = {}
        self.calls: list[list[Submission]] = []
        self.room = 1_000_000
        self.failure: Exception | None = None
        self.condition = Health(live=True, ready=True, reasons=())
        self.epoch = LOG_EPOCH
        self.waits: list[tuple[int, float]] = []
        self.rows: list[QueueRow] = []
        self.told: dict[TxHash, DeliveryView] = {}
        """How far submissions have come; those that are not here are unknown."""
        self.known_peers: list[PeerView] = [LINKED, KNOWN]
        self.banned: dict[PeerId, BanView] = {}
        self.removed: set[PeerId] = set()
        self.added: list[str] = []
        self.audited: list[AuditEntry] = []
        """Oldest first."""
        self.silent: set[PeerId] = set()
        """Peers that do not answer a ping."""
        self.event_entries: list[EventEntry] = []
        self.oldest_event_id = FIRST_EVENT_ID
        self.event_waits: list[tuple[int, float]] = []
        self.samples: list[Sample] = []
        self.answers: dict[str, list[PluginAnswer]] = {}
        """Of plugins, by hook."""
        self.protected = ProtectionView(
            mode="open", public_key="0a" * 32, certificate_sha256="0b" * 32, expires_at=1_900_000_000, tls_keys=["0c" * 32]
        )
        self.installed: list[Mapping[str, Any]] = [
            {"name": "admin", "distribution": "sorcha-peer-admin", "version": "0.1.0", "offers": [], "chosen": True, "error": ""}
        ]
        self._grown = threading.Condition()

    def settings(self, section: str) -> Mapping[str, Any]:
        return ({"admin": self.admin_settings} | self.sections).get(section, {})

    def status(self) -> NodeStatus:
        if self.failure:
            raise self.failure
        return replace(STATUS, last_seq=self.entries[-1].seq if self.entries else 10)

    def health(self) -> Health:
        return self.condition

    def peers(self) -> list[PeerView]:
        return [self._as_it_is(peer) for peer in self.known_peers if peer.peer_id not in self.removed]

    def peer(self, peer_id: PeerId) -> PeerView | None:
        found = (peer for peer in self.known_peers if peer.peer_id == peer_id and peer_id not in self.removed)
        return next(map(self._as_it_is, found), None)

    def _as_it_is(self, peer: PeerView) -> PeerView:
        return replace(peer, status="banned") if peer.peer_id in self.banned else peer

    def add_peer(self, address: str) -> None:
        if ":" not in address:
            raise AddressInvalid(f"{address!r} is not an address of a peer")
        self.added.append(address)

    def ping(self, peer_id: PeerId) -> PingView:
        self._name_of(peer_id)
        if peer_id in self.silent:
            raise LinkTimeout(f"peer {peer_id[:8]} did not answer within 5 s")
        return PingView(1.5, "grpcstream")

    def remove_peer(self, peer_id: PeerId) -> None:
        self._name_of(peer_id)
        self.removed.add(peer_id)

    def ban(self, peer_id: PeerId, reason: str, duration_s: float | None) -> BanView:
        if peer_id == OWN_ID:
            raise ActionRefused("a node does not ban itself")
        name = next((peer.name for peer in self.peers() if peer.peer_id == peer_id), "")
        until_at = None if duration_s is None else 1_700_000_010 + int(duration_s)
        self.banned[peer_id] = BanView(peer_id, name, reason, "operator", 1_700_000_010, until_at)
        return self.banned[peer_id]

    def unban(self, peer_id: PeerId) -> None:
        if self.banned.pop(peer_id, None) is None:
            raise NoSuchPeer(f"peer {peer_id} is not banned")

    def bans(self) -> list[BanView]:
        return list(reversed(self.banned.values()))

    def audit(self, before_row_id: int | None, limit: int) -> list[AuditEntry]:
        newest_first = reversed(self.audited)
        return [entry for entry in newest_first if before_row_id is None or entry.row_id < before_row_id][:limit]

    def record(self, actor: str, action: str, target: str, outcome: str) -> None:
        self.audited.append(AuditEntry(len(self.audited) + 1, 1_700_000_020, actor, action, target, outcome))

    def _name_of(self, peer_id: PeerId) -> str:
        for peer in self.peers():
            if peer.peer_id == peer_id:
                return peer.name
        raise NoSuchPeer(f"no peer {peer_id} is known")

    def jobs(self) -> Sequence[JobView]:
        return [JobView("send feelers", 15.0, 1_700_000_006, 0.2, ""), JobView("save the peer table", 10.0, None, None, "")]

    def submit(self, submissions: Sequence[Submission]) -> list[SubmitResult]:
        if self.failure:
            raise self.failure
        if len(submissions) > self.room:
            raise QueueFull("100 submissions wait, which is the most")
        self.room -= len(submissions)
        self.calls.append(list(submissions))
        results = []
        for submission in submissions:
            known = submission.tx_hash in self.payloads
            results.append(SubmitResult(submission.tx_hash, "known" if known else "queued"))
            if not known:
                self.payloads[submission.tx_hash] = submission.payload
                self.append(submission.tx_hash, submission.register_id, len(submission.payload))
        return results

    def queue(self, after_row_id: int, limit: int) -> list[QueueRow]:
        return [row for row in self.rows if row.state != QueueState.DEAD and row.row_id > after_row_id][:limit]

    def dead_letters(self, after_row_id: int, limit: int) -> list[QueueRow]:
        return [row for row in self.rows if row.state == QueueState.DEAD and row.row_id > after_row_id][:limit]

    def dead_letter(self, tx_hash: TxHash) -> QueueRow | None:
        return next((row for row in self.dead_letters(0, 1000) if row.hash == tx_hash), None)

    def retry_dead_letters(self, hashes: Sequence[TxHash] | None) -> int:
        dead = [row for row in self.dead_letters(0, 1000) if hashes is None or row.hash in hashes]
        self.rows = [row._replace(state=QueueState.RETRY) if row in dead else row for row in self.rows]
        return len(dead)

    def drop_dead_letters(self, hashes: Sequence[TxHash] | None) -> int:
        dead = [row for row in self.dead_letters(0, 1000) if hashes is None or row.hash in hashes]
        self.rows = [row for row in self.rows if row not in dead]
        return len(dead)

    def delivery(self, tx_hash: TxHash) -> DeliveryView:
        return self.told.get(tx_hash, DeliveryView(tx_hash, "unknown"))

    def deliveries(self, hashes: Sequence[TxHash]) -> list[DeliveryView]:
        return [self.delivery(tx_hash) for tx_hash in hashes]

    def tell(self, view: DeliveryView) -> None:
        """From now on this is how far it has come."""
        with self._grown:
            self.told[view.tx_hash] = view
            self._grown.notify_all()

    def wait_for_delivery(self, hashes: Sequence[TxHash], timeout_s: float) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: all(view.settled for view in self.deliveries(hashes)), timeout_s)

    def append(self, tx_hash: TxHash | None = None, register_id: str = "", size: int = 3) -> None:
        """One more line in the log."""
        with self._grown:
            self.entries.append(entry(len(self.entries) + 1, tx_hash, register_id, size))
            self._grown.notify_all()

    def transactions(self, after: int, limit: int, register_id: str | None = None) -> LogSlice:
        if self.failure:
            raise self.failure
        found = [e for e in self.entries[after : after + limit if register_id is None else None]
                 if register_id is None or e.register_id == register_id]  # fmt: skip
        return LogSlice(found[:limit], self.entries[0].seq if self.entries else 0, self.epoch)

    def transactions_before(self, seq: int, limit: int, register_id: str | None = None) -> LogSlice:
        if self.failure:
            raise self.failure
        found = [e for e in reversed(self.entries) if e.seq < seq and register_id in (None, e.register_id)]
        return LogSlice(found[:limit], self.entries[0].seq if self.entries else 0, self.epoch)

    def find_transactions(self, prefix: str, limit: int) -> list[LogEntry]:
        hashes_with_prefix(prefix)
        found = [e for e in self.entries if e.hash.hex().startswith(prefix.lower())]
        return sorted(found, key=lambda e: e.hash)[:limit]

    def transaction(self, tx_hash: TxHash) -> Transaction | None:
        found = self.find_transactions(tx_hash.hex(), 1)
        if not found or tx_hash not in self.payloads:
            return None
        payload = self.payloads[tx_hash]
        header = Header(
            network_id="sorcha", payload_hash=tx_hash, payload_size=len(payload), content_type=found[0].content_type,
            register_id=found[0].register_id, origin_key=bytes(32), created_ms=found[0].created_ms, ttl_s=3600, nonce=1,
        )  # fmt: skip
        return Transaction(header, b"header", b"signature", payload)

    def wait_for_transactions(self, after: int, timeout_s: float) -> bool:
        self.waits.append((after, timeout_s))
        with self._grown:
            return self._grown.wait_for(lambda: len(self.entries) > after, timeout_s)

    def payload(self, tx_hash: TxHash) -> bytes | None:
        return self.payloads.get(tx_hash)

    def trace(self, tx_hash: TxHash) -> TraceView:
        if tx_hash not in self.payloads:
            raise NotTraced(f"the transaction {tx_hash.hex()} is not here")
        return TraceView(
            tx_hash=tx_hash, size=3, origin=PeerId("ef" * 20), created_ms=1_700_000_000_000.125, hops=2,
            first_ms=1_700_000_000_001.5, verified_after_ms=0.75, stored_after_ms=2.5, copies_received=2,
            copies=[
                CopyView(PeerId("cd" * 20), "ben", 1, "push", 0.0),
                CopyView(None, "", 3, "chunks", 4.25, also_from=[PeerId("00" * 20)]),
            ],
            passed_on=[PassedView(PeerId("00" * 20), "carl", "announce", 0.75)],
        )  # fmt: skip

    def happen(self, kind: str = "PeerLinked", level: str = "info", **fields: Any) -> None:
        """One more event."""
        with self._grown:
            self.event_entries.append(event_entry(self._last_event_id + 1, kind, level, **fields))
            self._grown.notify_all()

    @property
    def _last_event_id(self) -> int:
        return self.event_entries[-1].event_id if self.event_entries else self.oldest_event_id - 1

    def events(self, after_id: int, limit: int) -> EventSlice:
        found = [entry for entry in self.event_entries if entry.event_id > after_id]
        return EventSlice(found[:limit], self.oldest_event_id, self._last_event_id)

    def wait_for_events(self, after_id: int, timeout_s: float) -> bool:
        self.event_waits.append((after_id, timeout_s))
        with self._grown:
            return self._grown.wait_for(lambda: self._last_event_id > after_id, timeout_s)

    def settings_shown(self) -> list[SettingView]:
        return self.shown

    def history(self) -> Sequence[Sample]:
        return self.samples

    def metrics_text(self) -> bytes:
        return b"# TYPE sorcha_peer_count gauge\nsorcha_peer_count 3.0\n"

    def protection(self) -> ProtectionView:
        return self.protected

    def plugin_answers(self, hook: str) -> Sequence[PluginAnswer]:
        return self.answers.get(hook, [])

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        return self.installed
