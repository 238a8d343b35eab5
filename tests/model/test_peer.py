"""Addresses of peers, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.peer import BootstrapEntry, Endpoint, parse_bootstrap, parse_endpoint, parse_host_port

PIN = "ab" * 20


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5001", "127.0.0.1", 5001),
        ("[::]:5001", "::", 5001),
        ("[fe80::1%eth0]:0", "fe80::1%eth0", 0),
        (" node.example:65535 ", "node.example", 65535),
    ],
)
def test_a_host_and_a_port_are_read(text: str, host: str, port: int):
    assert parse_host_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        ":5001",
        "host:",
        "host:port",
        "host:-1",
        "host:65536",
        "host:\u0665",
        "[]:1",
        "a b:1",
        "a/b:1",
        "a@b:1",
        "a#b:1",
    ],
)
def test_what_is_no_host_and_port_is_refused(text: str):
    with pytest.raises(ValueError) as caught:
        parse_host_port(text)

    assert repr(text) in str(caught.value)


def test_an_ipv6_address_without_brackets_is_refused_with_how_to_write_it():
    with pytest.raises(ValueError, match=r"in brackets, like \[::1\]:5001"):
        parse_host_port("::1:5001")


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("node.example:5001", Endpoint("grpc", "node.example", 5001)),
        ("grpc://[::1]:5001", Endpoint("grpc", "::1", 5001)),
        ("rest://192.0.2.1:5002", Endpoint("rest", "192.0.2.1", 5002)),
    ],
)
def test_an_endpoint_is_grpc_when_nothing_is_said(text: str, endpoint: Endpoint):
    assert parse_endpoint(text) == endpoint


def test_the_scheme_of_a_transport_that_is_not_known_here_is_taken():
    assert parse_endpoint("mailbox://relay.example:7") == Endpoint("mailbox", "relay.example", 7)


@pytest.mark.parametrize("scheme", ["", "GRPC", "5g", "two words", "a/b", "gr\u00fcn", "a" * 33])
def test_what_is_no_scheme_is_refused(scheme: str):
    with pytest.raises(ValueError, match="a scheme is a small letter"):
        parse_endpoint(f"{scheme}://node.example:5001")


def test_a_peer_cannot_listen_on_port_0():
    with pytest.raises(ValueError, match="1 to 65535"):
        parse_endpoint("node.example:0")


def test_an_endpoint_is_written_as_it_is_read():
    assert [str(parse_endpoint(text)) for text in ("rest://[::1]:5", "a.example:6")] == ["rest://[::1]:5", "grpc://a.example:6"]


@settings(derandomize=True, database=None)
@given(st.builds(Endpoint, st.sampled_from(("grpc", "rest", "a+b.c-1")), st.ip_addresses().map(str), st.integers(1, 65535)))
def test_every_address_comes_back(endpoint: Endpoint):
    assert parse_endpoint(str(endpoint)) == endpoint


def test_a_first_contact_can_pin_a_peer():
    assert parse_bootstrap("node.example:5001#" + PIN.upper()) == BootstrapEntry(Endpoint("grpc", "node.example", 5001), PIN)
    assert parse_bootstrap("rest://[::1]:5001").peer_id is None


@pytest.mark.parametrize("text", ["node.example:5001#", "node.example:5001#abc", "#" + PIN])
def test_a_pin_that_is_none_is_refused(text: str):
    with pytest.raises(ValueError):
        parse_bootstrap(text)
