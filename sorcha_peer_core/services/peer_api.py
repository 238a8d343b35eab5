"""The classic request/response services: what foreign clients of the Sorcha protocol can ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.peer_api import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.model.ids import TxHash, parse_tx_hash
from sorcha_peer_core.model.transaction import MAX_REGISTER_ID_CHARS
from sorcha_peer_core.services.foreign_fetch import ForeignFetch, Offer
from sorcha_peer_core.services.registrations import Registrations

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord

_MOST_LISTED = 100
_PROTOCOLS = {"grpc": ("GrpcStream", "Grpc"), "rest": ("Rest",)}


class NodePeerApi:
    """Answers from what the node knows. Foreign clients have no key, so what they register is listed, never gossiped."""

    def __init__(
        self,
        own: Callable[[], PeerRecord],
        linked: Callable[[], Sequence[PeerRecord]],
        load: Callable[[TxHash], bytes | None],
        is_known: Callable[[TxHash], bool],
        max_transaction_bytes: int,
        *,
        fetch: ForeignFetch,
        registrations: Registrations | None = None,
    ) -> None:
        self._own = own
        self._linked = linked
        self._load = load
        self._is_known = is_known
        self._max_transaction_bytes = max_transaction_bytes
        self._fetch = fetch
        self._registrations = registrations or Registrations()
        self._to_be_told: list[Callable[[], object]] = []

    def own(self) -> RegisteredPeer:
        """This node."""
        return self._describe(self._own())

    def peer_list(self, requesting_peer_id: str, most: int) -> tuple[Sequence[RegisteredPeer], int]:
        """Linked peers and registered clients, never the one who asks."""
        listed = [self._describe(record) for record in self._linked()] + self._registrations.current()
        others = [peer for peer in listed if peer.peer_id != requesting_peer_id]
        return others[: most if 0 < most < _MOST_LISTED else _MOST_LISTED], len(others)

    def register(self, peer: RegisteredPeer, caller: str = "") -> tuple[bool, str]:
        """List a client for an hour; it may register again at any time, from the same address."""
        if peer.peer_id in {self._own().peer_id, *(record.peer_id for record in self._linked())}:
            return False, "this peer_id is the id of a node, and nodes link instead of registering"
        added = self._registrations.add(peer, caller)
        if isinstance(added, str):
            return False, added
        self._fetch.prepare(added)
        return True, "registered"

    def ping(self, peer_id: str) -> None:
        """A registered client is still there."""
        self._registrations.seen(peer_id)

    def notify(self, tx_hash: str, sender_peer_id: str, size: int, *, register_id: str = "", caller: str = "") -> NotifyAnswer:
        """Whether it is known here, or else will be fetched from the client that says so; may block for a dial-back."""
        wanted = parse_tx_hash(tx_hash)
        if len(register_id) > MAX_REGISTER_ID_CHARS or not register_id.isprintable():
            raise ValueError(f"register_id has at most {MAX_REGISTER_ID_CHARS} characters, all of which can be printed")
        if self._is_known(wanted):
            return NotifyAnswer(already_known=True, will_request=False)
        sender = self._registrations.find(sender_peer_id, caller)
        will_request = sender is not None and self._fetch.take(wanted, Offer(sender, size, register_id))
        return NotifyAnswer(already_known=False, will_request=will_request)

    def payload(self, tx_hash: str) -> bytes | None:
        """The payload of a stored transaction."""
        return self._load(parse_tx_hash(tx_hash))

    def listening(self) -> Iterator[Endpoint]:
        """Where this node listens."""
        yield from self._own().endpoints

    def when_stopping(self, told: Callable[[], object]) -> None:
        """Call ``told`` when the node begins to stop."""
        self._to_be_told.append(told)

    def stop(self) -> None:
        """The node begins to stop: fetch nothing more from clients, and tell those who want to know."""
        self._fetch.stop()
        while self._to_be_told:
            self._to_be_told.pop()()

    def _describe(self, record: PeerRecord) -> RegisteredPeer:
        endpoint = next((e for e in record.endpoints if e.scheme == "grpc"), None)
        schemes = dict.fromkeys(e.scheme for e in record.endpoints)
        return RegisteredPeer(
            peer_id=record.peer_id,
            address=endpoint.host if endpoint else "",
            port=endpoint.port if endpoint else 0,
            protocols=[name for scheme in schemes for name in _PROTOCOLS.get(scheme, ())],
            last_seen_at=int(time.time()),
            supports_streaming=True,
            supports_distribution=True,
            max_transaction_bytes=self._max_transaction_bytes,
        )
