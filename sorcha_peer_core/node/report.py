"""What a node tells of itself: status, peers, health, metrics. Reads, never changes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from sorcha_peer_core import __version__
from sorcha_peer_core.interfaces.views import NodeStatus, PeerView, ProtectionView, ScoreTerm, Traffic
from sorcha_peer_core.node.submitting import receipts_needed
from sorcha_peer_core.protocol.quota import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint
    from sorcha_peer_core.node.parts import Parts
    from sorcha_peer_core.protocol.member import Member
    from sorcha_peer_core.services.peer_link import PeerLink


class Report:
    """Reads the parts of a node that has been assembled."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._started_at = int(time.time())
        self._started_s = time.monotonic()
        self.listening: Sequence[Endpoint] = ()
        """Where the node listens, once it does."""

    def status(self) -> NodeStatus:
        """The state right now."""
        parts, ground = self._parts, self._parts.ground
        peers = parts.links.peers.values()
        directions = Counter((peer.link.transport, _direction(peer)) for peer in peers)
        stored, last_seq = ground.store.totals()
        queue = ground.store.queue_totals()
        return NodeStatus(
            peer_id=ground.identity.peer_id,
            name=ground.name,
            version=__version__,
            network_id=ground.config.node.network_id,
            state=parts.discovery.state,
            started_at=self._started_at,
            uptime_s=round(time.monotonic() - self._started_s, 3),
            listening=tuple(str(endpoint) for endpoint in self.listening),
            external_address=parts.address.service.external,
            reachability=parts.address.reachability.state,
            peers_known=len(parts.discovery.members),
            peers_connected=len(peers),
            peers_active=parts.discovery.members.live,
            links=Counter(peer.link.transport for peer in peers),
            links_by_direction=directions,
            queue_pending=queue.pending,
            queue_inflight=queue.inflight,
            queue_retry=queue.retry,
            queue_dead=queue.dead,
            queue_waiting_bytes=queue.waiting_bytes,
            min_receipts=ground.config.transaction_distribution.min_receipts,
            receipts_needed=receipts_needed(parts),
            transactions_stored=stored,
            transactions_delivered=last_seq,
            last_seq=last_seq,
            log_bytes=ground.store.log_bytes(),
            oldest_seq=parts.retention.oldest_seq,
            log_epoch=ground.store.log_epoch,
            traffic=self._traffic(),
            last_discovery_at=parts.discovery.last_discovery_at,
            partition=parts.driver.core.reconciling.is_partition_suspected,
            addresses=tuple(parts.address.service.views()),
            address_findings=parts.address.service.findings(),
            clock_skew_s=parts.clock.skew_s,
            warnings=tuple(self.warnings()),
        )

    def _traffic(self) -> Traffic:
        counters, compression = self._parts.driver.core.counters, self._parts.links.compression
        sent, received = self._parts.links.traffic()
        return Traffic(
            received=counters.received,
            duplicates=counters.duplicates,
            sent_bytes=sent,
            received_bytes=received,
            sent_plain_bytes=sent + compression.sent_plain_bytes - compression.sent_bytes,
            received_plain_bytes=received + compression.received_plain_bytes - compression.received_bytes,
        )

    def peers(self) -> list[PeerView]:
        """All known peers, linked ones first."""
        views = [self._view(member) for member in self._parts.discovery.members]
        return sorted(views, key=lambda view: (view.status != "linked", view.peer_id))

    def peer(self, peer_id: PeerId) -> PeerView | None:
        """One known peer."""
        member = self._parts.discovery.members.get(peer_id)
        return self._view(member) if member else None

    def protection(self) -> ProtectionView:
        """How links are encrypted, and what this node presents."""
        ground = self._parts.ground
        credentials = ground.protection.credentials
        return ProtectionView(
            mode=ground.config.security.mode,
            public_key=ground.identity.public_key.hex(),
            certificate_sha256=credentials.server_binding.hex() if credentials else "",
            expires_at=credentials.expires_at if credentials else None,
            tls_keys=[key.hex() for key in self._parts.own.record.tls_keys],
        )

    def name_of(self, peer_id: PeerId) -> str:
        """What a known peer calls itself; empty for one that is not known any more."""
        member = self._parts.discovery.members.get(peer_id)
        return member.record.name if member else ""

    def flaws(self) -> list[str]:
        """What keeps the node from doing its work, in words."""
        flaws = [f"the greenlet {name} failed" for name in self._parts.ground.supervisor.failed]
        failure = self._parts.storage.failure or self._parts.ground.care.failure
        if failure:
            flaws.append(f"the store cannot be written: {failure}")
        if self._parts.clock.is_off():
            flaws.append(self._parts.clock.flaw)
        return flaws

    def warnings(self) -> list[str]:
        """What somebody should look at: what is wrong now, and what damage was mended since the process began."""
        clock = self._parts.clock
        slight = [clock.flaw] if clock.flaw and not clock.is_off() else []
        return [
            *self.flaws(),
            *slight,
            *(f"the store was damaged and mended: {notice}" for notice in self._parts.ground.care.notices),
        ]

    @property
    def broken(self) -> bool:
        """Whether a greenlet failed: only a restart helps."""
        return bool(self._parts.ground.supervisor.failed)

    def gauges(self) -> dict[str, float]:
        """Metrics that go up and down, beside those of the status."""
        parts, credentials = self._parts, self._parts.ground.protection.credentials
        return {
            **({"certificate_expiry_timestamp_seconds": credentials.expires_at} if credentials else {}),
            "dedup_bloom_fill_ratio": parts.filter.fill_ratio,
            "network_partition_detected": parts.driver.core.reconciling.is_partition_suspected,
            "fetching": parts.driver.core.fetching,
            "log_bytes": parts.ground.store.log_bytes(),
            "pruning_longest_step_seconds": parts.retention.longest_step_s,
            "clock_skew_seconds": parts.clock.skew_s or 0.0,
            "store_failing": bool(parts.storage.failure or parts.ground.care.failure),
            "local_slowness": parts.driver.core.slowness,
            "local_stretch": parts.ground.pace.stretch,
            "storage_queue": parts.storage.waiting,
            "send_backlog_bytes": parts.driver.send_backlog_bytes,
        }

    def counters(self) -> dict[str, float]:
        """Metrics that only grow, beside those of the status."""
        core = self._parts.driver.core
        return {
            "gossip_rounds": core.gossip_rounds,
            "dead_letters": self._parts.ground.events.counts["DeadLetter"],
            "receipts": core.counters.receipts,
            "sync_recovered": core.counters.synced,
            "pruned_bytes": self._parts.retention.freed_bytes,
            "store_operations_put_aside": self._parts.storage.put_aside,
            "digests_refused": core.reconciling.refused,
            "transactions_rejected": core.counters.rejected,
            "left_to_sync": core.counters.left_to_sync,
            "banned_refused": self._parts.bans.refused,
            "chunks_refused": core.swarms.refused,
            **{f"compression_{name}": number for name, number in asdict(self._parts.links.compression).items()},
            **self._parts.discovery.counters(),
            "reachability_checks": self._parts.address.reachability.checks,
            **{f"dial_backs_{outcome}": number for outcome, number in self._parts.address.for_others.answers.items()},
        }

    def over_quota(self) -> dict[str, int]:
        """Items that were dropped because their sender sent too many, by kind."""
        core = self._parts.driver.core
        over = core.deeds.quotas.over
        return {
            Kind.HASHES: over[Kind.HASHES],
            Kind.RECORDS: self._parts.discovery.records_over_quota,
            # Only what came after the quota was spent is dropped.
            Kind.INVALID: core.counters.unverified,
        }

    def _status_of(self, member: Member, is_linked: bool) -> str:
        if member.peer_id in self._parts.bans:
            return "banned"
        return "linked" if is_linked else "lost" if member.lost else "known"

    def _view(self, member: Member) -> PeerView:
        record = member.record
        peer = self._parts.links.peers.get(record.peer_id)
        rtt_s = self._parts.driver.core.rtt_s(peer.index) if peer else member.rtt_s
        discovery = self._parts.discovery
        return PeerView(
            peer_id=record.peer_id,
            name=record.name,
            address=record.endpoints[0].authority if record.endpoints else "",
            status=self._status_of(member, peer is not None),
            transport=peer.link.transport if peer else "",
            direction=_direction(peer) if peer else "",
            latency_ms=None if rtt_s is None else round(rtt_s * 1000, 3),
            last_seen_at=discovery.last_seen_at(record.peer_id),
            failures=member.entry.failures,
            is_bootstrap=discovery.is_bootstrap(record.peer_id),
            software=record.software,
            queued_bytes=peer.queue.waiting_bytes if peer else 0,
            link_age_s=round(time.monotonic() - peer.since_s, 1) if peer else None,
            rungs=self._parts.links.rungs(record.peer_id),
            score=self._parts.conduct.score(record.peer_id),
            score_terms=tuple(ScoreTerm(*term) for term in self._parts.conduct.explain(record.peer_id)),
            addresses=tuple(str(endpoint) for endpoint in record.endpoints),
        )


def _direction(peer: PeerLink) -> str:
    return "outbound" if peer.link.outbound else "inbound"
