"""One question over an open link: are you there, and how far away."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, cast

from gevent import Timeout
from gevent.event import AsyncResult

from sorcha_peer_core.errors import LinkTimeout
from sorcha_peer_core.model.messages import Message, Ping, Pong

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId

_NONCE_BITS = 64


class Pinging:
    """Pings that somebody waits for; those by which the core watches its links are its own affair."""

    def __init__(self, send: Callable[[PeerId, Message], None]) -> None:
        self._send = send
        self._asked: dict[tuple[PeerId, int], AsyncResult[float]] = {}

    def rtt_s(self, peer_id: PeerId, timeout_s: float) -> float:
        """How long a Ping takes there and back, with what waits in between. Blocks. Raises LinkTimeout."""
        key = peer_id, secrets.randbits(_NONCE_BITS)
        answer = self._asked[key] = AsyncResult()
        asked_s = monotonic()
        self._send(peer_id, Ping(key[1]))
        try:
            return cast("float", answer.get(timeout=timeout_s)) - asked_s
        except Timeout:
            raise LinkTimeout(f"it did not answer over its link within {timeout_s:g} s") from None
        finally:
            del self._asked[key]

    def heard(self, peer_id: PeerId, messages: Sequence[Message]) -> None:
        """What a linked peer sent; costs nothing while nobody waits."""
        if not self._asked:
            return
        for message in messages:
            answer = self._asked.get((peer_id, message.nonce)) if isinstance(message, Pong) else None
            if answer is not None:
                answer.set(monotonic())
