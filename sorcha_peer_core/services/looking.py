"""A look at a peer, from the side that looks: who it is, how far away, whom it knows."""

from __future__ import annotations

import secrets
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gevent import Timeout
from gevent.event import AsyncResult

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerError
from sorcha_peer_core.model.messages import Goodbye, Message, Peers, PeersRequest, Ping, Pong
from sorcha_peer_core.services.session import HandshakeRefused
from sorcha_peer_core.wire.codec import encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.model.peer import PeerRecord

T = TypeVar("T")
_LAST_WORDS_S = 0.5


class Looked(NamedTuple):
    """What a look has shown."""

    record: PeerRecord
    """Of the peer that answered; the handshake has proved that it is the one."""
    rtt_s: float
    """Of one Ping after the handshake."""
    records: tuple[PeerRecord, ...]
    """Whom it knows, if it was asked: hearsay."""
    observed_host: str
    """The IP address from which it sees this node, in its words; empty when it does not say."""
    transport: str = ""
    """By which it was reached."""
    host: str = ""
    """Where."""


class Look:
    """The looker's end of a link. One greenlet asks, one question at a time; the transport's hands in the answers."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._nonce = secrets.randbits(64)
        self._pong_s: AsyncResult[float] = AsyncResult()
        self._peers: AsyncResult[tuple[PeerRecord, ...]] = AsyncResult()
        self._goodbye: AsyncResult[Goodbye] = AsyncResult()

    def received(self, message: Message) -> None:
        """See LookSide; what was not asked for is passed over."""
        if isinstance(message, Pong) and message.nonce == self._nonce:
            _answer(self._pong_s, monotonic())
        elif isinstance(message, Peers):
            _answer(self._peers, message.records)
        elif isinstance(message, Goodbye):
            _answer(self._goodbye, message)
            self.failed(HandshakeRefused(f"it says goodbye: {message.reason}", message.farewell))

    def failed(self, error: PeerError) -> None:
        """See LookSide: whoever waits for an answer hears that there will be none."""
        for answer in (self._pong_s, self._peers, self._goodbye):
            if not answer.ready():
                answer.set_exception(error)

    def rtt_s(self, until_s: float) -> float:
        """How long a Ping takes there and back; the link carries nothing else meanwhile.

        Raises HandshakeRefused for a goodbye, TransportError.
        """
        sent_s = monotonic()
        return self._ask(Ping(self._nonce), self._pong_s, until_s) - sent_s

    def ask(self, most: int, until_s: float) -> tuple[PeerRecord, ...]:
        """Whom the peer knows; the answer is one frame, however many it knows. Raises HandshakeRefused, TransportError."""
        return self._ask(PeersRequest(most), self._peers, until_s)

    def last_words(self, until_s: float) -> tuple[Goodbye, tuple[PeerRecord, ...]]:
        """Of a peer that turned this node away: why, and whom it named before. Raises TransportError."""
        goodbye = _wait(self._goodbye, until_s)
        return goodbye, self._peers.value or ()

    def leave(self) -> None:
        """Say goodbye and close."""
        try:
            self._link.send(encode_frame(Goodbye("it was only a look")))
        except LinkClosed:
            # The other side was quicker.
            return
        finally:
            self._link.close("it was only a look")

    def _ask(self, question: Message, answer: AsyncResult[T], until_s: float) -> T:
        try:
            self._link.send(encode_frame(question))
        except LinkClosed:
            # Why, the other side may have said in a batch that is not delivered yet.
            answer.wait(_LAST_WORDS_S)
            if not answer.ready():
                raise
        return _wait(answer, until_s)


def _answer(result: AsyncResult[T], value: T) -> None:
    if not result.ready():
        result.set(value)


def _wait(result: AsyncResult[T], until_s: float) -> T:
    try:
        value = result.get(timeout=max(0.0, until_s - monotonic()))
    except Timeout:
        raise LinkTimeout("the look was not answered in time") from None
    assert value is not None
    return value
