"""Binding requests to several servers at the same time. No socket, no clock: datagrams and times are given."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sorcha_nat_stun.errors import NoAnswer, Refused
from sorcha_nat_stun.families import Family
from sorcha_nat_stun.names import SocketAddress
from sorcha_nat_stun.stun_message import TRANSACTION_ID_BYTES, Mapped, binding_request, read_answer

LIMIT_S = 3.0
"""How long a server has to answer; with the pauses below it is asked three times."""
FIRST_PAUSE_S = 0.5
"""Between the first request and the second; each later pause is twice as long (RFC 8489, section 6.2.1)."""


@dataclass(slots=True)
class _Open:
    """A request that is not answered yet."""

    transaction_id: bytes
    next_at: float
    pause_s: float = FIRST_PAUSE_S
    strays: int = 0


def random_id() -> bytes:
    """A transaction id that nobody can guess."""
    return secrets.token_bytes(TRANSACTION_ID_BYTES)


class Exchange:
    """Every server is asked until it has answered, has been refused or the time is up. Times are monotonic seconds."""

    def __init__(
        self,
        family: Family,
        servers: Iterable[SocketAddress],
        now: float,
        limit_s: float = LIMIT_S,
        new_id: Callable[[], bytes] = random_id,
    ) -> None:
        self.answers: dict[SocketAddress, Mapped] = {}
        self.refused: dict[SocketAddress, Refused] = {}
        self._family = family
        self._limit_s = limit_s
        self._end_at = now + limit_s
        self._open = {server: _Open(new_id(), now) for server in servers}

    def next_at(self) -> float | None:
        """When to call ``due`` again; None when nothing is waited for any longer."""
        return min((waiting.next_at for waiting in self._open.values()), default=None)

    def due(self, now: float) -> Iterator[tuple[SocketAddress, bytes]]:
        """The datagrams to send now, and where to; gives up on everybody when the time is up."""
        if now >= self._end_at:
            for server, waiting in list(self._open.items()):
                self.refuse(server, f"no answer within {self._limit_s:g} s{_heard_instead(waiting.strays)}")
        for server, waiting in list(self._open.items()):
            if now >= waiting.next_at:
                waiting.next_at = min(now + waiting.pause_s, self._end_at)
                waiting.pause_s *= 2
                yield server, binding_request(waiting.transaction_id)

    def received(self, datagram: bytes, source: SocketAddress) -> None:
        """Take what came in. What comes from anybody else than an asked server is passed over."""
        waiting = self._open.get(source)
        if waiting is None:
            return
        try:
            self._accept(source, self._read(datagram, waiting.transaction_id))
        except NoAnswer:
            waiting.strays += 1
        except Refused as error:
            self._refuse(source, error)

    def refuse(self, server: SocketAddress, reason: str) -> None:
        """Wait no longer for this server."""
        self._refuse(server, Refused(reason))

    def _refuse(self, server: SocketAddress, why: Refused) -> None:
        if self._open.pop(server, None):
            self.refused[server] = why

    def _accept(self, server: SocketAddress, mapped: Mapped) -> None:
        del self._open[server]
        self.answers[server] = mapped

    def _read(self, datagram: bytes, transaction_id: bytes) -> Mapped:
        answer = read_answer(datagram, transaction_id)
        if answer.error:
            raise Refused(answer.error)
        if answer.mapped is None:
            raise Refused("its answer has no address in it")
        if answer.mapped.address.version != self._family.version:
            raise Refused(f"it answers a question over {self._family.word} with {answer.mapped.address}")
        return answer.mapped


def _heard_instead(strays: int) -> str:
    return f", only nonsense (datagrams: {strays})" if strays else ""
