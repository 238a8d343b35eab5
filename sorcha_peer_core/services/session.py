"""The handshake on one link: who is on the other side, and is it really them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model.handshake import NONCE_BYTES, PROTOCOL_VERSION, Form, Hello, Proof, Purpose, common_form, proof_text
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Farewell, Goodbye
from sorcha_peer_core.services.clock import elapsed_s, unix_ms
from sorcha_peer_core.services.security import is_genuine, is_signed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sorcha_peer_core.model.messages import Message
    from sorcha_peer_core.model.peer import PeerRecord
    from sorcha_peer_core.services.identity import Identity
    from sorcha_peer_core.services.tls.trust import Trust


class HandshakeRefused(RemoteProtocolError):
    """This peer is not linked, and why. A dialler need not try another transport: the answer would be the same."""

    def __init__(self, reason: str, farewell: Farewell = Farewell.UNSAID) -> None:
        super().__init__(reason)
        self.farewell = farewell
        """What the other side asks of whoever dialled it, if it was the other side that refused."""


class EnoughLinks(HandshakeRefused):
    """It is who it should be, and it has links enough: no failure of anybody. It told whom else to dial."""

    def __init__(self, reason: str, record: PeerRecord, records: Sequence[PeerRecord]) -> None:
        super().__init__(reason, Farewell.ENOUGH)
        self.record = record
        """Its own, proved by the handshake."""
        self.records = records
        """Those of others, hearsay as in any Peers: at most 50, and none when it was too busy to say."""


class Banned(HandshakeRefused):
    """It is a peer that this node has banned."""

    def __init__(self, peer_id: PeerId) -> None:
        # The other side is told so too, and this is true for both.
        super().__init__(f"peer {short(peer_id)} is banned by this node")
        self.peer_id = peer_id


class DialledItself(HandshakeRefused):
    """The address that was dialled is this node's own, under whatever name."""

    def __init__(self, nonce: bytes = b"") -> None:
        super().__init__("it is this node itself")
        self.nonce = nonce
        """Of the Hello that came back."""


@dataclass(frozen=True, slots=True)
class LocalSide:
    """What a node says of itself in each handshake."""

    identity: Identity
    record: Callable[[], PeerRecord]
    """The record as it is now: addresses may change while the node runs."""
    network_id: str
    max_transaction_bytes: int
    log_epoch: int
    allowed_peers: frozenset[PeerId]
    """Empty: everybody."""
    trust: Trust
    """What the mode of encryption asks of the certificate on a link."""
    forms: tuple[Form, ...] = ()
    """In which it takes compressed batches."""
    is_banned: Callable[[PeerId], bool] = lambda _: False
    """With whom it has nothing to do."""


