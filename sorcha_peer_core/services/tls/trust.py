"""Whether the certificate on a link may be that of the peer who has just said hello over it. Pure, about 30 us."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.services.tls.certificates import (
    CertificateUnusable,
    date_flaw,
    peer_uri,
    peer_uris,
    read_der,
    spki_sha256,
)
from sorcha_peer_core.services.tls.revocation import Revoked


class Trust(Protocol):
    """What a mode of encryption asks of a peer's certificate, beside what TLS itself has checked."""

    def objection(self, peer_id: PeerId, tls_keys: Sequence[bytes], remote_certificate_der: bytes, outbound: bool) -> str | None:
        """Why the link must not be, in words; None when it may.

        ``peer_id`` and ``tls_keys`` are of the record in the peer's Hello, whose signature was checked;
        ``remote_certificate_der`` is what the other side presented, empty when it presented nothing.
        """


class InsecureTrust:
    """Mode ``insecure``: there are no certificates."""

    def objection(self, peer_id: PeerId, tls_keys: Sequence[bytes], remote_certificate_der: bytes, outbound: bool) -> str | None:
        """None, always."""
        return None


class OpenTrust:
    """Mode ``open``: a listener's certificate has a key that its record names. Diallers present none."""

    def objection(self, peer_id: PeerId, tls_keys: Sequence[bytes], remote_certificate_der: bytes, outbound: bool) -> str | None:
        """Compares SHA-256 of the certificate's public key."""
        if not outbound:
            return None
        if not remote_certificate_der:
            return f"peer {short(peer_id)} presented no certificate"
        try:
            key = spki_sha256(remote_certificate_der)
        except CertificateUnusable as error:
            return f"the certificate of peer {short(peer_id)} cannot be used: {error}"
        if key in tls_keys:
            return None
        return f"the record of peer {short(peer_id)} does not name the key of the certificate it presented"


class CaTrust:
    """Mode ``ca``: the certificate is made out to exactly this peer of this network, in date, and not revoked.

    TLS has checked before that it is of a trusted authority.
    """

    def __init__(self, network_id: str, revoked: Callable[[], Revoked], clock: Callable[[], float] = time.time) -> None:
        self._network_id = network_id
        self._revoked = revoked
        self._clock = clock

    def objection(self, peer_id: PeerId, tls_keys: Sequence[bytes], remote_certificate_der: bytes, outbound: bool) -> str | None:
        """Also good for a link that has been open for long: dates pass, and certificates are revoked."""
        if not remote_certificate_der:
            return f"peer {short(peer_id)} presented no certificate"
        revoked = self._revoked().objection_to_peer(peer_id) or self.objection_to_caller(remote_certificate_der)
        if revoked:
            return revoked
        expected, found = peer_uri(self._network_id, peer_id), peer_uris(read_der(remote_certificate_der))
        if found == [expected]:
            return None
        return f"the certificate of peer {short(peer_id)} is made out to {' and '.join(found) or 'no peer'}, not to {expected}"

    def objection_to_caller(self, certificate_der: bytes) -> str | None:
        """The same for somebody who calls a service without saying hello, so without a claimed peer id."""
        try:
            certificate = read_der(certificate_der)
        except CertificateUnusable as error:
            return f"the certificate presented cannot be used: {error}"
        flaw = date_flaw(certificate, self._clock())
        return f"the certificate presented {flaw}" if flaw else self._revoked().objection_to(certificate)
