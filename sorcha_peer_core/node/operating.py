"""What operators do with peers, and what is kept of that."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import (
    ActionRefused,
    AddressInvalid,
    LinkTimeout,
    NoSuchPeer,
    PeerUnreachable,
    StoreError,
    TransportError,
)
from sorcha_peer_core.interfaces.views import AuditEntry, BanView, PingView
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Farewell
from sorcha_peer_core.model.peer import parse_bootstrap
from sorcha_peer_core.node.running import Running
from sorcha_peer_core.services.session import Banned, DialledItself, HandshakeRefused

if TYPE_CHECKING:
    from sorcha_peer_core.model.ban import Ban
    from sorcha_peer_core.model.peer import BootstrapEntry

log = logging.getLogger(__name__)

AUDIT_ROWS = 10_000
PING_TIMEOUT_S = 5.0
_DIAL_TIMEOUT_S = 10.0
_MOST_ADDRESS = 400
_HOW = "write [scheme://]host:port[#PEER_ID]"
_MOST_NAME = 100
_MOST_SENTENCE = 500


class Operating(Running):
    """The part of a node that is about its peers as operators see them."""

    def add_peer(self, address: str) -> None:
        """Dial an address now, and keep who answers. Raises AddressInvalid, ActionRefused, TransportError."""
        parts, entry = self._assembled, _entry_of(address)
        if entry.peer_id == parts.ground.identity.peer_id or parts.links.is_own(entry.endpoint):
            raise ActionRefused(f"{entry.endpoint} is this node itself")
        if entry.peer_id is not None and entry.peer_id in parts.bans:
            raise ActionRefused(f"peer {short(entry.peer_id)} is banned by this node; lift the ban first")
        if entry.peer_id in parts.links.peers:
            return
        if not parts.discovery.has_place:
            raise ActionRefused("this node has as many links as communication.max_connections allows")
        try:
            parts.discovery.link_to(entry, _DIAL_TIMEOUT_S)
        except (Banned, DialledItself) as error:
            raise ActionRefused(f"{entry.endpoint} was not linked: {error}") from error
        except (HandshakeRefused, TransportError) as error:
            raise _unreachable(f"{entry.endpoint} was not linked", error) from error

    def ping(self, peer_id: PeerId) -> PingView:
        """Ask a peer whether it is there. Raises NoSuchPeer, ActionRefused, TransportError."""
        parts = self._assembled
        peer, member = parts.links.peers.get(peer_id), parts.discovery.members.get(peer_id)
        if peer_id in parts.bans:
            raise ActionRefused(f"peer {short(peer_id)} is banned by this node; lift the ban first")
        try:
            if peer is not None:
                transport = peer.link.transport
                return PingView(_ms(parts.links.pinging.rtt_s(peer_id, PING_TIMEOUT_S)), transport)
            if member is None:
                raise NoSuchPeer(f"no peer {peer_id} is known")
            if not member.record.endpoints:
                raise ActionRefused(f"peer {short(peer_id)} has told no address: it can only dial")
            found = parts.discovery.ping(peer_id, member.record.endpoints, PING_TIMEOUT_S)
            return PingView(_ms(found.rtt_s), found.transport)
        except (HandshakeRefused, TransportError) as error:
            raise _unreachable(f"peer {short(peer_id)} did not answer", error) from error

    def remove_peer(self, peer_id: PeerId) -> None:
        """Part with a peer and forget it. Raises NoSuchPeer."""
        parts = self._assembled
        if peer_id not in parts.links.peers and parts.discovery.members.get(peer_id) is None:
            raise NoSuchPeer(f"no peer {peer_id} is known")
        parts.discovery.remove(peer_id)
        # ENOUGH: it is not to dial again at once.
        parts.links.hang_up(peer_id, "an operator removed this peer", Farewell.ENOUGH)

    def ban(self, peer_id: PeerId, reason: str, duration_s: float | None) -> BanView:
        """Have nothing to do with a peer any more. Raises ActionRefused, StoreError."""
        return self._ban_view(self._assembled.bans.ban(peer_id, reason, duration_s=duration_s))

    def unban(self, peer_id: PeerId) -> None:
        """Lift a ban. Raises NoSuchPeer, StoreError."""
        self._assembled.bans.unban(peer_id)
        self._assembled.conduct.forgive(peer_id)

    def bans(self) -> list[BanView]:
        """All who are banned now, the latest first."""
        return [self._ban_view(ban) for ban in self._assembled.bans.all()]

    def audit(self, before_row_id: int | None, limit: int) -> list[AuditEntry]:
        """What operators did, newest first."""
        ground = self._assembled.ground
        return ground.store_thread.call(ground.store.audit, before_row_id, limit)

    def record(self, actor: str, action: str, target: str, outcome: str) -> None:
        """Note what an operator did; what cannot be kept is in the log."""
        entry = _line(actor, _MOST_NAME), _line(action, _MOST_NAME), _line(target, _MOST_SENTENCE), _line(outcome, _MOST_SENTENCE)
        log.info("%s: %s %s: %s", *entry)
        try:
            ground = self._assembled.ground
            ground.store_thread.call(ground.store.add_audit, int(time.time()), *entry, AUDIT_ROWS)
        except StoreError as error:
            log.warning("the audit does not have it: %s", error)

    def _ban_view(self, ban: Ban) -> BanView:
        return BanView(ban.peer_id, self._report.name_of(ban.peer_id), *ban[1:])


def _entry_of(address: str) -> BootstrapEntry:
    if len(address) > _MOST_ADDRESS:
        raise AddressInvalid(f"the address has {len(address)} characters; {_HOW}")
    try:
        return parse_bootstrap(address)
    except ValueError as error:
        raise AddressInvalid(f"{error}; {_HOW}") from None


def _unreachable(what: str, error: Exception) -> TransportError:
    kind = LinkTimeout if isinstance(error, LinkTimeout) else PeerUnreachable
    return kind(f"{what}: {error}")


def _line(text: str, most: int) -> str:
    """As one line that a table can show."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= most else f"{printable[: most - 1]}…"


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
