"""What the tests about foreign clients share: a client that is asked and remembers, and a clock."""

from __future__ import annotations

from gevent.event import Event

from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.interfaces.peer_api import RegisteredPeer
from sorcha_peer_core.services.registrations import Registration

CALLER = "198.51.100.7"


class FakeForeignClient:
    """A ForeignClient with payloads of its own. While ``gate`` is not set, it answers nobody."""

    def __init__(self, protocols=("Grpc", "GrpcStream"), scheme="grpc") -> None:
        self.protocols = protocols
        self.scheme = scheme
        self.answers = True
        self.payloads = {}
        self.pinged = []
        self.fetched = []
        self.asked_at_once = self.most_at_once = 0
        self.gate = Event()
        self.gate.set()

    def ping(self, endpoint, timeout_s):
        self.pinged.append(endpoint)
        self.gate.wait()
        if not self.answers:
            raise PeerUnreachable("nobody is there")

    def fetch(self, endpoint, tx_hash, size_bytes, timeout_s):
        self.fetched.append((endpoint, tx_hash))
        self.asked_at_once += 1
        self.most_at_once = max(self.most_at_once, self.asked_at_once)
        try:
            self.gate.wait()
            if tx_hash not in self.payloads:
                raise PeerUnreachable("it hung up")
            return self.payloads[tx_hash]
        finally:
            self.asked_at_once -= 1


def registration(name: str = "foreign", caller: str = CALLER, **changes) -> Registration:
    """A client that registered its own address and port 7000 for gRPC."""
    peer = RegisteredPeer(name, CALLER, 7000, ("GrpcStream", "Grpc"), 0, True, True, 1000)._replace(**changes)
    return Registration(peer, caller)
