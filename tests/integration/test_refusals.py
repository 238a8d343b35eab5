"""Who is not linked, over each transport, and what the log says of it."""

from __future__ import annotations

import logging
import ssl

import pytest
from gevent import socket
from service_parts import wait_until
from tls_parts import (
    DAY_S,
    NETWORK,
    Presented,
    authority_in,
    expired,
    in_files,
    install,
    now_s,
    own_of,
    tls_server,
)
from tls_worlds import (
    TRANSPORTS,
    Rogue,
    World,
    endpoint_of,
    links_of,
    man_in_the_middle,
    wait_for_link,
    without_its_key,
)

from sorcha_peer_core.node import node as node_module
from sorcha_peer_core.services.tls.certificates import peer_uri, self_signed, validity_from
from sorcha_peer_core.services.tls.pair import read_key

PATIENCE_S = 10.0


@pytest.fixture(params=TRANSPORTS)
def world(request, tmp_path, monkeypatch, caplog):
    pytest.importorskip(f"sorcha_transport_{request.param}")
    monkeypatch.setattr(node_module, "_CERTIFICATES_CHECKED_EVERY_S", 0.05)
    caplog.set_level(logging.INFO)
    world = World(tmp_path, request.param, monkeypatch)
    yield world
    world.stop()


@pytest.fixture
def authority(tmp_path):
    return authority_in(tmp_path / "authority")


@pytest.fixture
def logged(caplog):
    """Wait until the log says something, at a level that an operator sees."""

    def wait(sentence: str) -> None:
        wait_until(lambda: any(sentence in record.getMessage() for record in caplog.records), f"the log: {sentence}", PATIENCE_S)

    return wait


def member_of(world: World, name: str, authority):
    """Files in the data directory of a node to come: its certificate of the authority."""
    return install(authority, world.data_dir(name), world.identity(name))


def presented_by(world: World, name: str) -> Presented:
    folder = world.data_dir(name) / "tls"
    return Presented(folder / "key.pem", folder / "certificate.pem")


def test_a_listener_of_another_authority_is_not_linked(world, authority, tmp_path, logged):
    member_of(world, "north", authority)
    member_of(world, "south", authority_in(tmp_path / "other"))
    south = world.node("south", "ca")

    north = world.node("north", "ca", dials=south)

    logged("it is of an authority that is not among security.trusted_cas")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_a_dialler_of_another_authority_is_not_linked(world, authority, tmp_path, logged):
    """It trusts the listener's authority, so nothing on its own side keeps it away."""
    other = authority_in(tmp_path / "other")
    member_of(world, "north", authority)
    files = member_of(world, "stranger", other)
    files.trusted_cas.write_bytes(authority.certificate_file.read_bytes() + other.certificate_file.read_bytes())
    north = world.node("north", "ca")

    stranger = world.node("stranger", "ca", dials=north)

    logged(f"the bootstrap node {endpoint_of(north)} does not answer")
    assert (links_of(north), links_of(stranger)) == (0, 0)


def test_a_dialler_without_a_certificate_is_not_linked_in_mode_ca(world, authority, logged):
    member_of(world, "north", authority)
    north = world.node("north", "ca")
    open_minded = Rogue(own_of(world.data_dir("own"), world.identity("stranger")))

    stranger = world.node("stranger", dials=north, protection=open_minded.protection)

    logged(f"the bootstrap node {endpoint_of(north)} does not answer")
    assert (links_of(north), links_of(stranger)) == (0, 0)


def test_an_expired_listener_is_not_linked_in_mode_open(world, logged):
    stale = own_of(world.data_dir("stale"), world.identity("south"), expired())
    south = world.node("south", protection=Rogue(stale).protection)

    north = world.node("north", dials=south)

    logged("expired on")
    assert links_of(north) == 0


def test_an_expired_listener_is_not_linked_in_mode_ca(world, authority, logged):
    member_of(world, "north", authority)
    install(authority, world.data_dir("south"), world.identity("south"), days=1, at=now_s() - 2 * DAY_S)
    stale = Rogue(presented_by(world, "south"), "ca", authority.certificate_file.read_bytes())
    south = world.node("south", "ca", protection=stale.protection)

    north = world.node("north", "ca", dials=south)

    logged("certificate has expired")
    assert links_of(north) == 0


def test_an_expired_dialler_is_not_linked_in_mode_ca(world, authority, logged):
    member_of(world, "north", authority)
    install(authority, world.data_dir("south"), world.identity("south"), days=1, at=now_s() - 2 * DAY_S)
    north = world.node("north", "ca")
    stale = Rogue(presented_by(world, "south"), "ca", authority.certificate_file.read_bytes())

    south = world.node("south", "ca", dials=north, protection=stale.protection)

    logged(f"the bootstrap node {endpoint_of(north)} does not answer")
    assert (links_of(north), links_of(south)) == (0, 0)


@pytest.mark.parametrize("mode", ["open", "ca"])
def test_a_copied_certificate_without_its_key_gets_no_listener_linked(world, authority, tmp_path, logged, mode):
    if mode == "ca":
        member_of(world, "north", authority)
        member_of(world, "south", authority)
    south = world.node("south", mode)
    copy = without_its_key(presented_by(world, "south"), tmp_path / "copy")

    with tls_server(copy) as port:
        north = world.node("north", mode, dials=str(endpoint_of(south)._replace(port=port)))

        logged("does not speak TLS as this node does")
    assert links_of(north) == 0


