"""The fast negative in front of the store's index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class HashFilter(Protocol):
    """Knows, with certainty, that some hashes are new. Called by the core per hash; must not block."""

    def add(self, tx_hash: TxHash, received_ms: float) -> None:
        """A hash went into the arrival log.

        ``received_ms`` is not before its creation: of an own one, which may have waited, the later of the two is given.
        """

    def definitely_new(self, tx_hash: TxHash, created_ms: float | None = None) -> bool:
        """True only if the log cannot have it. ``created_ms``, where it is known, widens what can be ruled out."""
