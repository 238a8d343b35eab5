"""Requests, and the authority that answers them."""

from __future__ import annotations

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from tls_parts import DAY_S, NETWORK, NORTH, SOUTH, authority_in, now_s

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.services.tls.authority import init_authority, open_authority
from sorcha_peer_core.services.tls.certificates import (
    CertificateUnusable,
    common_name,
    dns_names,
    key_pem,
    new_key,
    node_names,
    peer_uri,
    peer_uris,
)
from sorcha_peer_core.services.tls.pair import is_issued_under
from sorcha_peer_core.services.tls.request import REQUEST_DOMAIN, RequestRefused, check_request, make_request


def fields_of(tmp_path, **changes) -> bytes:
    return json.dumps({**json.loads(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)), **changes}).encode()


def signed(csr: x509.CertificateSigningRequest, identity=NORTH) -> dict[str, str]:
    """The fields of a request that somebody made with other tools."""
    return {
        "csr": csr.public_bytes(Encoding.PEM).decode(),
        "signature": identity.sign(REQUEST_DOMAIN + csr.public_bytes(Encoding.DER)).hex(),
        "public_key": identity.public_key.hex(),
    }


def csr_for(*uris: str, key=None) -> x509.CertificateSigningRequest:
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name("x"))
    return (builder.add_extension(names, critical=False) if uris else builder).sign(key or new_key(), SHA256())


def test_a_request_names_the_node_and_its_network(tmp_path):
    request = check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH))

    assert (request.network_id, request.peer_id) == (NETWORK, NORTH.peer_id)


def test_the_key_is_made_once_and_stays_with_the_node(tmp_path):
    first = check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH))
    again = check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH))

    assert first.key == again.key
    assert (tmp_path / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)


def test_a_request_is_not_made_for_a_key_of_another_kind(tmp_path):
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "key.pem").write_bytes(key_pem(rsa.generate_private_key(65537, 2048)))

    with pytest.raises(RequestRefused, match=r"key\.pem is not a P-256 key; move it away"):
        make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null", b"x" * 100_000, b"\xff\xfe"])
def test_another_file_is_not_a_request(content):
    with pytest.raises(RequestRefused, match="is not a request made by `sorcha-peer ca request`"):
        check_request(content)


@pytest.mark.parametrize(
    "changes",
    [{"csr": "x"}, {"csr": None}, {"public_key": "zz"}, {"public_key": "ab"}, {"public_key": 7}, {"signature": []}],
)
def test_a_damaged_request_is_refused(tmp_path, changes):
    with pytest.raises(RequestRefused, match="the request is damaged"):
        check_request(fields_of(tmp_path, **changes))


def test_a_request_of_a_later_version_is_refused(tmp_path):
    with pytest.raises(RequestRefused, match="version 2; this program reads version 1"):
        check_request(fields_of(tmp_path, version=2))


def test_a_request_that_somebody_else_signed_is_refused(tmp_path):
    with pytest.raises(RequestRefused, match=f"not signed by the identity key of peer {NORTH.peer_id[:8]}"):
        check_request(fields_of(tmp_path, signature=SOUTH.sign(b"words").hex()))


def test_a_request_in_the_name_of_another_peer_is_refused(tmp_path):
    csr = csr_for(peer_uri(NETWORK, SOUTH.peer_id))

    with pytest.raises(RequestRefused, match=f"is for peer {SOUTH.peer_id} and signed by the identity of peer {NORTH.peer_id}"):
        check_request(fields_of(tmp_path, **signed(csr)))


@pytest.mark.parametrize("uris", [[], ["peer://test/north"], [peer_uri(NETWORK, NORTH.peer_id), peer_uri("b", NORTH.peer_id)]])
def test_a_request_names_exactly_one_peer(tmp_path, uris):
    with pytest.raises(RequestRefused, match="it names exactly one peer"):
        check_request(fields_of(tmp_path, **signed(csr_for(*uris))))


def test_a_request_for_an_rsa_key_is_refused(tmp_path):
    csr = csr_for(peer_uri(NETWORK, NORTH.peer_id), key=rsa.generate_private_key(65537, 2048))

    with pytest.raises(RequestRefused, match="another kind than P-256"):
        check_request(fields_of(tmp_path, **signed(csr)))


