"""First contacts from all that configuration names: its own list, then the sources in their order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import gevent

from sorcha_peer_core.model.peer import BootstrapEntry, parse_bootstrap

if TYPE_CHECKING:
    from sorcha_peer_core.config import PeerDiscoverySection
    from sorcha_peer_core.interfaces.bootstrap import BootstrapSource

log = logging.getLogger(__name__)

LIMIT_S = 30.0
ASK_INTERVAL_S = 30.0
"""How often they are asked while a node is not online."""


def bootstrap_entries(
    config: PeerDiscoverySection, sources: Sequence[BootstrapSource], limit_s: float = LIMIT_S
) -> Callable[[], list[BootstrapEntry]]:
    """What to call whenever first contacts are needed: it asks the sources anew, and blocks at most ``limit_s`` for each.

    The configured nodes come first, nobody comes twice. A source that fails and an entry that cannot be read are passed over;
    the log names each of them, and says nothing while the same goes on.
    """
    nodes = [parse_bootstrap(text) for text in config.bootstrap_nodes]
    asked = [_Asked(source, limit_s) for source in sources]

    def entries() -> list[BootstrapEntry]:
        return list(dict.fromkeys([*nodes, *(entry for source in asked for entry in source.entries())]))

    return entries


class _Asked:
    """A source, and what was said of it in the log the last time."""

    def __init__(self, source: BootstrapSource, limit_s: float) -> None:
        self._source = source
        self._limit_s = limit_s
        self._complaints: dict[str, None] = {}

    def entries(self) -> Iterator[BootstrapEntry]:
        """What it knows now, read."""
        before, self._complaints = self._complaints, {}
        for text in self._ask(before):
            try:
                yield parse_bootstrap(text)
            except ValueError as error:
                self._complain(f"an entry of the bootstrap source {self._source.name} is passed over: {error}", before)

    def _ask(self, before: dict[str, None]) -> Sequence[str]:
        limit = gevent.Timeout(self._limit_s)
        try:
            with limit:
                return list(self._source.entries())
        except gevent.Timeout as over:
            if over is not limit:
                raise
            self._failed(f"it did not answer within {self._limit_s:g} s", before)
        except Exception as error:
            # Sources come from plugins: whatever one of them raises, the node goes on with the others.
            self._failed(str(error) or type(error).__name__, before)
        return ()

    def _failed(self, reason: str, before: dict[str, None]) -> None:
        self._complain(f"the bootstrap source {self._source.name} is passed over: {reason}", before)

    def _complain(self, complaint: str, before: dict[str, None]) -> None:
        self._complaints[complaint] = None
        if complaint not in before:
            log.warning("%s", complaint)
