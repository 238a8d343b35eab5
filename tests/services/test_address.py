"""Where a node tells others to find it."""

from __future__ import annotations

import pytest

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.address import advertised, check_plaintext, is_loopback, is_wildcard


class Says:
    def __init__(self, *hosts: str, name: str = "interface", error: Exception | None = None) -> None:
        self.name = name
        self._hosts = list(hosts)
        self._error = error
        self.asked = 0

    def resolve(self) -> list[str]:
        self.asked += 1
        if self._error:
            raise self._error
        return self._hosts


def grpc(host: str, port: int = 5001) -> Endpoint:
    return Endpoint("grpc", host, port)


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.8.8.8", True, False),
        ("::1", True, False),
        ("localhost", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("192.168.1.1", False, False),
        ("node.example", False, False),
    ],
)
def test_hosts_are_told_apart(host, loopback, wildcard):
    assert (is_loopback(host), is_wildcard(host)) == (loopback, wildcard)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "node.example"])
def test_plaintext_beyond_this_machine_is_refused(host):
    exposed = grpc(host)

    with pytest.raises(ConfigError) as caught:
        check_plaintext([grpc("127.0.0.1"), exposed], allowed=False)

    assert f"security.mode is 'insecure' and the node would listen on {exposed.authority}" in str(caught.value)
    assert "security.allow_insecure_network" in str(caught.value)


def test_plaintext_on_this_machine_or_with_permission_is_fine():
    check_plaintext([grpc("127.0.0.1"), grpc("::1")], allowed=False)
    check_plaintext([grpc("0.0.0.0")], allowed=True)
    check_plaintext([], allowed=False)


def test_a_listener_on_one_address_is_found_there():
    assert advertised([grpc("192.0.2.1")], [Says("198.51.100.1")]) == (grpc("192.0.2.1"),)


def test_what_the_operator_says_comes_first():
    resolvers = [Says("203.0.113.9", name="manual"), Says("198.51.100.1")]

    assert advertised([grpc("192.168.1.5")], resolvers) == (grpc("203.0.113.9"), grpc("192.168.1.5"))


def test_a_listener_on_all_addresses_is_found_where_the_resolvers_say_in_their_order():
    resolvers = [Says("203.0.113.9", name="manual"), Says("192.0.2.1", "2001:db8::1")]

    assert advertised([grpc("::")], resolvers) == (grpc("203.0.113.9"), grpc("192.0.2.1"), grpc("2001:db8::1"))


def test_a_listener_on_all_ipv4_addresses_is_not_found_at_ipv6_ones():
    assert advertised([grpc("0.0.0.0")], [Says("2001:db8::1", "192.0.2.1")]) == (grpc("192.0.2.1"),)


def test_every_listener_has_its_own_port():
    listening = [grpc("::", 5001), Endpoint("rest", "::", 5002)]

    assert advertised(listening, [Says("192.0.2.1")]) == (grpc("192.0.2.1", 5001), Endpoint("rest", "192.0.2.1", 5002))


def test_an_address_that_is_found_twice_is_told_once():
    assert advertised([grpc("::")], [Says("192.0.2.1"), Says("192.0.2.1")]) == (grpc("192.0.2.1"),)


def test_no_more_are_told_than_a_record_can_hold():
    assert len(advertised([grpc("::")], [Says(*(f"192.0.2.{number}" for number in range(20)))])) == 8


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("nonsense"), RuntimeError("a bug of a plugin")])
def test_a_resolver_that_fails_is_named_and_passed_over(caplog, error):
    found = advertised([grpc("::")], [Says(name="stun", error=error), Says("192.0.2.1")])

    assert found == (grpc("192.0.2.1"),)
    assert f"the address resolver stun failed: {error}" in caplog.text


def test_a_node_that_only_dials_tells_no_address():
    assert advertised([], [Says("192.0.2.1")]) == ()