def test_a_request_whose_maker_does_not_hold_the_tls_key_is_refused(tmp_path):
    """Somebody else's public key in one's own request."""
    mine, others = csr_for(peer_uri(NETWORK, NORTH.peer_id)), new_key()
    old = mine.public_key().public_numbers()
    new = others.public_key().public_numbers()
    der = mine.public_bytes(Encoding.DER)
    forged = der.replace(old.x.to_bytes(32, "big"), new.x.to_bytes(32, "big")).replace(
        old.y.to_bytes(32, "big"), new.y.to_bytes(32, "big")
    )

    with pytest.raises(RequestRefused, match="not signed by the TLS key"):
        check_request(fields_of(tmp_path, **signed(x509.load_der_x509_csr(forged))))


def test_a_certificate_is_made_out_to_the_peer_and_the_server_name_and_nothing_else(tmp_path):
    authority = authority_in(tmp_path / "ca")
    key = new_key()
    names = [*node_names(peer_uri(NETWORK, NORTH.peer_id)), x509.DNSName("bank.example.com")]
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(common_name("bank.example.com"))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )

    pem, _ = authority.issue(check_request(fields_of(tmp_path, **signed(csr))), 30, now_s())

    certificate = x509.load_pem_x509_certificate(pem)
    assert dns_names(certificate) == ["sorcha-peer"]
    assert peer_uris(certificate) == [peer_uri(NETWORK, NORTH.peer_id)]
    assert certificate.subject == common_name(NORTH.peer_id)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert is_issued_under((certificate,), (authority.certificate,))


def test_what_was_issued_is_in_the_index(tmp_path):
    authority = authority_in(tmp_path / "ca")
    pem, issued = authority.issue(check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)), 30, now_s())

    certificate = x509.load_pem_x509_certificate(pem)
    assert open_authority(tmp_path / "ca").issued() == [issued]
    assert issued.serial == format(certificate.serial_number, "x")
    assert len(issued.serial) == 32
    assert issued.fingerprint == certificate.fingerprint(SHA256()).hex()
    assert issued.expires_at == int(certificate.not_valid_after_utc.timestamp())


def test_no_certificate_outlives_its_authority(tmp_path):
    authority = authority_in(tmp_path / "ca")

    _, issued = authority.issue(check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)), 3650, now_s())

    assert issued.expires_at == int(authority.certificate.not_valid_after_utc.timestamp())


def test_an_expired_authority_issues_nothing(tmp_path):
    authority = init_authority(tmp_path / "ca", "Old", 1, now_s() - 3 * DAY_S)

    with pytest.raises(StartError, match=r"the authority's certificate .* expired on"):
        authority.issue(check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)), 30, now_s())
    assert authority.issued() == []


def test_a_revoked_peer_gets_no_new_certificate(tmp_path):
    authority = authority_in(tmp_path / "ca")
    authority.revoke(NORTH.peer_id, now_s())

    with pytest.raises(StartError, match=f"peer {NORTH.peer_id[:8]} is revoked; take it out of"):
        authority.issue(check_request(make_request(tmp_path / "tls" / "key.pem", NETWORK, NORTH)), 30, now_s())


def test_the_list_keeps_what_people_wrote_into_it(tmp_path):
    authority = authority_in(tmp_path / "ca")
    authority.revoked_file.write_text("# mine\nabcd")

    authority.revoke(NORTH.peer_id, 1_700_000_000.0)

    assert authority.revoked_file.read_text() == f"# mine\nabcd\n{NORTH.peer_id}  # 2023-11-14, not issued here\n"
    assert authority.revoke(NORTH.peer_id.upper(), now_s()) == (NORTH.peer_id, False)


def test_an_index_that_was_damaged_is_named(tmp_path):
    authority = authority_in(tmp_path / "ca")
    (tmp_path / "ca" / "issued.jsonl").write_text("{}\n")

    with pytest.raises(CertificateUnusable, match=r"issued\.jsonl is damaged"):
        authority.issued()


def test_the_key_of_an_authority_is_for_its_owner_alone(tmp_path):
    authority_in(tmp_path / "ca")

    assert (tmp_path / "ca" / "ca-key.pem").stat().st_mode & 0o777 == 0o600


def test_an_authority_with_another_s_certificate_is_refused(tmp_path):
    authority_in(tmp_path / "a")
    other = authority_in(tmp_path / "b")
    (tmp_path / "a" / "ca.pem").write_bytes(other.certificate_file.read_bytes())

    with pytest.raises(CertificateUnusable, match="does not belong to the key"):
        open_authority(tmp_path / "a")
