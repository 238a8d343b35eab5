"""The sources of the node's own address: asked with a limit, and never believed to be without faults."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import gevent

from sorcha_peer_core.interfaces.address import AddressFindings

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.address import AddressResolver

log = logging.getLogger(__name__)

LIMIT_S = 30.0
NOT_ASKED = "there was nothing left to find"


class AddressSources:
    """The resolvers of a node in the configured order, and how each fared the last time."""

    def __init__(self, resolvers: Sequence[AddressResolver]) -> None:
        self._resolvers = {resolver.name: resolver for resolver in resolvers}
        self._errors: dict[str, str] = {}
        self._passed_over: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(self._resolvers)

    def ask(self, name: str) -> list[str] | None:
        """The hosts it knows, None when it fails; blocks, at most for 30 s."""
        self._passed_over.discard(name)
        resolver = self._resolvers[name]
        limit = gevent.Timeout(LIMIT_S)
        try:
            with limit:
                hosts = resolver.resolve()
        except gevent.Timeout as over:
            if over is not limit:
                raise
            self._failed(name, f"it did not answer within {LIMIT_S:g} s")
        except Exception as error:
            # Resolvers come from plugins: whatever one of them raises, the node goes on without its answer.
            self._failed(name, str(error) or type(error).__name__)
        else:
            self._errors.pop(name, None)
            return hosts
        return None

    def pass_over(self, name: str) -> None:
        """It was not asked this time."""
        self._errors.pop(name, None)
        self._passed_over.add(name)

    def findings(self) -> Mapping[str, Mapping[str, str]]:
        """By resolver: what it found out beside addresses, or why it was of no use."""
        return {name: self._findings_of(name) for name in self._resolvers}

    def _findings_of(self, name: str) -> Mapping[str, str]:
        resolver = self._resolvers[name]
        found = dict(resolver.findings()) if isinstance(resolver, AddressFindings) else {}
        if name in self._passed_over:
            found["not_asked"] = NOT_ASKED
        if name in self._errors:
            found["error"] = self._errors[name]
        return found

    def _failed(self, name: str, reason: str) -> None:
        # It is asked again and again: only what is new is worth a line.
        level = logging.DEBUG if self._errors.get(name) == reason else logging.WARNING
        self._errors[name] = reason
        log.log(level, "the address resolver %s failed: %s", name, reason)
