"""What the tests of the REST port share: a context, a peer API that remembers, and a client that speaks raw HTTP."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import NamedTuple

from sorcha_peer_core.interfaces.peer_api import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.interfaces.transport import TransportContext
from sorcha_peer_core.model.ids import parse_tx_hash, tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, EmptyPeerApi, transport_context

ALICE = RegisteredPeer("a" * 40, "192.0.2.1", 5001, ("GrpcStream", "Grpc"), 1_700_000_000, True, True, 10_485_760)


def rest_context(port: int = 0, host: str = "127.0.0.1", **changes) -> TransportContext:
    authority = Endpoint("rest", host, port).authority
    return replace(transport_context(), settings={"listen": authority}, **changes)


class KnownPeers(EmptyPeerApi):
    """Knows Alice, has the payloads it is given, and remembers what it is told."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}
        self.registered: list[RegisteredPeer] = []
        self.told: list[tuple[object, ...]] = []
        self.callers: list[str] = []
        self.full = False

    def peer_list(self, requesting_peer_id, most):
        self.told.append(("list", requesting_peer_id, most))
        return [ALICE], 7

    def register(self, peer, caller=""):
        if self.full:
            return False, "the list is full"
        self.registered.append(peer)
        self.callers.append(caller)
        return True, "listed"

    def ping(self, peer_id):
        self.told.append(("ping", peer_id))

    def notify(self, tx_hash, sender_peer_id, size, *, register_id="", caller=""):
        self.told.append(("notify", parse_tx_hash(tx_hash).hex(), sender_peer_id, size, register_id, caller))
        return NotifyAnswer(already_known=False, will_request=True)

    def payload(self, tx_hash):
        return self.payloads.get(parse_tx_hash(tx_hash).hex())

    def keep(self, payload: bytes) -> str:
        tx_hash = tx_hash_of(payload).hex()
        self.payloads[tx_hash] = payload
        return tx_hash


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return json.loads(self.body)["error"]["code"]


class RawClient:
    """One connection on which every byte is chosen by the test."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.socket = socket.create_connection((endpoint.host, endpoint.port), timeout=PATIENCE_S)
        self._file = self.socket.makefile("rb")

    def send(self, *lines: str, body: bytes = b"") -> None:
        """A request head, and a body if there is one."""
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def answer(self) -> Answer:
        """The next answer, or the end: status 0."""
        status_line = self._file.readline()
        if not status_line:
            return Answer(0, {}, b"")
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        return Answer(int(status_line.split()[1]), headers, self._file.read(int(headers.get("content-length", 0))))

    def is_closed(self) -> bool:
        """Blocks until the other side sends something or closes; whether it closed."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()
