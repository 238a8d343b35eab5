"""Whether enough of those who were asked say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sorcha_nat_stun.errors import NoWay, Refused
from sorcha_nat_stun.families import Address, Family


@dataclass(frozen=True, slots=True)
class Rule:
    """Two have to agree, and more than half; one is enough only where the operator named no second one.

    >>> Rule("servers", configured=3).needed(2), Rule("servers", configured=5).needed(5), Rule("servers", configured=1).needed(1)
    (2, 3, 1)
    """

    noun: str
    configured: int

    def needed(self, of: int) -> int:
        """How many have to say the same when ``of`` have a say."""
        return 1 if self.configured == 1 else max(2, of // 2 + 1)

    def agreed(self, votes: Mapping[str, Address], of: int) -> Address | None:
        """What enough of them say. Nothing that is said later changes it when ``of`` counts those who have not spoken yet."""
        for address, count in Counter(votes.values()).most_common(1):
            if count >= self.needed(of):
                return address
        return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking for the address in one family."""

    family: Family
    address: Address | None
    verdict: str
    """The address or why there is none, for people."""
    refused: Mapping[str, str]
    """By label: why what somebody said, or did not say, is not used."""
    votes: int = 0
    """How many named an address that can be one."""
    was_asked: bool = True
    """False when there was nobody to ask in this family, as on a machine that has only the other one."""


def outcome_of(rule: Rule, family: Family, votes: Mapping[str, Address], refused: Mapping[str, Refused], of: int) -> Outcome:
    """Count what was said; ``of`` as for ``Rule.needed``."""
    address = rule.agreed(votes, of)
    reasons = {label: str(why) for label, why in refused.items()}
    if address is None:
        return Outcome(family, None, f"no address: {_why_not(rule, votes, of)}", reasons, len(votes))
    dissent = {label: f"it says {said}" for label, said in votes.items() if said != address}
    verdict = f"{address}, {_by_whom(rule, len(votes) - len(dissent), of)}"
    return Outcome(family, address, verdict, {**reasons, **dissent}, len(votes))


def not_asked(family: Family, reason: str, refused: Mapping[str, Refused]) -> Outcome:
    """Nobody could be asked; ``refused`` says why each of them could not, where it is not for want of an address."""
    reasons = {label: str(why) for label, why in refused.items() if not isinstance(why, NoWay)}
    return Outcome(family, None, f"not asked: {reason}", reasons, was_asked=False)


def _by_whom(rule: Rule, agreeing: int, of: int) -> str:
    if rule.configured == 1:
        return f"by the word of one: no second one of the {rule.noun} is configured to confirm it"
    return f"as {agreeing} of {of} {rule.noun} say"


def _why_not(rule: Rule, votes: Mapping[str, Address], of: int) -> str:
    if not votes:
        return f"none of the {rule.noun} gave one"
    said = ", ".join(f"{label} says {address}" for label, address in votes.items())
    if len(set(votes.values())) > 1:
        return f"the {rule.noun} disagree ({said})"
    return f"{rule.needed(of)} of the {rule.noun} have to agree ({said})"