class Handshake:
    """Three frames: the dialler's Hello, the listener's Hello with its proof, the dialler's proof. No I/O of its own.

    Each side signs both nonces, both ids and the channel binding, so a proof is worth nothing on another link, at
    another time, or with a man in the middle.
    """

    def __init__(
        self,
        local: LocalSide,
        outbound: bool,
        binding: bytes,
        expected: PeerId | None = None,
        certificate: bytes = b"",
        *,
        observed_host: str = "",
        admits: Callable[[PeerId], bool] = lambda _: True,
    ) -> None:
        self._local = local
        self._outbound = outbound
        self._binding = binding
        self._certificate = certificate
        """What the other side presented (DER), empty when it presented none."""
        self._expected = expected
        self._observed_host = observed_host
        """The IP address from which this side sees the other."""
        self._admits = admits
        """Of a listener: whom it has room for. The others may have a look."""
        self.nonce = secrets.token_bytes(NONCE_BYTES)
        self.remote: Hello | None = None
        """The other side's Hello, once it has passed the checks."""
        self.done = False
        self.clock_origin_ms = 0.0
        """Once it is done: what the other side's clock would have shown when ``elapsed_s`` was zero."""
        self._said_s = self._heard_s = 0.0
        self._rung = 0
        self._linked = False
        self._purpose = Purpose.LINK

    @property
    def is_look(self) -> bool:
        """Whether no link comes of it: the dialler wants no more than a look, or the listener has no room for more."""
        return self.remote is not None and Purpose.LOOK in (self._purpose, self.remote.purpose)

    @property
    def is_turned_away(self) -> bool:
        """Whether the dialler wants a link and gets a look."""
        wanted = self._purpose if self._outbound or self.remote is None else self.remote.purpose
        return self.is_look and wanted is Purpose.LINK

    @property
    def form(self) -> Form | None:
        """How batches may be compressed on the link; None: not at all."""
        return common_form(self._local.forms, self.remote.features) if self.remote is not None else None

    @property
    def rung(self) -> int:
        """The place of the link's transport in its dialler's order, 0 the best."""
        return self._rung if self._outbound or self.remote is None else self.remote.rung

    @property
    def linked(self) -> bool:
        """Whether the dialler has another link to the listener that it believes in."""
        return self._linked if self._outbound or self.remote is None else self.remote.linked

    def first(self, rung: int = 0, linked: bool = False, purpose: Purpose = Purpose.LINK) -> Hello:
        """What the dialler begins with."""
        self._rung, self._linked, self._purpose = rung, linked, purpose
        return self._hello(b"")

    def receive(self, message: Message | Hello | Proof) -> Hello | Proof | None:
        """The next frame; returns what to answer.

        Raises:
            HandshakeRefused: this link is to be closed, for the reason given.
        """
        if isinstance(message, Goodbye):
            raise HandshakeRefused(f"it was refused there: {message.reason}", message.farewell)
        if isinstance(message, Hello) and self.remote is None:
            return self._on_hello(message)
        if isinstance(message, Proof) and self.remote is not None and not self._outbound:
            self._check_proof("dialler", message.signature)
            self._finish(self.remote, elapsed_s() - self._said_s)
            return None
        raise HandshakeRefused(f"a {type(message).__name__} frame in the middle of the handshake")

    def _on_hello(self, hello: Hello) -> Hello | Proof:
        self._heard_s = elapsed_s()
        self._check_hello(hello)
        self.remote = hello
        if not self._outbound:
            self._purpose = hello.purpose if self._admits(hello.record.peer_id) else Purpose.LOOK
            return self._hello(self._prove("listener"))
        self._check_proof("listener", hello.proof)
        self._finish(hello, self._heard_s - self._said_s)
        return Proof(self._prove("dialler"))

    def _finish(self, hello: Hello, round_trip_s: float) -> None:
        self.done = True
        # It was on its way for half of that.
        self.clock_origin_ms = hello.clock_ms + (round_trip_s / 2 - self._heard_s) * 1000

    def _check_hello(self, hello: Hello) -> None:
        local = self._local
        if not hello.version_min <= PROTOCOL_VERSION <= hello.version_max:
            raise HandshakeRefused(f"it speaks protocol {hello.version_min} to {hello.version_max}, this node {PROTOCOL_VERSION}")
        if hello.network_id != local.network_id or hello.record.network_id != local.network_id:
            raise HandshakeRefused(f"it belongs to the network {hello.network_id[:64]!r}, this node to {local.network_id!r}")
        if len(hello.nonce) != NONCE_BYTES:
            raise HandshakeRefused(f"its nonce has {len(hello.nonce)} bytes, not {NONCE_BYTES}")
        self._check_peer(hello)

    def _check_peer(self, hello: Hello) -> None:
        local, peer_id = self._local, hello.record.peer_id
        if peer_id == local.identity.peer_id:
            raise DialledItself(hello.nonce)
        if self._expected is not None and peer_id != self._expected:
            raise HandshakeRefused(f"peer {short(peer_id)} answers there, not {short(self._expected)}")
        if local.allowed_peers and peer_id not in local.allowed_peers:
            raise HandshakeRefused(f"peer {short(peer_id)} is not among security.allowed_peers")
        if not is_genuine(hello.record):
            raise HandshakeRefused(f"the record of peer {short(peer_id)} is not signed by its key")
        if local.is_banned(peer_id):
            # At its Hello, so that no link comes up over there only to end at once, and be dialled again.
            raise Banned(peer_id)
        objection = local.trust.objection(peer_id, hello.record.tls_keys, self._certificate, self._outbound)
        if objection:
            raise HandshakeRefused(objection)

    def _check_proof(self, role: str, signature: bytes) -> None:
        assert self.remote is not None
        if not is_signed_by(self.remote.record.public_key, signature, self._text(role)):
            raise HandshakeRefused(f"peer {short(self.remote.record.peer_id)} did not prove that it holds its key")

    def _prove(self, role: str) -> bytes:
        return self._local.identity.sign(self._text(role))

    def _text(self, role: str) -> bytes:
        assert self.remote is not None
        own = (self._local.identity.peer_id, self.nonce)
        other = (self.remote.record.peer_id, self.remote.nonce)
        dialler, listener = (own, other) if self._outbound else (other, own)
        return proof_text(role, dialler[0], listener[0], dialler[1], listener[1], self._binding)

    def _hello(self, proof: bytes) -> Hello:
        local = self._local
        self._said_s = elapsed_s()
        return Hello(
            version_min=PROTOCOL_VERSION,
            version_max=PROTOCOL_VERSION,
            network_id=local.network_id,
            record=local.record(),
            nonce=self.nonce,
            proof=proof,
            max_batch_bytes=MAX_BATCH_BYTES,
            max_transaction_bytes=local.max_transaction_bytes,
            features=local.forms,
            clock_ms=unix_ms(),
            log_epoch=local.log_epoch,
            rung=self._rung,
            linked=self._linked,
            purpose=self._purpose,
            observed_host=self._observed_host,
        )
