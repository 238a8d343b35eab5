"""Whole nodes over one real transport, on loopback, with certificates of every kind."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import gevent
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from service_parts import hashes_of, submission, wait_until
from tls_parts import HOST, NETWORK, Presented, looking_at_anything, server_context, tcp_server

from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.config import Config
from sorcha_peer_core.interfaces.credentials import ClientTls, ServerTls
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.node import Node
from sorcha_peer_core.plugin_manager import PluginManager
from sorcha_peer_core.services.identity import Identity, load_or_create_identity
from sorcha_peer_core.services.tls.certificates import fingerprint
from sorcha_peer_core.services.tls.modes import Protection
from sorcha_peer_core.services.tls.trust import InsecureTrust

TRANSPORTS = ("grpcstream", "grpc", "rest")
_ALPN = {"grpcstream": "h2", "grpc": "h2", "rest": "http/1.1"}
_P256 = bytes.fromhex("06082a8648ce3d030107")


class World:
    """Nodes that speak one transport. Nothing looks after them but ``stop``."""

    def __init__(self, tmp_path: Path, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transport = transport
        self._tmp_path = tmp_path
        self._monkeypatch = monkeypatch
        self._running: list[Node] = []

    @property
    def alpn(self) -> str:
        """What is spoken inside TLS."""
        return _ALPN[self.transport]

    def data_dir(self, name: str) -> Path:
        """Of the node with this name."""
        return self._tmp_path / name

    def identity(self, name: str) -> Identity:
        """Of the node with this name, also before it exists."""
        self.data_dir(name).mkdir(exist_ok=True)
        return load_or_create_identity(self.data_dir(name))

    def node(
        self,
        name: str,
        mode: str = "open",
        *,
        dials: str | Node = "",
        protection: Protection | None = None,
        rest: dict[str, str] | None = None,
        **security: Any,
    ) -> Node:
        """A node that runs; ``protection`` instead of what an honest node of this mode would have."""
        dialled = address_of(dials) if isinstance(dials, Node) else dials
        settings = {
            "node": {"data_dir": str(self.data_dir(name)), "name": name, "network_id": NETWORK},
            "communication": {"transports": [self.transport], "listen": f"{HOST}:0", "shutdown_grace_s": 2.0},
            "peer_discovery": {"bootstrap_nodes": [dialled] if dialled else []},
            "security": {"mode": mode, **security},
            "store": {"url": "memory://"},
            "plugins": {"rest": rest or {}},
        }
        with self._monkeypatch.context() as patch:
            if protection is not None:
                patch.setattr("sorcha_peer_core.node.node.protect", lambda *_: protection)
            node = Node(Config.model_validate(settings), self._plugins())
            node.start()
        self._running.append(node)
        return node

    def _plugins(self) -> PluginManager:
        transport = import_module(f"sorcha_transport_{self.transport}.plugin")
        return PluginManager([("builtin", builtin_plugin), (self.transport, transport)], discover=False)

    def stop(self) -> None:
        """Stop all nodes."""
        gevent.joinall([gevent.spawn(node.stop, "the test is over") for node in self._running])


class Rogue:
    """Credentials that present what they are told to and trust everybody."""

    tls_keys: tuple[bytes, ...] = ()
    expires_at = 0

    def __init__(self, presented: Presented, mode: str = "open", roots_pem: bytes = b"") -> None:
        self.mode = mode
        self.server_binding = fingerprint(presented.der)
        self._server = ServerTls(1, presented.key.read_bytes(), presented.certificate.read_bytes(), roots_pem)

    def server(self) -> ServerTls:
        return self._server

    def refresh(self) -> bool:
        return False

    def client(self, host: str, port: int, timeout_s: float) -> ClientTls:
        der = looking_at_anything(host, port)
        pem = ssl.DER_cert_to_PEM_cert(der).encode()
        own = self._server if self.mode == "ca" else ServerTls(0, b"", b"", b"")
        return ClientTls(pem, "sorcha-peer", own.key_pem, own.certificate_pem, der)

    @property
    def protection(self) -> Protection:
        return Protection(self, InsecureTrust())


def address_of(node: Node) -> str:
    """Where a node of a world listens."""
    return node.status().listening[0]


def endpoint_of(node: Node) -> Endpoint:
    """The same, taken apart."""
    scheme, _, authority = address_of(node).partition("://")
    host, _, port = authority.rpartition(":")
    return Endpoint(scheme, host, int(port))


def links_of(node: Node) -> int:
    """How many peers it is linked to."""
    return node.status().peers_connected


def wait_for_link(*nodes: Node) -> None:
    """Wait until each is linked to all others."""
    wait_until(lambda: all(links_of(node) == len(nodes) - 1 for node in nodes), "they are linked", 10.0)


def submit(node: Node, *payloads: bytes) -> None:
    """Hand payloads to a node."""
    node.submit([submission(payload) for payload in payloads])


def all_have(nodes: list[Node], payloads: list[bytes]) -> Callable[[], bool]:
    """Whether each node has exactly these."""
    wanted = hashes_of(payloads)
    return lambda: all({entry.hash for entry in node.transactions(0, 100_000).entries} == wanted for node in nodes)


def without_its_key(presented: Presented, folder: Path) -> Presented:
    """The same certificate beside a key that only says that it belongs to it."""
    public = load_pem_private_key(presented.key.read_bytes(), None).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32)
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    body = b"\x02\x01\x01" + _der(0x04, scalar) + _der(0xA0, _P256) + _der(0xA1, _der(0x03, b"\x00" + point))
    pem = ssl.DER_cert_to_PEM_cert(_der(0x30, body)).replace("CERTIFICATE", "EC PRIVATE KEY")
    folder.mkdir()
    (folder / "key.pem").write_text(pem)
    return Presented(folder / "key.pem", presented.certificate)


def _der(tag: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes([tag, len(body)]) + body


@contextmanager
def man_in_the_middle(presented: Presented, port: int, alpn: str) -> Iterator[int]:
    """Ends the TLS of whoever dials with a certificate of his own, and makes TLS of his own to the true listener."""
    towards_dialler = server_context(presented)
    towards_dialler.set_alpn_protocols([alpn])
    towards_listener = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    towards_listener.check_hostname, towards_listener.verify_mode = False, ssl.CERT_NONE
    towards_listener.set_alpn_protocols([alpn])

    def pass_on(source: ssl.SSLSocket, sink: ssl.SSLSocket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            return

    def serve(connection: Any) -> None:
        with (
            towards_dialler.wrap_socket(connection, server_side=True) as dialler,
            towards_listener.wrap_socket(gevent.socket.create_connection((HOST, port))) as listener,
        ):
            ways = [gevent.spawn(pass_on, dialler, listener), gevent.spawn(pass_on, listener, dialler)]
            gevent.wait(ways, count=1)
            gevent.killall(ways)

    with tcp_server(serve) as own_port:
        yield own_port
