"""Groups of addresses, and draws that nobody else can foresee."""

from __future__ import annotations

import pytest

from sorcha_peer_core.protocol.peer_groups import PRIVATE, UNKNOWN, draw, group_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("93.184.216.34", "93.184.1.2"),
        ("93.184.216.34", "::ffff:93.184.1.2"),
        ("2a00:1450:4001::1", "[2a00:1450:ffff::2]"),
        ("a.example.org", "B.Example.org."),
        ("10.0.0.1", "fd00::1"),
        ("127.0.0.1", "192.168.7.7"),
        ("169.254.1.1", "fe80::1%eth0"),
        ("100.64.0.1", "localhost"),
        ("node1", "printer.local"),
    ],
)
def test_addresses_that_are_cheap_to_have_together_are_one_group(one: str, other: str):
    assert group_of(one) == group_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("93.184.216.34", "93.185.216.34"), ("2a00:1450::1", "2a00:1451::1"), ("a.example.org", "a.example.net"), ("", "node1")],
)
def test_addresses_that_cost_somebody_something_are_different_groups(one: str, other: str):
    assert group_of(one) != group_of(other)


def test_everybody_in_a_local_network_is_in_the_private_group():
    assert {group_of(host) for host in ("127.0.0.1", "::1", "172.16.0.1", "fd12::1", "node1")} == {PRIVATE}


def test_an_address_that_nobody_knows_is_not_private():
    assert group_of("") == UNKNOWN != PRIVATE


def test_a_draw_follows_from_the_secret_and_from_every_part():
    draws = [draw(secret, 1 << 60, *parts) for secret in (b"a" * 16, b"b" * 16) for parts in (("x", "y"), ("xy",), ("x", "z"))]

    assert len(set(draws)) == len(draws)
    assert draw(b"a" * 16, 1 << 60, "x", "y") == draws[0]


def test_draws_are_spread_over_all_numbers_below_the_limit():
    drawn = {draw(b"a" * 16, 64, str(number)) for number in range(1000)}

    assert drawn == set(range(64))
