"""The shared gRPC endpoint: one port, started once, stopped by the last that uses it."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from sorcha_peer_core.errors import LinkClosed, StartError
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import RecordedEvents, transport_context
from sorcha_transport_grpc import addresses
from sorcha_transport_grpc.addresses import bind_problem, remote_of, target_of
from sorcha_transport_grpc.endpoint import endpoint_of
from sorcha_transport_grpc.pipe import BatchPipe
from sorcha_transport_grpc.unary_transport import UnaryTransport


def can_connect(endpoint: Endpoint) -> bool:
    with closing(socket.socket(socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET)) as client:
        return client.connect_ex((endpoint.host, endpoint.port)) == 0


def test_the_transports_of_a_node_share_one_endpoint():
    context = transport_context()

    assert endpoint_of(context) is endpoint_of(context)
    assert endpoint_of(context) is not endpoint_of(transport_context())


def test_two_users_share_one_port():
    endpoint = endpoint_of(transport_context())

    assert endpoint.listen("first") == endpoint.listen("second")

    endpoint.release("first", 1.0)
    endpoint.release("second", 1.0)


def test_the_port_is_free_when_the_last_user_is_gone():
    endpoint = endpoint_of(transport_context())
    listening = endpoint.listen("first")
    endpoint.listen("second")

    endpoint.release("first", 1.0)
    still_there = can_connect(listening)
    endpoint.release("second", 1.0)
    endpoint.release("second", 1.0)

    assert still_there
    assert not can_connect(listening)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::", "0.0.0.0"])
def test_a_port_is_found_on_every_kind_of_address(host):
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    endpoint = endpoint_of(transport_context(host=host))

    listening = endpoint.listen("test")

    assert listening == Endpoint("grpc", host, listening.port)
    assert can_connect(Endpoint("grpc", "127.0.0.1" if host in ("localhost", "::", "0.0.0.0") else host, listening.port))
    endpoint.release("test", 1.0)


def test_all_addresses_of_a_machine_without_ipv6_are_its_ipv4_ones(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(addresses, "_lacks_ipv6", lambda: True)
    endpoint = endpoint_of(transport_context(host="::"))

    listening = endpoint.listen("test")

    assert listening == Endpoint("grpc", "0.0.0.0", listening.port)
    assert can_connect(listening._replace(host="127.0.0.1"))
    assert "no IPv6: gRPC listens on its IPv4 addresses only" in caplog.text
    endpoint.release("test", 1.0)


def test_a_node_that_only_dials_opens_no_port():
    endpoint = endpoint_of(replace(transport_context(), listen=None))
    transport = UnaryTransport(endpoint)

    assert not endpoint.listens
    assert transport.listen(RecordedEvents()) == []
    transport.stop(1.0)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost", "::"])
def test_a_port_in_use_is_named_with_the_reason(host):
    with closing(socket.socket()) as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(StartError, match=f"{port}: Address already in use"):
            endpoint_of(transport_context(port, host)).listen("test")


def test_a_name_that_does_not_exist_cannot_be_listened_on():
    with pytest.raises(StartError, match=r"no-such-host\.invalid"):
        endpoint_of(transport_context(host="no-such-host.invalid")).listen("test")


def test_an_address_of_another_machine_cannot_be_listened_on():
    assert bind_problem("192.0.2.1", 5001)


def test_a_process_that_is_not_patched_is_refused_with_a_sentence():
    script = (
        "from sorcha_peer_core.testing.transport_suite import transport_context\n"
        "from sorcha_peer_core.errors import PluginError\n"
        "from sorcha_transport_grpc.plugin import peer_transports\n"
        "try:\n    peer_transports()[0].build(transport_context())\n"
        "except PluginError as error:\n    print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert "patch_all" in done.stdout


def test_the_entry_point_imports_no_grpc():
    script = "import sys, sorcha_transport_grpc.plugin as plugin; plugin.peer_transports(); print('grpc' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        (Endpoint("grpc", "192.0.2.1", 1), "ipv4:192.0.2.1:1"),
        (Endpoint("grpc", "::1", 1), "ipv6:[::1]:1"),
        (Endpoint("grpc", "node.example", 1), "dns:///node.example:1"),
    ],
)
def test_a_target_says_its_family(endpoint, target):
    assert target_of(endpoint) == target


@pytest.mark.parametrize(
    ("peer", "remote"),
    [
        ("ipv4:192.0.2.1:40000", Endpoint("grpc", "192.0.2.1", 40000)),
        ("ipv6:[::1]:40000", Endpoint("grpc", "::1", 40000)),
        ("ipv6:%5Bfe80::1%25eth0%5D:40000", Endpoint("grpc", "fe80::1%eth0", 40000)),
        ("unix:", Endpoint("grpc", "unix:", 0)),
    ],
)
def test_the_other_end_of_a_call_is_read_from_what_grpc_says(peer, remote):
    assert remote_of(peer) == remote


def test_a_pipe_gives_out_what_waits_after_it_is_finished():
    pipe = BatchPipe()
    pipe.put(b"one")
    pipe.put(b"two")

    pipe.finish("over")

    assert list(pipe) == [b"one", b"two"]
    assert pipe.over
    with pytest.raises(LinkClosed, match="over"):
        pipe.put(b"three")
