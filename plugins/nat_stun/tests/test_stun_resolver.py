"""The resolver ``stun`` against servers on real sockets: honest, lying, broken, silent."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import gevent
import pytest
from stun_fakes import (
    OTHER_PUBLIC,
    PUBLIC,
    PUBLIC_V6,
    FakeStun,
    attribute,
    id_of,
    message,
    plain_address,
    saying,
    silent,
    stun_settings,
    success,
)

from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.nat_type import NatTypeWatch
from sorcha_nat_stun.stun_resolver import StunResolver
from sorcha_peer_core.testing.transport_suite import PATIENCE_S

LIMIT_S = 0.4
"""Where a server does not answer; elsewhere nobody is waited for."""
AT_ONCE_S = 2.0
"""Far below what waiting for everybody would take, on a busy machine too."""
THIRD_PUBLIC = "192.33.4.12"


class NoNatType:
    """Nobody asks for the type of the NAT here."""

    nat_type = port_mapping = ""

    def follow(self, address, servers, own_host) -> None: ...

    def forget(self) -> None: ...


@pytest.fixture
def serve() -> Iterator:
    with ExitStack() as stack:
        yield lambda reply, host="127.0.0.1": stack.enter_context(FakeStun(reply, host))


@pytest.fixture
def serve_v6(serve):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    return lambda reply: serve(reply, "::1")


def resolver_of(*servers, limit_s=PATIENCE_S, prefer="auto") -> StunResolver:
    return StunResolver(stun_settings(*servers, prefer=prefer), limit_s, NoNatType())


def garbage(_request, _source):
    yield b"HTTP/1.1 200 OK\r\n\r\n"


def malformed(request, _source):
    yield message(0x0101, id_of(request), b"\0\x20\0\x08\0")


def wrong_id(request, source):
    yield success(bytes(20), PUBLIC, source[1])


def no_address(request, _source):
    yield message(0x0101, id_of(request))


def error(request, _source):
    yield message(0x0111, id_of(request), attribute(9, b"\0\0\5\0Server Error"))


def only_plain(request, source):
    yield message(0x0101, id_of(request), attribute(1, plain_address(PUBLIC, source[1])))


def from_another_port(request, source):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.sendto(success(request, PUBLIC, source[1]), source)
    yield from ()


def test_what_two_servers_agree_on_is_the_address(serve):
    resolver = resolver_of(serve(saying(PUBLIC)), serve(saying(PUBLIC)))

    assert resolver.resolve() == [PUBLIC]
    assert resolver.findings()["ipv4"] == f"{PUBLIC}, as 2 of 2 STUN servers say"


def test_other_ports_do_not_make_it_another_address(serve):
    assert resolver_of(serve(saying(PUBLIC, 4000)), serve(saying(PUBLIC, 5000))).resolve() == [PUBLIC]


def test_a_server_that_knows_only_the_plain_address_attribute_counts(serve):
    assert resolver_of(serve(only_plain), serve(saying(PUBLIC))).resolve() == [PUBLIC]


def test_all_servers_are_asked_from_one_port_so_that_they_can_be_compared(serve):
    ports = []

    def noting(request, source):
        ports.append(source[1])
        yield success(request, PUBLIC, source[1])

    resolver_of(serve(noting), serve(noting)).resolve()

    assert len(ports) == 2
    assert len(set(ports)) == 1


def test_ipv6_is_asked_for_as_well(serve, serve_v6):
    v4, v6 = [serve(saying(PUBLIC)) for _ in range(2)], [serve_v6(saying(PUBLIC_V6)) for _ in range(2)]

    assert resolver_of(*v4, *v6).resolve() == [PUBLIC, PUBLIC_V6]
    assert resolver_of(*v4, *v6, prefer="ipv6").resolve() == [PUBLIC_V6]
    assert resolver_of(*v4, *v6, prefer="ipv4").resolve() == [PUBLIC]


def test_an_ipv6_server_that_names_an_ipv4_address_is_refused(serve_v6):
    resolver = resolver_of(serve_v6(saying(PUBLIC)), serve_v6(saying(PUBLIC)))

    with pytest.raises(Refused, match=f"it answers a question over IPv6 with {PUBLIC}"):
        resolver.resolve()


def test_one_liar_among_three_is_outvoted(serve):
    resolver = resolver_of(serve(saying(PUBLIC)), serve(saying(OTHER_PUBLIC)), serve(saying(PUBLIC)))

    assert resolver.resolve() == [PUBLIC]


def test_two_liars_of_three_that_do_not_agree_leave_no_address_and_a_reason(serve, caplog):
    servers = [serve(saying(host)) for host in (PUBLIC, OTHER_PUBLIC, THIRD_PUBLIC)]
    resolver = resolver_of(*servers)

    assert resolver.resolve() == []
    for server, host in zip(servers, (PUBLIC, OTHER_PUBLIC, THIRD_PUBLIC), strict=True):
        assert f"{server.label} says {host}" in resolver.findings()["ipv4"]
    assert "the STUN servers disagree" in caplog.text


def test_one_server_is_enough_where_only_one_is_configured(serve):
    resolver = resolver_of(serve(saying(PUBLIC)))

    assert resolver.resolve() == [PUBLIC]
    assert "no second one of the STUN servers is configured" in resolver.findings()["ipv4"]


def test_one_of_two_is_not_enough(serve):
    resolver = resolver_of(serve(saying(PUBLIC)), serve(silent), limit_s=LIMIT_S)

    assert resolver.resolve() == []
    assert "2 of the STUN servers have to agree" in resolver.findings()["ipv4"]


def test_one_server_under_two_names_is_one(serve):
    server = serve(saying(PUBLIC))
    resolver = resolver_of(server, f"localhost:{server.address[1]}")

    assert resolver.resolve() == []
    assert f"it is the same server as {server.label}" in resolver.findings()["refused"]


@pytest.mark.parametrize("host", ["10.0.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "100.64.0.1", "203.0.113.5"])
def test_an_address_that_is_not_public_is_refused_however_many_say_it(serve, host):
    resolver = resolver_of(serve(saying(host)), serve(saying(host)))

    with pytest.raises(Refused, match="no public address"):
        resolver.resolve()
    assert f"it says {host} " in resolver.findings()["refused"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (garbage, "no answer within 0.4 s, only nonsense"),
        (wrong_id, "no answer within 0.4 s, only nonsense"),
        (from_another_port, "no answer within 0.4 s"),
        (silent, "no answer within 0.4 s"),
        (malformed, "its answer is malformed: an attribute is cut off"),
        (no_address, "its answer has no address in it"),
        (error, "it answers with error 500 (Server Error)"),
    ],
)
def test_a_faulty_server_is_named_with_its_fault_and_its_word_does_not_count(serve, fault, reason):
    bad = serve(fault)
    resolver = resolver_of(bad, serve(saying(PUBLIC)), limit_s=LIMIT_S)

    assert resolver.resolve() == []
    assert f"{bad.label} (IPv4): {reason}" in resolver.findings()["refused"]


def test_a_name_that_does_not_exist_is_a_reason_too(serve):
    resolver = resolver_of("no-such-host.invalid:3478", serve(saying(PUBLIC)), serve(saying(PUBLIC)))

    assert resolver.resolve() == [PUBLIC]
    assert "no-such-host.invalid:3478 (IPv4): no IPv4 address is known for it" in resolver.findings()["refused"]


def test_nobody_waits_for_a_silent_server_when_enough_others_agree(serve):
    resolver = resolver_of(serve(silent), serve(saying(PUBLIC)), serve(saying(PUBLIC)), limit_s=60.0)
    began = monotonic()

    assert resolver.resolve() == [PUBLIC]
    assert monotonic() - began < AT_ONCE_S


def test_a_lost_request_is_sent_again(serve):
    lost = []

    def losing_the_first(request, source):
        lost.append(request)
        if len(lost) > 1:
            yield success(request, PUBLIC, source[1])

    assert resolver_of(serve(losing_the_first)).resolve() == [PUBLIC]
    assert lost[0] == lost[1]


def test_the_type_of_the_nat_follows_and_goes_when_there_is_no_address(serve):
    now_saying = [PUBLIC, PUBLIC]

    def saying_now(number):
        def reply(request, source):
            yield success(request, now_saying[number], 4000)

        return reply

    watch = NatTypeWatch(lambda server, own_host, end_at: "Full Cone NAT")
    first, second = (serve(saying_now(number)) for number in (0, 1))
    resolver = StunResolver(stun_settings(first, second), PATIENCE_S, watch)

    resolver.resolve()
    assert resolver.findings()["nat_type"] == "not known yet"
    assert eventually(lambda: resolver.findings()["nat_type"]) == f"Full Cone NAT (by {first.label})"
    assert resolver.findings()["port_mapping"] == "the same port for every server"

    now_saying[1] = OTHER_PUBLIC
    resolver.resolve()
    assert not {"nat_type", "port_mapping"} & resolver.findings().keys()


def eventually(finding):
    """The finding as soon as it is no longer being looked for."""
    end_at = monotonic() + PATIENCE_S
    while (found := finding()) == "not known yet" and monotonic() < end_at:
        gevent.sleep(0.01)
    return found


FLOOD = """
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
print(udp.getsockname()[1], flush=True)
source = udp.recvfrom(2048)[1]
end = time.monotonic() + 30
while time.monotonic() < end:
    udp.sendto(bytes(32), source)
