"""What hosts are good for."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.hosts import Scope, family_of, is_loopback, is_wildcard, plain_host, scope_of


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.8.8.8", True, False),
        ("::1", True, False),
        ("::ffff:127.0.0.1", True, False),
        ("localhost", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("192.168.1.1", False, False),
        ("node.example", False, False),
        ("", False, False),
    ],
)
def test_hosts_of_this_machine_are_told_apart(host, loopback, wildcard):
    assert (is_loopback(host), is_wildcard(host)) == (loopback, wildcard)


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("8.8.4.4", Scope.GLOBAL),
        ("2a00:1450::5", Scope.GLOBAL),
        ("::ffff:8.8.4.4", Scope.GLOBAL),
        ("10.1.2.3", Scope.PRIVATE),
        ("fd00::1", Scope.PRIVATE),
        # Shared by the customers of a provider, and in documentation: nobody outside can dial them.
        ("100.64.0.1", Scope.PRIVATE),
        ("192.0.2.1", Scope.PRIVATE),
        ("169.254.3.4", Scope.NOWHERE),
        ("fe80::1%eth0", Scope.NOWHERE),
        ("224.0.0.1", Scope.NOWHERE),
        ("ff02::1", Scope.NOWHERE),
        ("0.0.0.0", Scope.NOWHERE),
        (" ", Scope.NOWHERE),
        ("LocalHost", Scope.LOOPBACK),
        ("node.example", Scope.NAME),
        ("1.2.3", Scope.NAME),
    ],
)
def test_every_host_has_a_scope(host, scope):
    assert scope_of(host) is scope


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        (" Node.Example ", "node.example"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_a_host_has_one_spelling(host, plain):
    assert plain_host(host) == plain == plain_host(plain)


@pytest.mark.parametrize(("host", "family"), [("1.2.3.4", 4), ("::1", 6), ("::ffff:1.2.3.4", 4), ("node.example", None)])
def test_a_host_has_a_family_unless_it_is_a_name(host, family):
    assert family_of(host) == family
