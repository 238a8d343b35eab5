"""Foreign clients that registered: listed for an hour, never gossiped, because nobody can prove to be one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gevent.event import Event

    from sorcha_peer_core.interfaces.foreign import ForeignClient
    from sorcha_peer_core.interfaces.peer_api import RegisteredPeer
    from sorcha_peer_core.model.peer import Endpoint

_MOST = 1000
_MOST_FROM_ONE_ADDRESS = 100
_LASTS_S = 3600
_MOST_CHARS = 255
_MOST_PROTOCOLS = 16


class Way(NamedTuple):
    """Where a client answered, and by whom it is asked there."""

    client: ForeignClient
    endpoint: Endpoint


class Registration:
    """One client on the list; beside what it said of itself, what became of dialling it back."""

    def __init__(self, peer: RegisteredPeer, caller: str) -> None:
        self.peer = peer
        self.caller = caller
        """The address that the registration came from; empty when that is not known."""
        self.way: Way | None = None
        """Where it answered; None until it did."""
        self.dialling: Event | None = None
        """Set when the dial-back that is under way has ended."""
        self.rests_until_s = 0.0
        """Monotonic; it is not dialled before."""
        self.failures = 0
        """Fetches in a row that came to nothing."""
        self.offers = 0
        """Transactions that wait to be fetched from it."""


class Registrations:
    """The list."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._by_id: dict[str, Registration] = {}

    def add(self, peer: RegisteredPeer, caller: str) -> Registration | str:
        """List a client, or renew it; a sentence when it is refused."""
        self._forget_old()
        known = self._by_id.get(peer.peer_id)
        objection = _objection(peer) or (self._objection_to_known(known, caller) if known else self._objection_to_new(caller))
        if objection:
            return objection
        seen = peer._replace(last_seen_at=int(self._clock()))
        if known and (known.caller, known.peer.address, known.peer.port) == (caller, peer.address, peer.port):
            if tuple(known.peer.protocols) != tuple(peer.protocols):
                known.way = None
            known.peer = seen
            return known
        added = self._by_id[peer.peer_id] = Registration(seen, caller)
        return added

    def seen(self, peer_id: str) -> None:
        """A client is still there; nothing happens for one that is not listed."""
        known = self._by_id.get(peer_id)
        if known is not None:
            known.peer = known.peer._replace(last_seen_at=int(self._clock()))

    def find(self, peer_id: str, caller: str) -> Registration | None:
        """The registration of this client, made from the same address; an id alone proves nothing."""
        self._forget_old()
        known = self._by_id.get(peer_id)
        return known if known is not None and known.caller == caller else None

    def current(self) -> list[RegisteredPeer]:
        """Everybody on the list, oldest first."""
        self._forget_old()
        return [known.peer for known in self._by_id.values()]

    def _forget_old(self) -> None:
        oldest = self._clock() - _LASTS_S
        self._by_id = {key: known for key, known in self._by_id.items() if known.peer.last_seen_at >= oldest}

    def _objection_to_known(self, known: Registration, caller: str) -> str:
        return "" if known.caller == caller else "this peer_id was registered from another address"

    def _objection_to_new(self, caller: str) -> str:
        if len(self._by_id) >= _MOST:
            return "the list of registered clients is full"
        if caller and sum(known.caller == caller for known in self._by_id.values()) >= _MOST_FROM_ONE_ADDRESS:
            return f"{_MOST_FROM_ONE_ADDRESS} clients are registered from this address already"
        return ""


def _objection(peer: RegisteredPeer) -> str:
    if not peer.peer_id or not peer.address:
        return "peer_id and address are needed"
    texts = (peer.peer_id, peer.address, *peer.protocols)
    if len(peer.protocols) > _MOST_PROTOCOLS or any(len(text) > _MOST_CHARS for text in texts):
        return f"peer_id, address and each of {_MOST_PROTOCOLS} protocols have at most {_MOST_CHARS} characters"
    if not all(text.isprintable() for text in texts):
        return "peer_id, address and protocols hold only characters that can be printed"
    return ""
