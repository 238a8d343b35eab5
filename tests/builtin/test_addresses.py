"""Where this node says it is."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import psutil
import pytest

from sorcha_peer_core.builtin.addresses import InterfaceResolver, ManualResolver, build_interface_resolver, build_manual_resolver


@pytest.fixture
def interfaces(monkeypatch):
    """Give interfaces as ``name=(is_up, [address, ...])``."""

    def set_to(**found: tuple[bool, list[str]]) -> None:
        def entry(address: str) -> SimpleNamespace:
            return SimpleNamespace(family=socket.AF_INET6 if ":" in address else socket.AF_INET, address=address)

        link = SimpleNamespace(family=psutil.AF_LINK, address="02:00:00:00:00:01")
        monkeypatch.setattr(psutil, "net_if_stats", lambda: {name: SimpleNamespace(isup=up) for name, (up, _) in found.items()})
        monkeypatch.setattr(psutil, "net_if_addrs", lambda: {name: [link, *map(entry, a)] for name, (_, a) in found.items()})

    return set_to


@pytest.mark.parametrize(
    ("configured", "hosts"),
    [("node.example", ["node.example"]), ("", []), (" 203.0.113.7 ", ["203.0.113.7"]), ("[2001:db8::1]", ["2001:db8::1"])],
)
def test_the_configured_address_is_the_answer(configured, hosts):
    assert build_manual_resolver({"external_address": configured, "resolvers": ()}).resolve() == hosts


def test_public_addresses_come_before_private_ones_and_loopback_is_left_out(interfaces):
    interfaces(
        lo=(True, ["127.0.0.1", "::1"]), eth0=(True, ["10.0.0.5", "fe80::1%eth0", "2a00:1450::5"]), wan=(True, ["8.8.4.4"])
    )

    assert InterfaceResolver().resolve() == ["8.8.4.4", "2a00:1450::5", "10.0.0.5"]


def test_interfaces_that_are_down_have_no_address(interfaces):
    interfaces(eth0=(False, ["8.8.4.4"]), eth1=(True, ["10.0.0.5"]))

    assert InterfaceResolver().resolve() == ["10.0.0.5"]


def test_link_local_addresses_reach_nobody(interfaces):
    interfaces(lo=(True, ["127.0.0.1"]), eth0=(True, ["169.254.3.4", "fe80::1%eth0"]))

    assert InterfaceResolver().resolve() == ["127.0.0.1"]


def test_loopback_is_the_answer_when_there_is_nothing_else(interfaces):
    interfaces(lo=(True, ["127.0.0.1", "::1"]))

    assert InterfaceResolver().resolve() == ["127.0.0.1", "::1"]


def test_an_address_on_two_interfaces_is_named_once(interfaces):
    interfaces(eth0=(True, ["10.0.0.5"]), eth1=(True, ["10.0.0.5"]))

    assert InterfaceResolver().resolve() == ["10.0.0.5"]


def test_a_machine_without_interfaces_has_no_address(interfaces):
    interfaces()

    assert InterfaceResolver().resolve() == []


def test_the_real_interfaces_of_this_machine_can_be_read():
    assert all(isinstance(host, str) and "%" not in host for host in build_interface_resolver({}).resolve())


def test_resolvers_carry_the_names_that_configuration_uses():
    assert (ManualResolver("").name, InterfaceResolver().name) == ("manual", "interface")
