"""gRPC over what the credentials say: both modes, rotation under load, and what a man in the middle gives away."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent import socket
from tls_parts import (
    HOST,
    NETWORK,
    NORTH,
    SOUTH,
    Presented,
    authority_in,
    install,
    looking_at_anything,
    member,
    own_of,
    server_context,
    tcp_server,
)

from sorcha_peer_core.interfaces.credentials import ClientTls, Credentials
from sorcha_peer_core.model.handshake import Hello
from sorcha_peer_core.services.session import Handshake, HandshakeRefused, LocalSide
from sorcha_peer_core.services.tls.certificates import fingerprint
from sorcha_peer_core.services.tls.open_credentials import OpenCredentials
from sorcha_peer_core.services.tls.trust import InsecureTrust, OpenTrust

grpc = pytest.importorskip("grpc")
prepare = pytest.importorskip("sorcha_transport_grpc.runtime").prepare

TIMEOUT_S = 5.0
PATH = "/test/Echo"


class _Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


def _server_credentials(credentials: Credentials):
    """As a transport does it: asked at every connection, on a native thread, and a new certificate only when there is one."""

    def configuration(tls):
        pairs, roots = [(tls.key_pem, tls.certificate_pem)], tls.client_roots_pem or None
        return grpc.ssl_server_certificate_configuration(pairs, roots)

    given = [credentials.server()]

    def fetch():
        tls = credentials.server()
        if tls.revision == given[0].revision:
            return None
        given[0] = tls
        return configuration(tls)

    wants_client = bool(given[0].client_roots_pem)
    return grpc.dynamic_ssl_server_credentials(configuration(given[0]), fetch, require_client_authentication=wants_client)


@contextmanager
def grpc_server(credentials: Credentials) -> Iterator[int]:
    prepare(32)
    server = grpc.server(ThreadPoolExecutor(16), handlers=[_Echo()], options=[("grpc.so_reuseport", 0)])
    port = server.add_secure_port(f"{HOST}:0", _server_credentials(credentials))
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


def call(port: int, tls: ClientTls, timeout_s: float = TIMEOUT_S) -> bytes:
    """One call over a channel of its own."""
    pair = (tls.key_pem, tls.certificate_pem) if tls.key_pem else (None, None)
    options = [("grpc.ssl_target_name_override", tls.server_name), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(f"{HOST}:{port}", grpc.ssl_channel_credentials(tls.roots_pem, *pair), options=options) as channel:
        return channel.unary_unary(PATH)(b"hello", timeout=timeout_s)


@pytest.fixture
def north(tmp_path):
    return OpenCredentials(tmp_path / "north", NETWORK, NORTH.peer_id)


@pytest.fixture
def south(tmp_path):
    return OpenCredentials(tmp_path / "south", NETWORK, SOUTH.peer_id)


def test_two_open_nodes_talk_and_see_one_binding(north, south):
    with grpc_server(south) as port:
        tls = north.client(HOST, port, TIMEOUT_S)

        assert call(port, tls) == b"hello"
        assert fingerprint(tls.server_certificate_der) == south.server_binding
        assert OpenTrust().objection(SOUTH.peer_id, south.tls_keys, tls.server_certificate_der, outbound=True) is None


def test_two_members_of_an_authority_talk_and_see_one_binding(tmp_path):
    authority = authority_in(tmp_path / "ca")
    north, south = member(authority, tmp_path / "north", NORTH), member(authority, tmp_path / "south", SOUTH)

    with grpc_server(south) as port:
        tls = north.client(HOST, port, TIMEOUT_S)

        assert call(port, tls) == b"hello"
        assert fingerprint(tls.server_certificate_der) == south.server_binding


def test_two_authorities_of_one_name_can_be_trusted_at_the_same_time(tmp_path):
    """While a network changes from one authority to the next, often under the same name."""
    first, second = authority_in(tmp_path / "first"), authority_in(tmp_path / "second")
    both = first.certificate_file.read_bytes() + second.certificate_file.read_bytes()
    nodes = []
    for authority, name, identity in ((first, "north", NORTH), (second, "south", SOUTH)):
        install(authority, tmp_path / name, identity)
        authority.certificate_file.write_bytes(both)
        nodes.append(member(authority, tmp_path / name, identity))

    for dialler, listener in (nodes, reversed(nodes)):
        with grpc_server(listener) as port:
            assert call(port, dialler.client(HOST, port, TIMEOUT_S)) == b"hello"


def test_a_member_of_another_authority_and_one_without_a_certificate_get_no_answer(tmp_path):
    south = member(authority_in(tmp_path / "ca"), tmp_path / "south", SOUTH)
    stranger = member(authority_in(tmp_path / "other"), tmp_path / "stranger", NORTH)

    with grpc_server(south) as port:
        seen = looking_at_anything(HOST, port)
        for own in ((stranger.server().key_pem, stranger.server().certificate_pem), (b"", b"")):
            tls = ClientTls(south.server().client_roots_pem, "sorcha-peer", *own, seen)
            with pytest.raises(grpc.RpcError) as refused:
                call(port, tls)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_server_that_changed_its_certificate_after_the_look_is_not_talked_to(north, south):
    with grpc_server(south) as port:
        tls = north.client(HOST, port, TIMEOUT_S)
        south.rotate()

        with pytest.raises(grpc.RpcError) as refused:
            call(port, tls)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert call(port, north.client(HOST, port, TIMEOUT_S)) == b"hello"


def test_rotation_under_load_never_shows_anybody_a_mixed_pair(north, south):
    """Whoever dials meets a whole certificate at every moment; at worst a dial falls between look and call, and is repeated."""
    rounds, diallers = 6, 4
    bindings = {south.server_binding}
    answers: list[bytes] = []
    failures: list[object] = []
    rotating = True

    def dial() -> None:
        while rotating:
            tls = north.client(HOST, port, TIMEOUT_S)
            assert fingerprint(tls.server_certificate_der) in bindings
            try:
                answers.append(call(port, tls))
            except grpc.RpcError as error:
                failures.append(error.code())

    with grpc_server(south) as port:
        dialling = [gevent.spawn(dial) for _ in range(diallers)]
        for number in range(rounds):
            while len(answers) < (number + 1) * diallers:
                gevent.sleep(0.001)
            south.rotate()
            bindings.add(south.server_binding)
        rotating = False
        gevent.joinall(dialling, raise_error=True)

        assert call(port, north.client(HOST, port, TIMEOUT_S)) == b"hello"
    assert len(bindings) == rounds + 1
    assert set(answers) == {b"hello"}
    assert set(failures) <= {grpc.StatusCode.UNAVAILABLE}


def test_an_open_call_goes_on_when_the_certificate_changes(north, south):
    with grpc_server(south) as port:
        tls = north.client(HOST, port, TIMEOUT_S)
        options = [("grpc.ssl_target_name_override", tls.server_name)]
        with grpc.secure_channel(f"{HOST}:{port}", grpc.ssl_channel_credentials(tls.roots_pem), options=options) as channel:
            method = channel.unary_unary(PATH)
            before = method(b"before", timeout=TIMEOUT_S)
            south.rotate()
            after = method(b"after", timeout=TIMEOUT_S)

    assert (before, after) == (b"before", b"after")


# A man in the middle: he ends the dialler's TLS with his own certificate and makes TLS of his own to the listener.


@contextmanager
def man_in_the_middle(presented: Presented, port: int) -> Iterator[int]:
    towards_dialler = server_context(presented)
    towards_listener = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    towards_listener.check_hostname, towards_listener.verify_mode = False, ssl.CERT_NONE
    towards_listener.set_alpn_protocols(["h2"])

    def pass_on(source: ssl.SSLSocket, sink: ssl.SSLSocket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            sink.close()

    def serve(connection: socket.socket) -> None:
        with (
            towards_dialler.wrap_socket(connection, server_side=True) as dialler,
            towards_listener.wrap_socket(socket.create_connection((HOST, port)), server_hostname="sorcha-peer") as listener,
        ):
            both = [gevent.spawn(pass_on, dialler, listener), gevent.spawn(pass_on, listener, dialler)]
            gevent.joinall(both, count=1)
            gevent.killall(both)

    with tcp_server(serve) as own_port:
        yield own_port


def side_of(identity) -> LocalSide:
    record = identity.record(NETWORK, (), "", "")
    return LocalSide(
        identity=identity,
        record=lambda: record,
        network_id=NETWORK,
        max_transaction_bytes=1_000_000,
        log_epoch=1,
        allowed_peers=frozenset(),
        # Not asked here, so that what refuses is the proof.
        trust=InsecureTrust(),
    )


def shake_hands(dialler_binding: bytes, listener_binding: bytes) -> Handshake:
    """Both sides of a handshake over a link on which each has seen what it has seen; returns the dialler's."""
    dialler = Handshake(side_of(NORTH), outbound=True, binding=dialler_binding)
    listener = Handshake(side_of(SOUTH), outbound=False, binding=listener_binding)
    answer = listener.receive(dialler.first())
    assert isinstance(answer, Hello)
    proof = dialler.receive(answer)
    assert proof is not None
    listener.receive(proof)
    return dialler


def test_a_man_in_the_middle_can_pass_calls_on_but_not_the_handshake(north, south, tmp_path: Path):
    """In mode open anybody can present a certificate. What gives him away is that the two ends see different ones."""
    his = own_of(tmp_path / "his", SOUTH)

    with grpc_server(south) as port, man_in_the_middle(his, port) as his_port:
        tls = north.client(HOST, his_port, TIMEOUT_S)
        assert call(his_port, tls) == b"hello"

    seen = fingerprint(tls.server_certificate_der)
    assert seen == fingerprint(his.der) != south.server_binding
    with pytest.raises(HandshakeRefused, match="did not prove that it holds its key"):
        shake_hands(seen, south.server_binding)
    assert shake_hands(south.server_binding, south.server_binding).done


def test_the_pin_in_the_record_objects_to_a_man_in_the_middle_too(north, south, tmp_path):
    his = own_of(tmp_path / "his", SOUTH)

    objection = OpenTrust().objection(SOUTH.peer_id, south.tls_keys, his.der, outbound=True)

    assert objection == f"the record of peer {SOUTH.peer_id[:8]} does not name the key of the certificate it presented"
