"""The knobs fit together."""

from __future__ import annotations

import pytest

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.protocol.config import CoreConfig


@pytest.mark.parametrize(
    ("knobs", "named"),
    [
        ({"chunk_bytes": 0}, "chunks of 0 bytes"),
        ({"chunk_window": 0}, "0 at once"),
        ({"swarm_min_bytes": 1_000_001}, "swarm_min_bytes is 1000001"),
        ({"swarm_min_bytes": 4096}, "swarm_min_bytes is 4096"),
    ],
)
def test_knobs_that_contradict_each_other_are_named(knobs: dict[str, int], named: str):
    with pytest.raises(ConfigError, match=named):
        CoreConfig(**knobs)
