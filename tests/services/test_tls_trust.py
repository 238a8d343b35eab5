"""What each mode asks of the certificate on a link, after the Hello."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from tls_parts import NETWORK, NORTH, SOUTH

from sorcha_peer_core.services.tls.certificates import (
    CertificateUnusable,
    common_name,
    new_key,
    peer_uri,
    self_signed,
    spki_sha256,
    validity_from,
)
from sorcha_peer_core.services.tls.revocation import Revoked, parse_entry, read_revoked
from sorcha_peer_core.services.tls.trust import CaTrust, InsecureTrust, OpenTrust

NOW = 1_700_000_000.0
PEER = NORTH.peer_id


def certificate_of(*uris: str, days: int = 10, at: float = NOW) -> x509.Certificate:
    """Who signed it is TLS's business, so it signs itself."""
    key, validity = new_key(), validity_from(at, days)
    builder = x509.CertificateBuilder().subject_name(common_name("x")).issuer_name(common_name("x"))
    dated = builder.not_valid_before(validity.not_before).not_valid_after(validity.not_after)
    names = [x509.DNSName("sorcha-peer"), *(x509.UniformResourceIdentifier(uri) for uri in uris)]
    named = dated.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return named.public_key(key.public_key()).serial_number(0xABCDEF).sign(key, SHA256())


def der_of(*uris: str, days: int = 10, at: float = NOW) -> bytes:
    return certificate_of(*uris, days=days, at=at).public_bytes(Encoding.DER)


def trust_in_ca(*revoked: str) -> CaTrust:
    return CaTrust(NETWORK, lambda: Revoked(frozenset(revoked)), clock=lambda: NOW)


OWN = self_signed(new_key(), peer_uri(NETWORK, PEER), validity_from(NOW, 10)).public_bytes(Encoding.DER)
PIN = spki_sha256(OWN)


@pytest.mark.parametrize("outbound", [True, False])
def test_plaintext_has_no_objections(outbound):
    assert InsecureTrust().objection(PEER, [], b"", outbound) is None


@pytest.mark.parametrize("tls_keys", [[PIN], [bytes(32), PIN]])
def test_an_open_listener_presents_a_key_that_its_record_names(tls_keys):
    assert OpenTrust().objection(PEER, tls_keys, OWN, outbound=True) is None


def test_an_open_dialler_presents_nothing():
    assert OpenTrust().objection(PEER, [], b"", outbound=False) is None


@pytest.mark.parametrize(
    ("tls_keys", "der", "objection"),
    [
        ([], OWN, "the record of peer {} does not name the key of the certificate it presented"),
        ([bytes(32)], OWN, "the record of peer {} does not name the key of the certificate it presented"),
        ([PIN], b"", "peer {} presented no certificate"),
        ([PIN], b"garbage", "the certificate of peer {} cannot be used: it cannot be read as a certificate"),
    ],
)
def test_an_open_listener_with_another_key_is_refused(tls_keys, der, objection):
    assert OpenTrust().objection(PEER, tls_keys, der, outbound=True) == objection.format(PEER[:8])


@pytest.mark.parametrize("outbound", [True, False])
def test_a_member_presents_a_certificate_in_its_name(outbound):
    assert trust_in_ca().objection(PEER, [], der_of(peer_uri(NETWORK, PEER)), outbound) is None


@pytest.mark.parametrize("outbound", [True, False])
@pytest.mark.parametrize(
    ("uris", "found"),
    [
        ([], "no peer"),
        (["http://example.com/"], "no peer"),
        ([peer_uri(NETWORK, SOUTH.peer_id)], f"peer://test/{SOUTH.peer_id}"),
        ([peer_uri("other", PEER)], f"peer://other/{PEER}"),
        ([peer_uri(NETWORK, PEER), peer_uri(NETWORK, SOUTH.peer_id)], f"peer://test/{PEER} and peer://test/{SOUTH.peer_id}"),
        ([f"peer://test/{PEER.upper()}"], f"peer://test/{PEER.upper()}"),
    ],
)
def test_a_certificate_in_another_name_is_refused_in_both_directions(uris, found, outbound):
    objection = trust_in_ca().objection(PEER, [], der_of(*uris), outbound)

    assert objection == f"the certificate of peer {PEER[:8]} is made out to {found}, not to peer://test/{PEER}"


@pytest.mark.parametrize(
    ("der", "objection"),
    [
        (b"", f"peer {PEER[:8]} presented no certificate"),
        (b"garbage", "the certificate presented cannot be used: it cannot be read as a certificate"),
        (
            der_of(peer_uri(NETWORK, PEER), days=1, at=NOW - 3 * 86_400),
            "the certificate presented expired on 2023-11-12 22:13 UTC",
        ),
        (
            der_of(peer_uri(NETWORK, PEER), at=NOW + 3 * 86_400),
            "the certificate presented is not valid before 2023-11-16 22:13 UTC",
        ),
    ],
)
def test_no_usable_certificate_is_a_reason_to_refuse(der, objection):
    assert trust_in_ca().objection(PEER, [], der, outbound=False) == objection


def test_what_is_revoked_is_refused_by_any_of_its_names():
    der = der_of(peer_uri(NETWORK, PEER))
    by_name = {
        PEER: f"peer {PEER[:8]} is revoked",
        "00abcdef": "the certificate with the serial number abcdef is revoked",
        sha256(der).hexdigest(): f"the certificate with the fingerprint {sha256(der).hexdigest()} is revoked",
    }

    assert {name: trust_in_ca(name).objection(PEER, [], der, outbound=False) for name in by_name} == by_name


def test_a_caller_without_a_hello_is_refused_for_the_peer_in_its_certificate():
    der = der_of(peer_uri(NETWORK, PEER))

    assert trust_in_ca().objection_to_caller(der) is None
    assert trust_in_ca(PEER).objection_to_caller(der) == f"peer {PEER[:8]} is revoked"


def test_the_revocation_of_somebody_else_is_no_objection():
    assert trust_in_ca(SOUTH.peer_id, "ab" * 32, "12").objection(PEER, [], der_of(peer_uri(NETWORK, PEER)), True) is None


def test_a_list_has_comments_blank_lines_and_colons(tmp_path):
    file = tmp_path / "revoked.txt"
    file.write_text(f"# head\n\n{PEER}  # 2026-11-01\n  AB:CD:EF\r\n")

    assert read_revoked(file).entries == {PEER, "abcdef"}


def test_a_bad_line_is_named_with_its_number(tmp_path):
    file = tmp_path / "revoked.txt"
    file.write_text(f"{PEER}\nnorth\n")

    with pytest.raises(CertificateUnusable, match=r"revoked\.txt, line 2: 'north' is no peer id, serial number or SHA-256"):
        read_revoked(file)


@pytest.mark.parametrize("text", ["", "0", "00:00", "xyz", "ab" * 33])
def test_nothing_else_is_an_entry(text):
    with pytest.raises(ValueError):
        parse_entry(text)
