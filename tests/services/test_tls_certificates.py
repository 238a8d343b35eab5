"""What stands in a node's certificate, and how it is read again."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from service_parts import identity_of

from sorcha_peer_core.services.tls.certificates import (
    CertificateUnusable,
    date_flaw,
    dns_names,
    is_self_made,
    new_key,
    parse_peer_uri,
    peer_uri,
    peer_uris,
    self_signed,
    spki_sha256,
    validity_from,
)

PEER = identity_of(1).peer_id
MADE_AT = 1_700_000_000.0


def certificate_of(key=None):
    return self_signed(key or new_key(), peer_uri("test", PEER), validity_from(MADE_AT, 10))


def test_a_node_s_certificate_carries_the_server_name_and_the_peer():
    certificate = certificate_of()

    assert dns_names(certificate) == ["sorcha-peer"]
    assert peer_uris(certificate) == [f"peer://test/{PEER}"]


def test_a_certificate_is_named_after_its_key():
    key = new_key()
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    certificate = certificate_of(key)

    assert certificate.subject.rfc4514_string() == f"CN={sha256(spki).hexdigest()}"
    assert spki_sha256(certificate.public_bytes(Encoding.DER)) == sha256(spki).digest()


def test_two_certificates_of_one_key_have_one_pin():
    key = new_key()

    first, second = (certificate_of(key).public_bytes(Encoding.DER) for _ in range(2))

    assert first != second
    assert spki_sha256(first) == spki_sha256(second)


@pytest.mark.parametrize(
    ("days_later", "flaw"),
    [
        (-2, "is not valid before 2023-11-13 22:13 UTC"),
        (-0.9, None),
        (9.9, None),
        (11, "expired on 2023-11-24 22:13 UTC"),
    ],
)
def test_a_certificate_is_good_from_a_day_back_to_its_end(days_later, flaw):
    assert date_flaw(certificate_of(), MADE_AT + days_later * 86_400) == flaw


@given(st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable()))
def test_any_network_id_comes_back_from_the_name_of_a_peer(network_id):
    uri = peer_uri(network_id, PEER)

    assert parse_peer_uri(uri) == (network_id, PEER)
    assert x509.UniformResourceIdentifier(uri).value == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "peer://",
        f"peer://{PEER}",
        f"http://test/{PEER}",
        f"peer://test/{PEER}/more",
        f"peer://test/{PEER.upper()}",
        f"peer://te st/{PEER}",
        f"peer://a/b/{PEER}",
    ],
)
def test_nothing_else_is_the_name_of_a_peer(uri):
    with pytest.raises(ValueError):
        parse_peer_uri(uri)


def test_garbage_has_no_pin():
    with pytest.raises(CertificateUnusable, match="cannot be read"):
        spki_sha256(b"garbage")


def test_a_certificate_of_another_name_was_not_made_here():
    key = new_key()
    ours = certificate_of(key)
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).public_key(key.public_key())
    dates = builder.serial_number(1).not_valid_before(ours.not_valid_before_utc).not_valid_after(ours.not_valid_after_utc)
    foreign = dates.sign(key, ours.signature_hash_algorithm)

    assert is_self_made(ours)
    assert not is_self_made(foreign)
    assert peer_uris(foreign) == dns_names(foreign) == []
