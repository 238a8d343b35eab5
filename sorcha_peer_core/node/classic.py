"""The services for foreign clients of one node, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.interfaces.foreign import AsksForeignClients
from sorcha_peer_core.services.dial_back import DialBack
from sorcha_peer_core.services.foreign_fetch import ForeignFetch
from sorcha_peer_core.services.peer_api import NodePeerApi

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Submission
    from sorcha_peer_core.node.parts import Parts


class ClassicServices(NamedTuple):
    """What foreign clients ask, and how they are asked back."""

    api: NodePeerApi
    dial_back: DialBack

    def ask_through(self, transports: Sequence[Transport]) -> None:
        """Foreign clients are asked through those transports that can, in this order."""
        self.dial_back.by([transport.foreign_client for transport in transports if isinstance(transport, AsksForeignClients)])


def classic_services(
    parts: Parts, load: Callable[[TxHash], bytes | None], submit: Callable[[Submission], object]
) -> ClassicServices:
    """Build them; ``load`` finds a payload, ``submit`` takes one in as this node's own."""
    ground = parts.ground
    store, call = ground.store, ground.store_thread.call
    max_transaction_bytes = ground.config.transaction_distribution.max_transaction_bytes
    dial_back = DialBack(ground.supervisor)

    def is_known(tx_hash: TxHash) -> bool:
        # What is in the log is found without reading it; the second look finds what waits in the outbox.
        return bool(call(store.known, [tx_hash])) or call(store.payload, tx_hash) is not None

    api = NodePeerApi(
        own=lambda: parts.own.record,
        linked=lambda: [peer.record for peer in parts.links.peers.values()],
        load=load,
        is_known=is_known,
        max_transaction_bytes=max_transaction_bytes,
        fetch=ForeignFetch(dial_back, submit, ground.events, ground.supervisor, max_transaction_bytes),
    )
    return ClassicServices(api, dial_back)
