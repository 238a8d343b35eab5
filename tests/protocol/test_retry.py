"""Backoff: doubles, stays below its bound, and is never less than half of it."""

from __future__ import annotations

from random import Random

import pytest

from sorcha_peer_core.protocol.retry import backoff_s


@pytest.mark.parametrize(("failures", "ceiling_s"), [(0, 1.0), (1, 2.0), (5, 32.0), (9, 300.0), (5000, 300.0)])
def test_the_pause_lies_between_half_and_all_of_a_doubling_ceiling(failures: int, ceiling_s: float):
    rng = Random(3)

    pauses = [backoff_s(failures, first_s=1.0, most_s=300.0, rng=rng) for _ in range(200)]

    assert ceiling_s / 2 <= min(pauses) < max(pauses) <= ceiling_s
