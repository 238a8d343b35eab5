"""What two peers say to each other before anything else."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from sorcha_peer_core.model.peer import PeerRecord

PROTOCOL_VERSION = 1
NONCE_BYTES = 32


class Purpose(IntEnum):
    """What a dialler wants of a link."""

    LINK = 0
    LOOK = 1
    """To see who answers and how fast, and perhaps whom it knows; then it hangs up."""


class Form(IntEnum):
    """How a batch may be compressed. The numbers are those of Hello.features; of two forms the higher is the better."""

    ZLIB = 1
    ZSTD = 2


class Hello(NamedTuple):
    """The first frame of each side."""

    version_min: int
    version_max: int
    network_id: str
    record: PeerRecord
    nonce: bytes
    proof: bytes
    """Of the listener only; the dialler's comes as a Proof, when it knows the listener's nonce."""
    max_batch_bytes: int
    max_transaction_bytes: int
    features: tuple[int, ...]
    """In what forms it takes compressed batches, and whatever later versions can do."""
    clock_ms: float
    log_epoch: int
    rung: int = 0
    """Of the dialler: the place of this link's transport in its order, 0 the best. Of two links the better one stays."""
    linked: bool = False
    """Of the dialler: whether it has another link to the listener that it believes in."""
    purpose: Purpose = Purpose.LINK
    """Of the dialler: what it wants. Of the listener: what it grants, a look where it has no room for a link."""
    observed_host: str = ""
    """Where the other side's end of this link seems to be: an IP address, empty when that says nothing."""


class Proof(NamedTuple):
    """The dialler's signature over both nonces, both ids and the channel binding."""

    signature: bytes


def common_form(own: Iterable[int], others: Iterable[int]) -> Form | None:
    """The best form that both sides take; None: nothing may be compressed between them."""
    common = set(own) & set(others)
    return max((form for form in Form if form in common), default=None)


def proof_text(
    role: str, dialler_id: str, listener_id: str, dialler_nonce: bytes, listener_nonce: bytes, binding: bytes
) -> bytes:
    """The bytes that the peer in ``role`` (``dialler`` or ``listener``) signs to prove that it holds its key, here and now.

    Every part has a fixed length or stands last, so no two different sets of parts give the same bytes.
    """
    head = f"sorcha-peer-session:v1:{role}:{dialler_id}:{listener_id}:".encode()
    return head + dialler_nonce + listener_nonce + binding
