"""What kind of NAT there is (RFC 3489, section 10.1), by pystun3. It follows the address and never delays it."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence

import gevent
import stun

from sorcha_nat_stun.asking import ask
from sorcha_nat_stun.classic_socket import ClassicSocket, Stopped
from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.families import IPV4, Address, why_not_public
from sorcha_nat_stun.names import SocketAddress
from sorcha_nat_stun.stun_message import Mapped

log = logging.getLogger(__name__)

LIMIT_S = 12.0
"""For all servers together."""
ANSWER_WITHIN_S = 0.6
"""pystun3 asks four times, and silence is part of the test: a NAT that lets nothing in costs about 5 s."""

_KINDS = {
    stun.OpenInternet: "Open Internet",
    stun.FullCone: "Full Cone NAT",
    stun.RestricNAT: "Restricted Cone NAT",
    stun.RestricPortNAT: "Port Restricted Cone NAT",
    stun.SymmetricNAT: "Symmetric NAT",
    stun.SymmetricUDPFirewall: "Symmetric UDP Firewall",
}
_SILENT = {
    stun.Blocked: "it does not answer the test",
    stun.ChangedAddressError: "its second address does not answer",
}
_NO_NAT = "none: this machine has the address itself"
_SAME_PORT = "the same port for every server"
_OTHER_PORTS = "different ports for different servers"


def classify(
    server: SocketAddress,
    own_host: str,
    end_at: float,
    answer_within_s: float = ANSWER_WITHIN_S,
    why_not: Callable[[Address], str] = why_not_public,
) -> str:
    """The kind of NAT between ``own_host`` and an IPv4 server; ``end_at`` on the monotonic clock.

    Raises:
        Refused: this server cannot tell.
    """
    try:
        with socket.socket(IPV4.sockets, socket.SOCK_DGRAM) as udp:
            checked = ClassicSocket(udp, end_at, answer_within_s, why_not)
            kind, _ = stun.get_nat_type(checked, own_host, 0, stun_host=server[0], stun_port=server[1])
    except Stopped as why:
        raise Refused(str(why)) from None
    except Exception as error:
        # pystun3 has no errors of its own: what it did not expect comes out as whatever Python makes of it.
        raise Refused(f"the test failed ({type(error).__name__})") from None
    if kind not in _KINDS:
        raise Refused(_SILENT.get(kind, "the test has no result"))
    return _KINDS[kind]


def port_mapping(seen: Sequence[Mapped], own_host: str) -> str:
    """How one port of this machine looks from outside; empty when too few servers saw it."""
    if any(str(mapped.address) == own_host for mapped in seen):
        return _NO_NAT
    if len(seen) < 2:
        return ""
    return _SAME_PORT if len({mapped.port for mapped in seen}) == 1 else _OTHER_PORTS


class NatTypeWatch:
    """The latest that is known; a greenlet of its own finds it out."""

    def __init__(self, classify: Callable[[SocketAddress, str, float], str] = classify, limit_s: float = LIMIT_S) -> None:
        self.nat_type = ""
        """For people; empty before there is an address."""
        self.port_mapping = ""
        self._classify = classify
        self._limit_s = limit_s
        self._address: Address | None = None
        self._finding_out: gevent.Greenlet[..., None] | None = None

    def follow(self, address: Address, servers: Mapping[SocketAddress, str], own_host: str) -> None:
        """Begin to find out the type, unless that is going on for this address already. Returns at once.

        ``servers`` have IPv4 addresses, each with the name that people know it by; ``own_host`` is where this machine asks from.
        """
        if address != self._address:
            self.forget()
            self._address, self.nat_type = address, "not known yet"
        elif self._finding_out and not self._finding_out.dead:
            return
        self._finding_out = gevent.spawn(self._find_out, address, servers, own_host)

    def forget(self) -> None:
        """There is no address any more that the type could be of."""
        if self._finding_out:
            self._finding_out.kill(block=False)
        self._address, self.nat_type, self.port_mapping = None, "", ""

    def _find_out(self, address: Address, servers: Mapping[SocketAddress, str], own_host: str) -> None:
        end_at = time.monotonic() + self._limit_s
        seen = _seen(address, servers)
        self.port_mapping = port_mapping(list(seen.values()), own_host)
        found = self._ask_in_turn([(server, servers[server]) for server in servers if server in seen], own_host, end_at)
        if found != self.nat_type:
            log.info("the type of NAT, as STUN servers see it: %s", found)
        self.nat_type = found

    def _ask_in_turn(self, servers: Sequence[tuple[SocketAddress, str]], own_host: str, end_at: float) -> str:
        reasons = []
        for server, label in servers:
            try:
                return f"{self._corrected(self._classify(server, own_host, end_at))} (by {label})"
            except Refused as why:
                reasons.append(f"{label}: {why}")
        if self.port_mapping == _OTHER_PORTS:
            return f"{_KINDS[stun.SymmetricNAT]} (by the ports that the servers see)"
        return f"unknown ({'; '.join(reasons) or 'no server answered again'})"

    def _corrected(self, kind: str) -> str:
        # Where the answer from the second address is turned away, many a router then gives the next request to there another
        # port, and the test takes that for a symmetric NAT. Requests without such a history show how it is.
        if kind == _KINDS[stun.SymmetricNAT] and self.port_mapping == _SAME_PORT:
            return f"{_KINDS[stun.RestricPortNAT]}, or a Symmetric NAT that keeps ports"
        return kind


def _seen(address: Address, servers: Mapping[SocketAddress, str]) -> dict[SocketAddress, Mapped]:
    """How those see this machine who confirm ``address``. Asked again, because the address did not wait for all of them."""
    try:
        answers = ask(IPV4, list(servers), lambda _: False).answers
    except OSError:
        return {}  # there is no socket to be had
    return {server: mapped for server, mapped in answers.items() if mapped.address == address}
