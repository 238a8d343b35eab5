"""In which order the addresses of a peer are dialled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.endpoint_choice import in_dialling_order

PUBLIC, PUBLIC6, NAME = "8.8.8.8", "2606:4700::1111", "node.example"
LAN, LAN6, LOOPBACK = "192.168.1.5", "fd00::5", "127.0.0.1"
HOSTS = [PUBLIC, PUBLIC6, NAME, LAN, LAN6, LOOPBACK, "fe80::1", "localhost"]


def at(*hosts):
    return [Endpoint("grpc", host, 5001) for host in hosts]


def ordered(hosts, own_hosts):
    return [endpoint.host for endpoint in in_dialling_order(at(*hosts), lambda: own_hosts)]


@pytest.mark.parametrize("hosts", [[LAN, LOOPBACK], [PUBLIC, NAME, PUBLIC6], [NAME, LAN6][:1], [LAN6, LAN], []])
def test_addresses_that_are_all_public_or_all_local_are_tried_as_the_peer_says(hosts):
    assert ordered(hosts, [PUBLIC]) == hosts


@pytest.mark.parametrize(
    ("own_hosts", "tried"),
    [
        ([], [PUBLIC, NAME]),
        ([PUBLIC, PUBLIC6], [PUBLIC, NAME]),
        ([LOOPBACK, "::1"], [PUBLIC, NAME]),
        (["10.1.2.3"], [PUBLIC, NAME, LAN, LOOPBACK]),
        (["fd12::1"], [PUBLIC, NAME, LAN6]),
        (["10.1.2.3", "fd12::1"], [PUBLIC, NAME, LAN, LAN6, LOOPBACK]),
    ],
)
def test_beside_public_addresses_the_local_ones_come_last_and_only_from_a_local_network_of_their_family(own_hosts, tried):
    assert ordered([LAN, PUBLIC, LAN6, NAME, LOOPBACK], own_hosts) == tried


def test_the_addresses_of_this_machine_are_asked_for_only_when_they_matter():
    def must_not_be_asked():
        raise AssertionError("nobody needs to know")

    assert in_dialling_order(at(PUBLIC, NAME), must_not_be_asked) == at(PUBLIC, NAME)
    assert in_dialling_order(at(LAN, LOOPBACK), must_not_be_asked) == at(LAN, LOOPBACK)


@given(st.lists(st.sampled_from(HOSTS), unique=True), st.lists(st.sampled_from(HOSTS), unique=True))
def test_nothing_is_invented_and_a_peer_with_addresses_keeps_one(hosts, own_hosts):
    tried = ordered(hosts, own_hosts)

    assert set(tried) <= set(hosts)
    assert len(tried) == len(set(tried))
    assert bool(tried) == bool(hosts)
