"""The resolver ``http``."""

from __future__ import annotations

from collections.abc import Mapping

import gevent

from sorcha_nat_stun.agreement import Outcome, Rule, not_asked, outcome_of
from sorcha_nat_stun.errors import NoWay, Refused
from sorcha_nat_stun.families import Address, Family
from sorcha_nat_stun.report import Report
from sorcha_nat_stun.settings import HTTP_SERVICES, Settings, Target

LIMIT_S = 4.0
"""For everything that one service does: name, connection, TLS, answer."""
_NOUN = "lookup services"


class HttpResolver:
    """Asks all services at once, for each family; what more than half of all, and at least two, say is the address."""

    name = "http"

    def __init__(self, settings: Settings, limit_s: float = LIMIT_S) -> None:
        self._settings = settings
        self._limit_s = limit_s
        self._rule = Rule(_NOUN, len(settings.targets))
        self._report = Report("HTTP", HTTP_SERVICES, settings.targets)

    def resolve(self) -> list[str]:
        """See AddressResolver; takes at most the 4 s that a service has. Raises Refused when nobody names an address."""
        if not self._settings.targets:
            return []
        asking = [gevent.spawn(self._ask, family) for family in self._settings.families]
        return self._report.conclude([each.get() for each in asking])

    def findings(self) -> Mapping[str, str]:
        """See AddressFindings: ``asked``, ``ipv4``, ``ipv6``, ``refused`` and ``unprotected``."""
        plain = [target.label for target in self._settings.targets if target.label.startswith("http:")]
        forgeable = f"{', '.join(plain)}: not https, anybody on the way can forge the answer"
        return self._report.findings(unprotected=forgeable if plain else "")

    def _ask(self, family: Family) -> Outcome:
        votes: dict[str, Address] = {}
        refused: dict[str, Refused] = {}
        asking = {gevent.spawn(_look_up, target, family, self._limit_s): target.label for target in self._settings.targets}
        for asked in gevent.iwait(list(asking)):
            said = asked.get()
            if isinstance(said, Refused):
                refused[asking[asked]] = said
            else:
                votes[asking[asked]] = said
            if self._rule.agreed(votes, of=len(asking)):
                break
        gevent.killall(list(asking), block=False)
        return self._outcome(family, votes, refused)

    def _outcome(self, family: Family, votes: Mapping[str, Address], refused: Mapping[str, Refused]) -> Outcome:
        no_way = [label for label, why in refused.items() if isinstance(why, NoWay)]
        if len(no_way) == self._rule.configured:
            return not_asked(family, f"there is no way to any of the {_NOUN} by {family.word}", refused)
        return outcome_of(self._rule, family, votes, refused, of=self._rule.configured)


def _look_up(service: Target, family: Family, limit_s: float) -> Address | Refused:
    # Here, because requests takes long to import, and a node whose address is known otherwise never asks.
    from sorcha_nat_stun.http_lookup import look_up

    try:
        return look_up(service, family, limit_s)
    except Refused as why:
        return why
