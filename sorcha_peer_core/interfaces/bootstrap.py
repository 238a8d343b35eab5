"""Where first contacts come from, beside those that configuration names."""

from __future__ import annotations

from typing import Protocol


class BootstrapSource(Protocol):
    """One source of first contacts. Sources are asked in the configured order, whenever the node needs somebody to begin with."""

    @property
    def name(self) -> str:
        """As it stands in ``peer_discovery.bootstrap_sources``."""

    def entries(self) -> list[str]:
        """First contacts as people write them, ``[scheme://]host:port[#PEER_ID]``, best first.

        May block, but has to let other greenlets run, and is given up after 30 s. Whatever it raises is shown to people and
        counts as nothing found; it is asked again at the next try. An entry that cannot be read is named and passed over.
        """
