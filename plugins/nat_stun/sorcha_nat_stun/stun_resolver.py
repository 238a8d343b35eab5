"""The resolver ``stun``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import gevent

from sorcha_nat_stun.agreement import Outcome, Rule, not_asked, outcome_of
from sorcha_nat_stun.asking import Answers, ask
from sorcha_nat_stun.errors import NoWay, Refused
from sorcha_nat_stun.exchange import LIMIT_S
from sorcha_nat_stun.families import IPV4, Address, Family, why_not_public
from sorcha_nat_stun.names import SocketAddress, first_addresses, own_host
from sorcha_nat_stun.nat_type import NatTypeWatch
from sorcha_nat_stun.report import Report
from sorcha_nat_stun.settings import STUN_SERVERS, Settings

_NOUN = "STUN servers"


class _Round(NamedTuple):
    """What came of asking in one family."""

    outcome: Outcome
    servers: Mapping[SocketAddress, str]
    """Those that were asked, and their labels."""
    own_host: str
    """The address of this machine that they were asked from."""


class StunResolver:
    """Asks all servers at once, for each family; what at least two and more than half of those that answer say is the address.

    The type of the NAT is found out behind it and is among the findings some seconds later.
    """

    name = "stun"

    def __init__(self, settings: Settings, limit_s: float = LIMIT_S, nat_type: NatTypeWatch | None = None) -> None:
        self._settings = settings
        self._limit_s = limit_s
        self._rule = Rule(_NOUN, len(settings.targets))
        self._report = Report("STUN", STUN_SERVERS, settings.targets)
        self._nat_type = nat_type or NatTypeWatch()

    def resolve(self) -> list[str]:
        """See AddressResolver; takes 5 s at most: 2 s for names, 3 s for answers. Raises Refused when nobody names an address."""
        if not self._settings.targets:
            return []
        asking = [gevent.spawn(self._ask, family) for family in self._settings.families]
        rounds: list[_Round] = [each.get() for each in asking]
        hosts = self._report.conclude([each.outcome for each in rounds])
        for each in rounds:
            if each.outcome.family is IPV4:
                self._follow_nat_type(each)
        return hosts

    def findings(self) -> Mapping[str, str]:
        """See AddressFindings: ``asked``, ``ipv4``, ``ipv6``, ``refused``, ``nat_type`` and ``port_mapping``."""
        return self._report.findings(nat_type=self._nat_type.nat_type, port_mapping=self._nat_type.port_mapping)

    def _follow_nat_type(self, found: _Round) -> None:
        if found.outcome.address:
            self._nat_type.follow(found.outcome.address, found.servers, found.own_host)
        else:
            self._nat_type.forget()

    def _ask(self, family: Family) -> _Round:
        servers, refused = self._servers(family)
        try:
            if not servers:
                raise NoWay(f"none of the {_NOUN} has an {family.word} address that is known")
            own = own_host(family, next(iter(servers)))
            exchange = ask(family, list(servers), self._is_enough(len(servers)), self._limit_s)
        except (NoWay, OSError) as why:
            # OSError: there is no socket to be had.
            return _Round(not_asked(family, str(why), refused), servers, "")
        refused |= {servers[server]: why for server, why in exchange.refused.items()}
        votes, private = _sifted({servers[server]: mapped.address for server, mapped in exchange.answers.items()})
        outcome = outcome_of(self._rule, family, votes, refused | private, of=len(exchange.answers))
        return _Round(outcome, servers, own)

    def _servers(self, family: Family) -> tuple[dict[SocketAddress, str], dict[str, Refused]]:
        servers: dict[SocketAddress, str] = {}
        refused: dict[str, Refused] = {}
        for label, found in first_addresses(self._settings.targets, family).items():
            if isinstance(found, Refused):
                refused[label] = found
            elif found in servers:
                refused[label] = Refused(f"it is the same server as {servers[found]}")
            else:
                servers[found] = label
        return servers, refused

    def _is_enough(self, asked: int) -> Callable[[Answers], bool]:
        def is_enough(answers: Answers) -> bool:
            votes, _ = _sifted({str(server): mapped.address for server, mapped in answers.items()})
            return self._rule.agreed(votes, of=asked) is not None

        return is_enough


def _sifted(said: Mapping[str, Address]) -> tuple[dict[str, Address], dict[str, Refused]]:
    """What can be a public address, and why the rest cannot."""
    why_not = {label: why_not_public(address) for label, address in said.items()}
    votes = {label: address for label, address in said.items() if not why_not[label]}
    return votes, {label: Refused(f"it says {why}, no public address") for label, why in why_not.items() if why}
