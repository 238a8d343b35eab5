"""How many have to say the same before it is believed."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from sorcha_nat_stun.agreement import Rule, not_asked, outcome_of
from sorcha_nat_stun.errors import NoWay, Refused
from sorcha_nat_stun.families import IPV4, why_not_public

X, Y, Z = (ip_address(host) for host in ("198.41.0.4", "199.9.14.201", "192.33.4.12"))


@pytest.mark.parametrize(
    ("configured", "of", "votes", "agreed"),
    [
        (1, 1, [X], X),
        (1, 0, [], None),
        (2, 2, [X, X], X),
        (2, 2, [X, Y], None),
        (2, 1, [X], None),
        (3, 3, [X, X, Y], X),
        (3, 3, [X, Y, Z], None),
        (3, 1, [X], None),
        (4, 4, [X, X, Y, Y], None),
        (5, 5, [X, X], None),
        (5, 5, [X, X, X, Y, Y], X),
    ],
)
def test_more_than_half_and_two_have_to_agree_unless_only_one_is_configured(configured, of, votes, agreed):
    said = {f"server {number}": vote for number, vote in enumerate(votes)}

    assert Rule("servers", configured).agreed(said, of) == agreed


def test_whoever_says_something_else_is_named():
    outcome = outcome_of(Rule("servers", 3), IPV4, {"a": X, "b": Y, "c": X}, {}, of=3)

    assert outcome.verdict == f"{X}, as 2 of 3 servers say"
    assert outcome.refused == {"b": f"it says {Y}"}


def test_people_see_who_said_what_when_there_is_no_agreement():
    outcome = outcome_of(Rule("servers", 2), IPV4, {"a": X, "b": Y}, {}, of=2)

    assert (outcome.address, outcome.verdict) == (None, f"no address: the servers disagree (a says {X}, b says {Y})")


def test_one_of_several_is_not_believed_alone():
    outcome = outcome_of(Rule("servers", 3), IPV4, {"a": X}, {"b": Refused("silent"), "c": Refused("silent")}, of=1)

    assert outcome.verdict == f"no address: 2 of the servers have to agree (a says {X})"


def test_the_only_one_that_is_configured_is_believed_and_people_are_told():
    outcome = outcome_of(Rule("servers", 1), IPV4, {"a": X}, {}, of=1)

    assert outcome.verdict == f"{X}, by the word of one: no second one of the servers is configured to confirm it"


def test_those_that_have_no_address_of_the_family_are_not_named_one_by_one():
    outcome = not_asked(IPV4, "there is nobody", {"a": NoWay("no address"), "b": Refused("not found in time")})

    assert (outcome.verdict, outcome.refused) == ("not asked: there is nobody", {"b": "not found in time"})


@pytest.mark.parametrize(
    "host",
    [
        *(
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.168.0.1",
            "203.0.113.5",
            "224.0.0.1",
        ),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fec0::1", "ff0e::1", "2001:db8::1"),
        *("::ffff:198.41.0.4", "64:ff9b::1"),
    ],
)
def test_an_address_that_not_everybody_can_reach_is_refused_with_its_kind(host):
    assert why_not_public(ip_address(host)).startswith(f"{ip_address(host)} ")


@pytest.mark.parametrize("host", ["198.41.0.4", "2001:503:ba3e::2:30"])
def test_a_public_address_is_fine(host):
    assert why_not_public(ip_address(host)) == ""
