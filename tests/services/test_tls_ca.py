"""Mode ca: what a node needs to start, whom it dials, whom it lets in, and how its files change while it runs."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from gevent.queue import Queue
from tls_parts import (
    DAY_S,
    HOST,
    NETWORK,
    NORTH,
    SOUTH,
    Presented,
    authority_in,
    install,
    member,
    now_s,
    own_of,
    server_context,
    tls_server,
)

from sorcha_peer_core.errors import NotOffered, StartError
from sorcha_peer_core.services.tls.ca_credentials import CaCredentials, CaFiles
from sorcha_peer_core.services.tls.certificates import common_name, fingerprint, new_key, validity_from

TIMEOUT_S = 5.0


@pytest.fixture
def authority(tmp_path):
    return authority_in(tmp_path / "ca")


@pytest.fixture
def north(authority, tmp_path):
    return member(authority, tmp_path / "north")


def presented_by(files: CaFiles) -> Presented:
    return Presented(files.key, files.certificate)


def start(files: CaFiles, network: str = NETWORK, peer_id: str = NORTH.peer_id, clock=now_s) -> CaCredentials:
    return CaCredentials(files, network, peer_id, clock)


# What a node needs.


def test_a_member_presents_its_certificate_and_asks_for_one_of_its_authority(authority, north, tmp_path):
    files = CaFiles.of(tmp_path / "north")

    assert north.server() == (
        1,
        files.key.read_bytes(),
        files.certificate.read_bytes(),
        authority.certificate_file.read_bytes(),
    )
    assert north.server_binding == fingerprint(presented_by(files).der)


def test_files_elsewhere_are_relative_to_the_data_directory(tmp_path):
    files = CaFiles.of(tmp_path, certificate="mine.pem", trusted_cas="/etc/ca.pem")

    assert files.certificate == tmp_path / "mine.pem"
    assert str(files.trusted_cas) == "/etc/ca.pem"
    assert files.key == tmp_path / "tls" / "key.pem"


@pytest.mark.parametrize("missing", ["certificate", "key", "trusted_cas"])
def test_a_missing_file_is_named_at_the_start(authority, tmp_path, missing):
    files = install(authority, tmp_path / "north", NORTH)
    getattr(files, missing).unlink()

    with pytest.raises(StartError, match=rf"mode ca cannot be used: .*{getattr(files, missing).name} is not there"):
        start(files)


def test_no_list_of_revoked_peers_is_an_empty_one_unless_one_is_configured(authority, tmp_path):
    files = install(authority, tmp_path / "north", NORTH)
    files.revoked.unlink()

    assert start(files).revoked.entries == frozenset()
    with pytest.raises(StartError, match=r"revoked\.txt is not there"):
        start(files._replace(revoked_is_required=True))


def test_a_copied_certificate_is_worth_nothing_without_its_key(authority, tmp_path):
    stolen = install(authority, tmp_path / "south", SOUTH).certificate
    files = install(authority, tmp_path / "north", NORTH)
    files.certificate.write_bytes(stolen.read_bytes())

    with pytest.raises(StartError, match="does not belong to the key"):
        start(files, peer_id=SOUTH.peer_id)


def test_a_certificate_made_out_to_somebody_else_is_refused(authority, tmp_path):
    files = install(authority, tmp_path / "south", SOUTH)

    with pytest.raises(StartError, match=f"is made out to peer://test/{SOUTH.peer_id}; this node is peer://test/{NORTH.peer_id}"):
        start(files)
    with pytest.raises(StartError, match=f"this node is peer://other/{SOUTH.peer_id}"):
        start(files, network="other", peer_id=SOUTH.peer_id)


def test_a_self_made_certificate_is_refused(authority, tmp_path):
    files = install(authority, tmp_path / "north", NORTH)
    own = own_of(tmp_path / "own", NORTH)

    with pytest.raises(StartError, match=r"is not of an authority in .*ca\.pem"):
        start(files._replace(certificate=own.certificate, key=own.key))


def test_a_certificate_of_another_authority_is_refused(authority, tmp_path):
    files = install(authority_in(tmp_path / "other"), tmp_path / "north", NORTH)

    with pytest.raises(StartError, match="is not of an authority in"):
        start(files._replace(trusted_cas=authority.certificate_file))


def test_an_expired_certificate_is_refused_at_the_start(authority, tmp_path):
    files = install(authority, tmp_path / "north", NORTH, days=1, at=now_s() - 3 * DAY_S)

    with pytest.raises(StartError, match=r"certificate\.pem expired on "):
        start(files)


def test_a_revoked_node_does_not_start(authority, tmp_path):
    authority.revoke(NORTH.peer_id, now_s())
    allowed = authority_in(tmp_path / "again")
    files = install(allowed, tmp_path / "north", NORTH)

    with pytest.raises(StartError, match=f"this node may not take part: peer {NORTH.peer_id[:8]} is revoked"):
        start(files._replace(revoked=authority.revoked_file))


def test_two_authorities_of_one_name_and_different_keys_are_refused(authority, tmp_path):
    files = install(authority, tmp_path / "north", NORTH)
    twins = [_root_of_name("Twin") for _ in range(2)]
    files.trusted_cas.write_bytes(files.trusted_cas.read_bytes() + b"".join(twins))

    with pytest.raises(StartError, match="two authorities of the one name CN=Twin"):
        start(files)


def _root_of_name(name):
    key, validity = new_key(), validity_from(now_s(), 10)
    builder = x509.CertificateBuilder().subject_name(common_name(name)).issuer_name(common_name(name))
    dated = builder.not_valid_before(validity.not_before).not_valid_after(validity.not_after)
    certificate = dated.public_key(key.public_key()).serial_number(7).sign(key, SHA256())
    return certificate.public_bytes(Encoding.PEM)


# Dialling.


def test_two_members_see_each_other_s_certificates(authority, north, tmp_path):
    files = install(authority, tmp_path / "south", SOUTH)
    seen: Queue[bytes] = Queue()

    with tls_server(presented_by(files), client_roots=files.trusted_cas, seen=seen) as port:
        found = north.client(HOST, port, TIMEOUT_S)
        client_certificate = seen.get(timeout=5)

    assert found.server_certificate_der == presented_by(files).der
    assert found.roots_pem == authority.certificate_file.read_bytes()
    assert found.server_name == "sorcha-peer"
    assert (found.key_pem, found.certificate_pem) == north.server()[1:3]
    assert client_certificate == presented_by(CaFiles.of(tmp_path / "north")).der


def test_a_server_of_another_authority_is_refused(north, tmp_path):
    files = install(authority_in(tmp_path / "other"), tmp_path / "south", SOUTH)

    unknown = r"of an authority that is not among security\.trusted_cas"
    with tls_server(presented_by(files)) as port, pytest.raises(NotOffered, match=unknown):
        north.client(HOST, port, TIMEOUT_S)


def test_a_server_with_a_self_made_certificate_is_refused(north, tmp_path):
    unknown = r"of an authority that is not among security\.trusted_cas"
    with tls_server(own_of(tmp_path / "south")) as port, pytest.raises(NotOffered, match=unknown):
        north.client(HOST, port, TIMEOUT_S)


def test_a_server_whose_certificate_expired_is_refused(authority, north, tmp_path):
    files = install(authority, tmp_path / "south", SOUTH, days=1, at=now_s() - 3 * DAY_S)

    with tls_server(presented_by(files)) as port, pytest.raises(NotOffered, match="certificate has expired"):
        north.client(HOST, port, TIMEOUT_S)


@pytest.mark.parametrize("by", ["peer", "serial", "fingerprint"])
def test_a_revoked_server_is_refused(authority, tmp_path, by):
    files = install(authority, tmp_path / "south", SOUTH)
    [issued] = authority.issued()
    authority.revoke({"peer": issued.peer_id, "serial": issued.serial, "fingerprint": issued.fingerprint}[by], now_s())
    north = member(authority, tmp_path / "north")

    with tls_server(presented_by(files)) as port, pytest.raises(NotOffered, match="is revoked"):
        north.client(HOST, port, TIMEOUT_S)


# Being dialled: what TLS itself does with what ``server`` says.


def dial(port: int, presented: Presented | None) -> bytes:
    """Connect and read what comes; TLS 1.2, so that a refusal is part of the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if presented is not None:
        context.load_cert_chain(presented.certificate, presented.key)
    with socket.create_connection((HOST, port), 5) as connection, context.wrap_socket(connection) as secured:
        return secured.getpeercert(binary_form=True) or b""


