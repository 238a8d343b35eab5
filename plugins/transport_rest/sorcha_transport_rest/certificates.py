"""Certificates as this transport meets them: its own in the memory of OpenSSL, and the one that a proxy shows for it."""

from __future__ import annotations

import logging
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sorcha_peer_core.errors import ConfigError

log = logging.getLogger(__name__)

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def binding_of(certificate_pem: bytes) -> bytes:
    """SHA-256 (of the DER) of the first certificate of a chain. Raises ValueError when there is none."""
    return sha256(_first_der(certificate_pem)).digest()


def load_pair(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """Give a key and its certificate to OpenSSL, which takes them from files only."""
    with _file_of(certificate_pem + b"\n" + key_pem) as name:
        context.load_cert_chain(name)


class _Shown(NamedTuple):
    """What peers see, all of one version of the file."""

    binding: bytes
    tls_key: bytes


class PublicCertificate:
    """The certificate of a proxy that ends TLS in front of this node; read again when its file changes."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError."""
        self._path = path
        try:
            self._stamp, self._shown = _stamp(path), _shown(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"plugins.rest.public_certificate is {str(path)!r}, which cannot be used: {error}") from None

    @property
    def binding(self) -> bytes:
        """SHA-256 of the certificate (DER)."""
        return self._current().binding

    @property
    def tls_key(self) -> bytes:
        """SHA-256 of its public key, as peer records name it."""
        return self._current().tls_key

    def _current(self) -> _Shown:
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._shown = _shown(self._path)
                log.info("peers see another certificate of the proxy now, SHA-256 %s", self._shown.binding.hex())
        except (OSError, ValueError) as error:
            log.warning("the changed %s is not taken up, the one before stays: %s", self._path, error)
        return self._shown


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _shown(path: Path) -> _Shown:
    der = _first_der(path.read_bytes())
    key = x509.load_der_x509_certificate(der).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _Shown(sha256(der).digest(), sha256(spki).digest())


def _first_der(pem: bytes) -> bytes:
    found = _FIRST.search(pem)
    if found is None:
        raise ValueError("it holds no certificate in PEM")
    return ssl.PEM_cert_to_DER_cert(found.group().decode("ascii"))


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """A name under which the content can be read; where the system can, it never reaches a disk."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("certificate"), "wb") as memory:
            memory.write(content)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        # Nobody else can read it, and it is gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
