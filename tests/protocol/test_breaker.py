"""The circuit breaker of one transport of one peer."""

from __future__ import annotations

import pytest

from sorcha_peer_core.protocol.breaker import Breaker, BreakerConfig


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(BreakerConfig(failures_to_open=3, open_s=30.0))


def test_a_new_breaker_is_closed(breaker):
    assert breaker.state(now=0.0) == "closed"


def test_it_opens_at_the_threshold_and_not_before(breaker):
    states = []
    for _ in range(3):
        breaker.failed(now=10.0)
        states.append(breaker.state(now=10.0))

    assert states == ["closed", "closed", "open"]


@pytest.mark.parametrize(("now", "state"), [(39.9, "open"), (40.0, "half-open"), (1000.0, "half-open")])
def test_it_half_opens_when_the_time_is_over(breaker, now, state):
    for _ in range(3):
        breaker.failed(now=10.0)

    assert breaker.state(now) == state


def test_the_time_counts_from_the_last_failure(breaker):
    for now in (0.0, 10.0, 20.0):
        breaker.failed(now)

    assert (breaker.state(49.0), breaker.state(50.0)) == ("open", "half-open")


def test_one_failure_opens_a_half_open_breaker_again(breaker):
    for _ in range(3):
        breaker.failed(now=0.0)
    assert breaker.state(now=30.0) == "half-open"

    breaker.failed(now=30.0)

    assert (breaker.state(59.0), breaker.state(60.0)) == ("open", "half-open")


def test_a_success_forgives_all_failures(breaker):
    breaker.failed(now=0.0)
    breaker.failed(now=0.0)

    breaker.succeeded()
    breaker.failed(now=0.0)
    breaker.failed(now=0.0)

    assert breaker.state(now=0.0) == "closed"


def test_what_is_forbidden_is_open_until_then_whatever_the_threshold(breaker):
    breaker.forbid(until=500.0)

    assert (breaker.state(499.0), breaker.state(500.0)) == ("open", "half-open")


def test_a_success_ends_a_ban(breaker):
    breaker.forbid(until=500.0)

    breaker.succeeded()

    assert breaker.state(now=0.0) == "closed"