def test_a_copied_certificate_without_its_key_opens_no_connection_in_mode_ca(world, authority, tmp_path, logged):
    member_of(world, "north", authority)
    member_of(world, "south", authority)
    north = world.node("north", "ca")
    copy = without_its_key(presented_by(world, "south"), tmp_path / "copy")

    assert not _is_let_in(world, north, copy)
    assert _is_let_in(world, north, presented_by(world, "south"))
    if world.transport == "rest":
        logged("the TLS handshake of 127.0.0.1 failed: ")


def _is_let_in(world: World, node, presented: Presented) -> bool:
    """Whether TLS to a node comes about: it says or awaits something, instead of hanging up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([world.alpn])
    context.load_cert_chain(presented.certificate, presented.key)
    endpoint = endpoint_of(node)
    connection = socket.create_connection((endpoint.host, endpoint.port), PATIENCE_S)
    try:
        with context.wrap_socket(connection) as secured:
            secured.sendall(_GREETING[world.alpn])
            return secured.recv(1) != b""
    except OSError:
        return False


_GREETING = {
    "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "http/1.1": b"GET /api/v1/peers/ping HTTP/1.1\r\nHost: x\r\n\r\n",
}


def test_whoever_answers_under_another_id_than_the_pinned_one_is_not_linked(world, logged):
    south = world.node("south")

    north = world.node("north", dials=f"{endpoint_of(south)}#{'ab' * 20}")

    logged(f"peer {south.status().peer_id[:8]} answers there, not abababab")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_a_man_in_the_middle_is_known_by_his_certificate(world, tmp_path, logged):
    south = world.node("south")
    his = own_of(tmp_path / "his", world.identity("south"))

    with man_in_the_middle(his, endpoint_of(south).port, world.alpn) as port:
        north = world.node("north", dials=str(endpoint_of(south)._replace(port=port)))

        logged(f"the record of peer {south.status().peer_id[:8]} does not name the key of the certificate it presented")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_a_man_in_the_middle_with_another_certificate_for_the_right_key_fails_at_the_proof(world, tmp_path, logged):
    """The record names his key, so only the channel binding is left: what the two ends have signed differs."""
    south = world.node("south")
    key = read_key(presented_by(world, "south").key)
    another = self_signed(key, peer_uri(NETWORK, south.status().peer_id), validity_from(now_s(), 10))
    his = in_files(tmp_path / "his", key, another)

    with man_in_the_middle(his, endpoint_of(south).port, world.alpn) as port:
        north = world.node("north", dials=str(endpoint_of(south)._replace(port=port)))

        logged(f"peer {south.status().peer_id[:8]} did not prove that it holds its key")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_a_member_of_the_authority_cannot_stand_in_the_middle_for_another(world, authority, logged):
    for name in ("north", "south", "middle"):
        member_of(world, name, authority)
    south = world.node("south", "ca")
    his = presented_by(world, "middle")

    with man_in_the_middle(his, endpoint_of(south).port, world.alpn) as port:
        north = world.node("north", "ca", dials=str(endpoint_of(south)._replace(port=port)))

        # Towards the true listener he has no certificate of the peer whose words he passes on.
        logged("the bootstrap node")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_a_revoked_key_loses_its_open_link_and_gets_no_new_one(world, authority, logged):
    member_of(world, "north", authority)
    member_of(world, "south", authority)
    north = world.node("north", "ca")
    south = world.node("south", "ca", dials=north)
    wait_for_link(north, south)

    authority.revoke(south.status().peer_id, now_s())
    (world.data_dir("north") / "tls" / "revoked.txt").write_bytes(authority.revoked_file.read_bytes())

    gone = f"peer {south.status().peer_id[:8]} is revoked"
    logged(f"lost the link to peer {south.status().peer_id[:8]}: {gone}")
    logged(f"it was refused there: {gone}")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_a_revoked_listener_is_not_dialled(world, authority, logged):
    member_of(world, "north", authority)
    member_of(world, "south", authority)
    south = world.node("south", "ca")
    authority.revoke(south.status().peer_id, now_s())
    (world.data_dir("north") / "tls" / "revoked.txt").write_bytes(authority.revoked_file.read_bytes())

    north = world.node("north", "ca", dials=south)

    logged(f"peer {south.status().peer_id[:8]} is revoked")
    assert (links_of(north), links_of(south)) == (0, 0)


@pytest.mark.parametrize("strict", ["dialler", "listener"])
def test_a_peer_that_is_not_allowed_is_not_linked(world, logged, strict):
    friend = "cd" * 20
    south = world.node("south", allowed_peers=[friend] if strict == "listener" else [])

    north = world.node("north", dials=south, allowed_peers=[friend] if strict == "dialler" else [])

    outcast = (north if strict == "listener" else south).status().peer_id
    logged(f"peer {outcast[:8]} is not among security.allowed_peers")
    assert (links_of(north), links_of(south)) == (0, 0)


def test_peers_that_allow_each_other_are_linked(world):
    north_id, south_id = world.identity("north").peer_id, world.identity("south").peer_id
    south = world.node("south", allowed_peers=[north_id])

    north = world.node("north", dials=f"{endpoint_of(south)}#{south_id}", allowed_peers=[south_id])

    wait_for_link(north, south)