"""


@pytest.fixture
def flooding_server():
    """In a process of its own: it takes no turns from the greenlets of this one."""
    with subprocess.Popen([sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, text=True) as process:
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


def test_a_stream_of_wrong_answers_ends_with_the_time_and_lets_others_run(flooding_server):
    turns = []

    def tick():
        while True:
            turns.append(monotonic())
            gevent.sleep(0.005)

    ticking, began = gevent.spawn(tick), monotonic()
    with pytest.raises(Refused, match="only nonsense"):
        resolver_of(flooding_server, limit_s=LIMIT_S).resolve()
    ticking.kill()

    assert monotonic() - began < AT_ONCE_S
    assert len(turns) > 20


def test_silence_is_an_error_and_says_nothing_against_an_earlier_address(serve):
    with pytest.raises(Refused, match="none of the STUN servers gave one"):
        resolver_of(serve(silent), serve(silent), limit_s=LIMIT_S).resolve()


def test_nobody_is_asked_and_nothing_is_wrong_where_none_is_configured(caplog):
    resolver = resolver_of()

    assert resolver.resolve() == []
    assert resolver.findings() == {"asked": "nobody: network_address.stun_servers is empty"}
    assert caplog.text == ""


def test_the_log_has_one_line_for_each_change_and_not_for_each_time(serve, caplog):
    caplog.set_level(logging.INFO)
    now_saying = [PUBLIC]

    def reply(request, source):
        yield success(request, now_saying[0], source[1])

    resolver = resolver_of(serve(reply), serve(reply))
    for host in (PUBLIC, PUBLIC, PUBLIC, OTHER_PUBLIC, OTHER_PUBLIC):
        now_saying[0] = host
        resolver.resolve()

    lines = [record.getMessage() for record in caplog.records if "IPv4" in record.getMessage()]
    assert lines == [f"public IPv4 address by STUN: {host}, as 2 of 2 STUN servers say" for host in (PUBLIC, OTHER_PUBLIC)]


def test_a_machine_with_ipv4_alone_is_not_warned_for_the_want_of_ipv6(serve, caplog):
    resolver = resolver_of(serve(saying(PUBLIC)), serve(saying(PUBLIC)))

    resolver.resolve()

    assert resolver.findings()["ipv6"] == "not asked: none of the STUN servers has an IPv6 address that is known"
    assert caplog.text == ""
