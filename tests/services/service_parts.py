"""What the tests of the services build their small worlds from: identities, records, transactions, fakes with a memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent

from sorcha_peer_core.errors import LinkClosed, StoreError
from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.model.ids import PeerId, TxHash, tx_hash_of
from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.model.transaction import DEFAULT_CONTENT_TYPE, Header, Submission, Transaction, submission_of
from sorcha_peer_core.services.identity import Identity
from sorcha_peer_core.services.security import RECORD_DOMAIN, TRANSACTION_DOMAIN
from sorcha_peer_core.services.session import LocalSide
from sorcha_peer_core.services.tls.trust import InsecureTrust, Trust
from sorcha_peer_core.wire.codec import encode_header
from sorcha_peer_core.wire.records import encode_record

NETWORK_ID = "test"
DEADLINE_S = 5.0


def identity_of(number: int) -> Identity:
    """The identity with this number, always the same."""
    return Identity(number.to_bytes(32, "big"))


def identities(count: int) -> list[Identity]:
    """Some identities, by ascending peer id."""
    return sorted((identity_of(number) for number in range(1, count + 1)), key=lambda identity: identity.peer_id)


def record_of(
    identity: Identity,
    endpoints: tuple[Endpoint, ...] = (),
    *,
    seq: int = 1,
    network_id: str = NETWORK_ID,
    tls_keys: tuple[bytes, ...] = (),
) -> PeerRecord:
    """A genuine record."""
    signed = encode_record(identity.public_key, network_id, seq, endpoints, "", "test", tls_keys)
    signature = identity.sign(RECORD_DOMAIN + signed)
    return PeerRecord(identity.peer_id, identity.public_key, network_id, seq, endpoints, "", "test", signed, signature, tls_keys)


def local_side(
    identity: Identity,
    record: Callable[[], PeerRecord],
    *,
    network_id: str = NETWORK_ID,
    allowed: Sequence[str] = (),
    trust: Trust | None = None,
    forms: tuple[Form, ...] = (),
) -> LocalSide:
    """What a node says of itself, by default one without encryption; its log has epoch 5."""
    return LocalSide(
        identity=identity,
        record=record,
        network_id=network_id,
        max_transaction_bytes=1000,
        log_epoch=5,
        allowed_peers=frozenset(map(PeerId, allowed)),
        trust=trust or InsecureTrust(),
        forms=forms,
    )


def sealed(payload: bytes, origin: Identity | None = None, **changes: Any) -> Transaction:
    """A valid, signed transaction; ``changes`` replace fields of its header before it is signed."""
    origin = origin or identity_of(1)
    header = Header(
        network_id=NETWORK_ID,
        payload_hash=tx_hash_of(payload),
        payload_size=len(payload),
        content_type=DEFAULT_CONTENT_TYPE,
        register_id="",
        origin_key=origin.public_key,
        created_ms=time.time() * 1000,
        ttl_s=3600,
        nonce=7,
    )._replace(**changes)
    header_bytes = encode_header(header)
    return Transaction(header, header_bytes, origin.sign(TRANSACTION_DOMAIN + header_bytes), payload)


def submission(payload: bytes) -> Submission:
    """``payload`` as somebody hands it in."""
    return submission_of(payload, max_bytes=1 << 30)


def wait_until(condition: Callable[[], object], what: str, within_s: float = DEADLINE_S) -> None:
    """Let the other greenlets run until ``condition`` holds; the test fails when it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        gevent.sleep(0.001)


def let_others_run(turns: int = 20) -> None:
    """Give every greenlet that is ready its turn, several times over; no time needs to pass."""
    for _ in range(turns):
        gevent.sleep(0)


class InlineThread:
    """A NativeThread that is none: calls are made at once, by the caller."""

    def __init__(self) -> None:
        self.calls = 0

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return function(*args, **kwargs)

    def stop(self) -> None:
        pass


class RecordingLink:
    """A pipe that ends in a list. ``room`` says how many batches it takes before ``send`` blocks; None is any number."""

    transport = "recording"
    channel_binding = b""
    remote_certificate = b""

    def __init__(self, room: int | None = None, outbound: bool = True) -> None:
        self.outbound = outbound
        self.remote = Endpoint("recording", "there", 1)
        self.batches: list[bytes] = []
        self.room = room
        self.sending = 0
        self.most_sending = 0
        self.closed = ""
        self._changed = gevent.event.Event()

    def send(self, batch: bytes) -> None:
        self.sending += 1
        self.most_sending = max(self.most_sending, self.sending)
        try:
            while self.room == 0 and not self.closed:
                self._changed.clear()
                self._changed.wait()
            if self.closed:
                raise LinkClosed(self.closed)
        finally:
            self.sending -= 1
        if self.room is not None:
            self.room -= 1
        self.batches.append(batch)

    def make_room(self, batches: int | None) -> None:
        self.room = batches
        self._changed.set()

    def close(self, reason: str) -> None:
        self.closed = self.closed or reason
        self._changed.set()


class FailingNow:
    """Wraps a store; while ``failing`` names methods, they raise StoreError."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failing: set[str] = set()
        self.refused = 0
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.called.append(name)
            if name in self.failing:
                self.refused += 1
                raise StoreError("the disk is full")
            return found(*args, **kwargs)

        return call


def hashes_of(payloads: Sequence[bytes]) -> set[TxHash]:
    """Their names."""
    return {tx_hash_of(payload) for payload in payloads}


NOBODY = PeerId("0" * 40)
