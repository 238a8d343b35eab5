"""What was found out, for people: the findings of a resolver, and its lines in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sorcha_nat_stun.agreement import Outcome
from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.settings import Target

log = logging.getLogger(__name__)


class Report:
    """Remembers the last outcomes. The log gets one line when something changes, and none while it stays as it is."""

    def __init__(self, resolver: str, setting: str, asked: Sequence[Target]) -> None:
        self._resolver = resolver
        self._asked = ", ".join(target.label for target in asked) or f"nobody: {setting} is empty"
        self._found: Mapping[str, str] = {}
        self._logged: dict[str, object] = {}

    def findings(self, **more: str) -> Mapping[str, str]:
        """See AddressFindings; ``more`` is what else the resolver knows. What is empty is left out."""
        return {key: text for key, text in {"asked": self._asked, **self._found, **more}.items() if text}

    def conclude(self, outcomes: Sequence[Outcome]) -> list[str]:
        """The addresses that came of one round, in the order of the outcomes.

        Raises:
            Refused: nobody gave any; that says nothing against an address that was found earlier.
        """
        refused = [f"{label} ({o.family.word}): {why}" for o in outcomes for label, why in o.refused.items()]
        self._found = {**{o.family.word.lower(): o.verdict for o in outcomes}, "refused": "; ".join(refused)}
        if not any(outcome.votes for outcome in outcomes):
            self._logged.clear()
            raise Refused("; ".join([*(f"{o.family.word} {o.verdict}" for o in outcomes), *refused]))
        found_one = any(outcome.address for outcome in outcomes)
        for outcome in outcomes:
            # A machine that has only one kind of address is nothing to warn of.
            fine = outcome.address or (found_one and not outcome.was_asked)
            self._log_change(outcome, logging.INFO if fine else logging.WARNING)
        return [str(outcome.address) for outcome in outcomes if outcome.address]

    def _log_change(self, outcome: Outcome, level: int) -> None:
        # Not the words, and not who was too late to be counted: both may be different each time and would fill the log.
        essence = (level, outcome.address, () if outcome.address else tuple(sorted(outcome.refused)))
        if self._logged.get(outcome.family.word) == essence:
            return
        self._logged[outcome.family.word] = essence
        refused = "".join(f"; {label}: {why}" for label, why in outcome.refused.items())
        log.log(level, "public %s address by %s: %s%s", outcome.family.word, self._resolver, outcome.verdict, refused)
