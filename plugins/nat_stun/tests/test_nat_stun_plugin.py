"""What the distribution offers, what it reads of the configuration, and what it needs before anybody chooses it."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from sorcha_nat_stun import plugin
from sorcha_nat_stun.families import IPV4, IPV6
from sorcha_nat_stun.settings import Target, read_http_settings, read_stun_settings
from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.address import AddressFindings

NOTHING_CONFIGURED = {"stun_servers": (), "http_lookup_services": (), "preferred_protocol": "auto"}


@pytest.mark.parametrize("name", ["stun", "http"])
def test_both_resolvers_are_offered_and_have_findings(name):
    [offer] = [offer for offer in plugin.peer_address_resolvers() if offer.name == name]
    resolver = offer.build(NOTHING_CONFIGURED)

    assert resolver.name == name
    assert isinstance(resolver, AddressFindings)
    assert resolver.resolve() == []


class SeenNode:
    """What the metrics read of a node."""

    def __init__(self, addresses, findings):
        self.addresses = [SimpleNamespace(source=source) for source in addresses]
        self.address_findings = findings

    def status(self):
        return self


def test_what_was_found_out_is_measured_without_asking_anybody():
    node = SeenNode(
        ["stun", "interface", "stun"],
        {
            "stun": {"asked": "a:1, b:2", "nat_type": "full cone"},
            "http": {"refused": "https://c (IPv4): it hung up"},
            "manual": {},
        },
    )

    [source] = plugin.peer_metrics(node)

    assert [(metric.name, metric.value, dict(metric.labels)) for metric in source()] == [
        ("addresses", 2, {"resolver": "stun"}),
        ("failing", False, {"resolver": "stun"}),
        ("addresses", 0, {"resolver": "http"}),
        ("failing", True, {"resolver": "http"}),
        ("nat_type", 1, {"nat_type": "full cone"}),
    ]


def test_resolvers_that_are_not_configured_are_not_measured():
    [source] = plugin.peer_metrics(SeenNode([], {"manual": {}}))

    assert list(source()) == []


def test_loading_the_entry_point_brings_nothing_heavy_and_needs_no_patch():
    program = (
        "import sys, sorcha_nat_stun.plugin\n"
        "heavy = {'gevent', 'requests', 'stun', 'urllib3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for offer in sorcha_nat_stun.plugin.peer_address_resolvers():\n"
        "    assert offer.build({}).resolve() == []\n"
    )

    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.returncode == 0


def test_servers_are_host_and_port():
    settings = read_stun_settings({"stun_servers": ["stun.example.org:3478", "[2001:db8::1]:3478"]})

    assert settings.targets == (
        Target("stun.example.org:3478", "stun.example.org", 3478),
        Target("[2001:db8::1]:3478", "2001:db8::1", 3478),
    )


def test_services_are_urls():
    settings = read_http_settings({"http_lookup_services": ["https://ip.example.org", "http://[2001:db8::1]:8080/ip"]})

    assert settings.targets == (
        Target("https://ip.example.org", "ip.example.org", 443),
        Target("http://[2001:db8::1]:8080/ip", "2001:db8::1", 8080),
    )


@pytest.mark.parametrize(("preferred", "families"), [("auto", (IPV4, IPV6)), ("ipv4", (IPV4,)), ("ipv6", (IPV6,))])
def test_a_preference_is_the_only_family_that_is_asked_for(preferred, families):
    assert read_stun_settings({"preferred_protocol": preferred}).families == families


@pytest.mark.parametrize(
    "server", ["stun.example.org", "stun.example.org:0", "::1:3478", "[::1]", ":3478", "stun:stun.example.org:3478"]
)
def test_a_server_that_cannot_be_one_is_named_with_key_and_value(server):
    with pytest.raises(ConfigError, match=r"network_address\.stun_servers has") as refused:
        read_stun_settings({"stun_servers": [server]})
    assert repr(server) in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "ip.example.org",
        "ftp://ip.example.org",
        "https://",
        "https://:443/",
        "https://u:p@ip.example.org",
        "https://a:99999/",
        "https://a b/",
    ],
)
def test_a_service_that_cannot_be_one_is_named_with_key_and_value(url):
    with pytest.raises(ConfigError, match=r"network_address\.http_lookup_services has") as refused:
        read_http_settings({"http_lookup_services": [url]})
    assert repr(url) in str(refused.value)


def test_one_that_is_named_twice_would_confirm_itself():
    with pytest.raises(ConfigError, match="twice"):
        read_stun_settings({"stun_servers": ["stun.example.org:3478", " stun.example.org:3478"]})


def test_an_unknown_preference_is_named_with_what_there_is():
    with pytest.raises(ConfigError, match=r"network_address\.preferred_protocol is 'ipv5'; there is auto, ipv4, ipv6"):
        read_stun_settings({"preferred_protocol": "ipv5"})
