"""What this node says of itself, signed anew whenever it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord
    from sorcha_peer_core.services.identity import Identity


class OwnRecord:
    """The node's own record. Each change has a higher ``seq``, so that it replaces the one before everywhere."""

    def __init__(self, identity: Identity, network_id: str, name: str, software: str, tls_keys: tuple[bytes, ...]) -> None:
        self._identity = identity
        self._network_id = network_id
        self._name = name
        self._software = software
        self._endpoints: tuple[Endpoint, ...] = ()
        self._tls_keys = tls_keys
        self.record: PeerRecord = self._sign()
        """The record as it is now."""

    def reached_at(self, endpoints: tuple[Endpoint, ...]) -> None:
        """The node is reached there from now on."""
        self._endpoints = endpoints
        self.record = self._sign()

    def certified_by(self, tls_keys: tuple[bytes, ...]) -> None:
        """Its certificates have these keys from now on."""
        self._tls_keys = tls_keys
        self.record = self._sign()

    def renew(self) -> None:
        """It says the same as before, and that the node still lives."""
        self.record = self._sign()

    def _sign(self) -> PeerRecord:
        return self._identity.record(self._network_id, self._endpoints, self._name, self._software, self._tls_keys)