def test_whoever_dials_needs_a_certificate_of_the_authority(authority, north, tmp_path):
    mine = CaFiles.of(tmp_path / "north")
    member_files = install(authority, tmp_path / "south", SOUTH)
    stranger = install(authority_in(tmp_path / "other"), tmp_path / "stranger", SOUTH)

    with tls_server(presented_by(mine), client_roots=mine.trusted_cas) as port:
        assert dial(port, presented_by(member_files)) == presented_by(mine).der
        for refused in (None, presented_by(stranger), own_of(tmp_path / "own")):
            with pytest.raises(ssl.SSLError):
                dial(port, refused)


def test_certificates_pass_the_strictest_checks_of_openssl(authority, north, tmp_path):
    context = ssl.create_default_context(cafile=str(authority.certificate_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT

    with (
        tls_server(presented_by(CaFiles.of(tmp_path / "north"))) as port,
        socket.create_connection((HOST, port), 5) as connection,
        context.wrap_socket(connection, server_hostname="sorcha-peer") as secured,
    ):
        assert secured.getpeercert()["subject"] == ((("commonName", NORTH.peer_id),),)


def test_a_key_that_does_not_belong_to_its_certificate_cannot_serve(authority, tmp_path):
    files = install(authority, tmp_path / "south", SOUTH)
    other = own_of(tmp_path / "other")

    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        server_context(Presented(other.key, files.certificate))


# Changing files.


def test_a_renewed_certificate_is_taken_up_without_a_restart(authority, north, tmp_path):
    before = north.server_binding
    install(authority, tmp_path / "north", NORTH, days=60)

    assert north.refresh()
    assert north.server().revision == 2
    assert north.server_binding == fingerprint(presented_by(CaFiles.of(tmp_path / "north")).der) != before
    assert not north.refresh()


def test_a_new_authority_beside_the_old_one_is_trusted_from_then_on(authority, north, tmp_path):
    """How a network changes its authority: first both are trusted, then certificates are exchanged."""
    second = authority_in(tmp_path / "second")
    south = presented_by(install(second, tmp_path / "south", SOUTH))
    trusted = CaFiles.of(tmp_path / "north").trusted_cas
    trusted.write_bytes(trusted.read_bytes() + second.certificate_file.read_bytes())

    assert north.refresh()
    with tls_server(south) as port:
        assert north.client(HOST, port, TIMEOUT_S).server_certificate_der == south.der


@pytest.mark.parametrize("content", ["garbage", "somebody else's", "expired", "none"])
def test_a_bad_new_certificate_leaves_the_old_one_and_is_said_once(authority, north, tmp_path, caplog, content):
    files, before = CaFiles.of(tmp_path / "north"), north.server()
    if content == "garbage":
        files.certificate.write_bytes(b"garbage")
    elif content == "none":
        files.certificate.unlink()
    elif content == "expired":
        install(authority, tmp_path / "north", NORTH, days=1, at=now_s() - 3 * DAY_S)
    else:
        files.certificate.write_bytes(install(authority, tmp_path / "south", SOUTH).certificate.read_bytes())

    with caplog.at_level(logging.WARNING):
        changes = [north.refresh() for _ in range(3)]

    assert changes == [False, False, False]
    assert north.server() == before
    assert [r.getMessage().partition(":")[0] for r in caplog.records] == [
        "the changed certificates are not taken up, those in use stay"
    ]


def test_a_revocation_is_obeyed_without_a_restart(authority, north, tmp_path):
    south = presented_by(install(authority, tmp_path / "south", SOUTH))
    authority.revoke(SOUTH.peer_id, now_s())
    CaFiles.of(tmp_path / "north").revoked.write_bytes(authority.revoked_file.read_bytes())

    assert north.refresh()
    with tls_server(south) as port, pytest.raises(NotOffered, match=f"peer {SOUTH.peer_id[:8]} is revoked"):
        north.client(HOST, port, TIMEOUT_S)


def test_a_damaged_certificate_does_not_keep_a_revocation_from_being_obeyed(authority, north, tmp_path):
    files = CaFiles.of(tmp_path / "north")
    files.certificate.write_bytes(b"garbage")
    files.revoked.write_text(f"{SOUTH.peer_id}\n")

    assert north.refresh()
    assert north.revoked.entries == {SOUTH.peer_id}


@pytest.mark.parametrize("damage", ["a bad line", "gone"])
def test_a_damaged_list_forgives_nobody(authority, north, tmp_path, caplog, damage):
    files = CaFiles.of(tmp_path / "north")
    files.revoked.write_text(f"{SOUTH.peer_id}\n")
    north.refresh()
    if damage == "gone":
        os.unlink(files.revoked)
    else:
        files.revoked.write_text("not hex\n")

    with caplog.at_level(logging.WARNING):
        changes = [north.refresh() for _ in range(2)]

    assert changes == [False, False]
    assert north.revoked.entries == {SOUTH.peer_id}
    assert len(caplog.records) == 1


def test_a_node_that_is_revoked_while_it_runs_says_so(north, tmp_path, caplog):
    CaFiles.of(tmp_path / "north").revoked.write_text(f"{NORTH.peer_id}\n")

    with caplog.at_level(logging.ERROR):
        assert north.refresh()

    assert [r.getMessage() for r in caplog.records] == [
        f"other nodes no longer link to this node: peer {NORTH.peer_id[:8]} is revoked"
    ]


def test_the_coming_end_of_the_certificate_is_said_once_a_day(authority, tmp_path, caplog):
    class Clock:
        at = now_s()

        def __call__(self):
            return self.at

    files, clock = install(authority, tmp_path / "north", NORTH, days=20), Clock()
    with caplog.at_level(logging.WARNING):
        credentials = start(files, clock=clock)
        assert caplog.records == []
        for _ in range(3):
            clock.at = now_s() + 7.5 * DAY_S
            credentials.refresh()
        clock.at += 1.5 * DAY_S
        credentials.refresh()
        clock.at += 30 * DAY_S
        credentials.refresh()

    assert [r.getMessage().partition(", ")[0] for r in caplog.records] == [
        "this node's certificate expires in 12 days",
        "this node's certificate expires in 10 days",
        _expired(credentials),
    ]


def _expired(credentials: CaCredentials) -> str:
    date = datetime.fromtimestamp(credentials.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"this node's certificate expired on {date}; no peer links to it any more"
