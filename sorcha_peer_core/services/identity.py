"""Who this node is: an Ed25519 key in the data directory, made at first start."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.ids import PeerId, peer_id_of
from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.services.record_seq import RecordSeq
from sorcha_peer_core.services.security import RECORD_DOMAIN
from sorcha_peer_core.wire.records import encode_record

KEY_FILE = "identity.key"
_SIGNATURE_BYTES = 64


class Identity:
    """A private key and what follows from it."""

    def __init__(self, seed: bytes, seq: RecordSeq | None = None) -> None:
        """``seq`` numbers the records over all runs; without one, those of this object are in order."""
        self.public_key, self._secret = crypto_sign_seed_keypair(seed)
        self.peer_id: PeerId = peer_id_of(self.public_key)
        self._last_seq = 0
        self._seq = seq

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (64 bytes); about 20 us, releases the GIL."""
        signed: bytes = crypto_sign(message, self._secret)
        return signed[:_SIGNATURE_BYTES]

    def record(
        self,
        network_id: str,
        endpoints: tuple[Endpoint, ...],
        name: str,
        software: str,
        tls_keys: tuple[bytes, ...] = (),
    ) -> PeerRecord:
        """This node's own signed record. ``seq`` is the time in milliseconds, or just above the last one. Blocks on the disk."""
        now_ms = time.time_ns() // 1_000_000
        self._last_seq = seq = self._seq.next(now_ms) if self._seq else max(now_ms, self._last_seq + 1)
        signed = encode_record(self.public_key, network_id, seq, endpoints, name, software, tls_keys)
        signature = self.sign(RECORD_DOMAIN + signed)
        return PeerRecord(self.peer_id, self.public_key, network_id, seq, endpoints, name, software, signed, signature, tls_keys)


def load_or_create_identity(data_dir: Path) -> Identity:
    """Read ``identity.key``, or make it (mode 0600) and the directory it lies in; and which record it signed last.

    Raises:
        StartError: the directory or file cannot be read or written, or the file holds no Ed25519 key.
    """
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StartError(f"the identity {path} cannot be used: {error.strerror or error}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise StartError(
            f"{path} holds no private key; restore it from a backup, or move it away to get a new identity"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StartError(f"{path} holds a key of another kind; an identity is an Ed25519 key")
    return Identity(key.private_bytes_raw(), RecordSeq(data_dir))


def _create(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # Written beside and linked into place: a crash leaves no half key, and two starters end with one identity.
    # The name is random and not the process id: two containers that share a volume are both process 1.
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        os.unlink(draft)
