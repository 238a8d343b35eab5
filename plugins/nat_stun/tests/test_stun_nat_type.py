"""The type of the NAT: each kind as RFC 3489 has it, and servers that would keep pystun3 busy for ever."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from time import monotonic

import gevent
import pytest
import stun
from stun_fakes import COOKIE, OTHER_PUBLIC, PUBLIC, FakeStun, attribute, id_of, message, plain_address, saying, silent, success

from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.nat_type import NatTypeWatch, classify, port_mapping
from sorcha_nat_stun.stun_message import Mapped

OWN = "192.168.1.2"
PLENTY_S = 5.0
WITHIN_S = 0.05
"""An answer on this machine comes in a fraction of it; silence is waited for four times as long."""
CHANGE_BOTH, CHANGE_PORT, NO_CHANGE = 6, 2, 0


class TwoAddresses:
    """A server with two addresses and two ports, and the NAT in front of the node in one.

    ``lets_in`` has the changes whose answers pass the NAT; ``ports`` are those it shows the first and the second address.
    """

    def __init__(self, host: str, lets_in: tuple[int, ...], ports: tuple[int, int]) -> None:
        self.host, self._lets_in = host, lets_in
        self.first = FakeStun(self._reply(ports[0]), "127.0.0.1")
        self.second = FakeStun(self._reply(ports[1]), "127.0.0.2")
        self.first_port, self.second_port = FakeStun(silent, "127.0.0.1"), FakeStun(silent, "127.0.0.2")
        self.asked: list[int] = []

    def _reply(self, port: int):
        def reply(request: bytes, source: tuple[str, int]) -> Iterator[bytes]:
            change = int.from_bytes(request[24:28])
            self.asked.append(change)
            answer = success(request, self.host, port, attribute(0x802C, plain_address(*self.second.address)))
            if change == NO_CHANGE:
                yield answer
            elif change in self._lets_in:
                at_second = request in self.second.asked
                sender = self.second if change == CHANGE_BOTH else self.second_port if at_second else self.first_port
                sender.udp.sendto(answer, source)

        return reply

    def stop(self) -> None:
        for server in {self.first, self.second, self.first_port, self.second_port}:
            server.stop()


@pytest.fixture
def two_addresses():
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.2", 0))
    except OSError:
        pytest.skip("this machine has one loopback address only")
    made = []

    def make(*arguments) -> TwoAddresses:
        made.append(TwoAddresses(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def type_by(server: tuple[str, int], limit_s: float = PLENTY_S, why_not=lambda address: "", own_host: str = OWN) -> str:
    return classify(server, own_host, monotonic() + limit_s, WITHIN_S, why_not)


@pytest.mark.parametrize(
    ("seen", "lets_in", "ports", "kind"),
    [
        (OWN, (CHANGE_BOTH,), (4000, 4000), "Open Internet"),
        (OWN, (), (4000, 4000), "Symmetric UDP Firewall"),
        (PUBLIC, (CHANGE_BOTH, CHANGE_PORT), (4000, 4000), "Full Cone NAT"),
        (PUBLIC, (CHANGE_PORT,), (4000, 4000), "Restricted Cone NAT"),
        (PUBLIC, (), (4000, 4000), "Port Restricted Cone NAT"),
        (PUBLIC, (), (4000, 4001), "Symmetric NAT"),
    ],
)
def test_each_kind_is_told_apart(two_addresses, seen, lets_in, ports, kind):
    server = two_addresses(seen, lets_in, ports)

    assert type_by(server.first.address) == kind


def test_an_answer_that_should_come_from_another_port_of_the_same_address_counts_from_there_alone(two_addresses):
    server = two_addresses(PUBLIC, (CHANGE_PORT,), (4000, 4000))
    server.second_port.stop()
    server.second_port = server.first_port

    assert type_by(server.first.address) == "Port Restricted Cone NAT"


def test_requests_have_the_cookie_and_ids_that_pystun3_did_not_choose(two_addresses, monkeypatch):
    monkeypatch.setattr(stun, "gen_tran_id", lambda: "00" * 16)
    server = two_addresses(PUBLIC, (CHANGE_BOTH,), (4000, 4000))

    type_by(server.first.address)

    assert {struct.unpack_from("!I", request, 4)[0] for request in server.first.asked} == {COOKIE}
    assert bytes(12) not in {id_of(request) for request in server.first.asked}


def reason_of(reply, **options) -> str:
    with FakeStun(reply) as server, pytest.raises(Refused) as refused:
        type_by(server.address, **options)
    return str(refused.value)


def other(host: str, port: int = 3479) -> bytes:
    return attribute(0x802C, plain_address(host, port))


def bad_answers(request, _source):
    yield message(0x0101, id_of(request), b"\0\x20\0")


def with_error(request, _source):
    yield message(0x0111, id_of(request), attribute(9, b"\0\0\4\x14Unknown attribute"))


def ignoring_the_change(request, source):
    yield success(request, PUBLIC, 4000, other("127.0.0.2"))


def refusing_the_change(request, source):
    if len(request) > 20:
        yield message(0x0111, id_of(request), attribute(9, b"\0\0\4\x14Unknown attribute"))
    else:
        yield success(request, PUBLIC, 4000, other("127.0.0.2"))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (silent, "it does not answer the test"),
        (saying(PUBLIC), "it has one address only, and two are needed for the test"),
        (saying(PUBLIC, 4000, other("127.0.0.1")), "it has one address only, and two are needed for the test"),
        (saying("2001:503:ba3e::2:30"), "its answer has no IPv4 address in it"),
        (bad_answers, "its answer is malformed: an attribute is cut off"),
        (with_error, "it answers with error 420 (Unknown attribute)"),
        (ignoring_the_change, "it does not answer from another address when it is asked to"),
        (refusing_the_change, "it answers with error 420 (Unknown attribute)"),
    ],
)
def test_a_server_that_cannot_tell_is_passed_over_with_its_reason(reply, reason):
    assert reason_of(reply) == reason


def test_a_second_address_that_does_not_answer_leaves_the_type_open(two_addresses):
    server = two_addresses(PUBLIC, (), (4000, 4000))
    server.second._serving.kill()

    with pytest.raises(Refused, match="its second address does not answer"):
        type_by(server.first.address)


def test_nothing_is_sent_to_a_second_address_that_is_not_public():
    with FakeStun(silent) as bystander, FakeStun(saying(PUBLIC, 4000, other("127.0.0.2", bystander.address[1]))) as server:
        with pytest.raises(Refused, match=r"its second address 127\.0\.0\.2 is a loopback address"):
            classify(server.address, OWN, monotonic() + PLENTY_S, WITHIN_S)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "datagram", [lambda request: success(bytes(20), PUBLIC, 1), lambda request: b"\xff" * 30], ids=["wrong id", "garbage"]
)
def test_wrong_answers_without_end_do_not_keep_it_going(datagram):
    def flood(request, _source):
        for _ in range(500):
            yield datagram(request)
            gevent.sleep(0)

    began = monotonic()
    reason = reason_of(flood, limit_s=0.3)

    assert reason in ("the test took too long", "it does not answer the test")
    assert monotonic() - began < PLENTY_S


def test_it_ends_with_its_time_even_if_a_single_answer_could_take_longer():
    began = monotonic()
    with FakeStun(silent) as server, pytest.raises(Refused, match="the test took too long"):
        classify(server.address, OWN, began + 0.2, answer_within_s=60.0)

    assert monotonic() - began < PLENTY_S


def test_an_answer_of_somebody_else_counts_for_nothing():
    with FakeStun(silent) as stranger:

        def through_a_stranger(request, source):
            stranger.udp.sendto(success(request, PUBLIC, 4000, other("127.0.0.2")), source)
            yield from ()

        assert reason_of(through_a_stranger) == "it does not answer the test"


@pytest.mark.parametrize("fault", [KeyError("0111"), ValueError("invalid literal"), TypeError("str expected"), RuntimeError()])
def test_whatever_pystun3_raises_is_a_reason(monkeypatch, fault):
    def broken(*_arguments, **_options):
        raise fault

    monkeypatch.setattr(stun, "get_nat_type", broken)

    assert reason_of(silent) == f"the test failed ({type(fault).__name__})"


@pytest.mark.parametrize("result", [(None, {}), ("Something New", {})])
def test_a_result_that_says_nothing_is_a_reason(monkeypatch, result):
    monkeypatch.setattr(stun, "get_nat_type", lambda *_arguments, **_options: result)

    assert reason_of(silent) == "the test has no result"


def test_how_a_port_looks_from_outside_is_told_in_words():
    seen, other_port = Mapped(ip_address(PUBLIC), 4000), Mapped(ip_address(PUBLIC), 5000)

    assert port_mapping([seen, seen], OWN) == "the same port for every server"
    assert port_mapping([seen, other_port], OWN) == "different ports for different servers"
    assert port_mapping([seen], OWN) == ""
    assert port_mapping([seen], PUBLIC) == "none: this machine has the address itself"


class Classifier:
    """Says what it is told to, when it is told to."""

    def __init__(self, *said: str | Refused) -> None:
        self._said = list(said)
        self.asked: list[tuple[str, int]] = []
        self.may_answer = gevent.event.Event()
        self.may_answer.set()

    def __call__(self, server, own_host, end_at) -> str:
        self.asked.append(server)
        self.may_answer.wait()
        said = self._said.pop(0)
        if isinstance(said, Refused):
            raise said
        return said


def settled(watch: NatTypeWatch) -> str:
    watch._finding_out.join(PLENTY_S)
    return watch.nat_type


def test_following_does_not_wait_and_the_type_comes_later():
    classifier = Classifier("Full Cone NAT")
    classifier.may_answer.clear()
    watch = NatTypeWatch(classifier)
    with FakeStun(saying(PUBLIC, 4000)) as server:
        watch.follow(ip_address(PUBLIC), {server.address: "ann:3478"}, OWN)
        before = watch.nat_type
        classifier.may_answer.set()

        assert before == "not known yet"
        assert settled(watch) == "Full Cone NAT (by ann:3478)"


def test_the_next_server_is_asked_when_one_cannot_tell_and_liars_are_not_asked():
    classifier = Classifier(Refused("it has one address only"), "Full Cone NAT")
    with FakeStun(saying(OTHER_PUBLIC)) as liar, FakeStun(saying(PUBLIC)) as ann, FakeStun(saying(PUBLIC)) as bob:
        watch = NatTypeWatch(classifier)
        watch.follow(ip_address(PUBLIC), {liar.address: "liar", ann.address: "ann", bob.address: "bob"}, OWN)

        assert settled(watch) == "Full Cone NAT (by bob)"
        assert classifier.asked == [ann.address, bob.address]


def test_without_a_server_that_can_tell_the_type_is_unknown_with_every_reason():
    with FakeStun(saying(PUBLIC, 4000)) as ann, FakeStun(saying(PUBLIC, 4000)) as bob:
        watch = NatTypeWatch(Classifier(Refused("one address"), Refused("no answer")))
        watch.follow(ip_address(PUBLIC), {ann.address: "ann", bob.address: "bob"}, OWN)

        assert settled(watch) == "unknown (ann: one address; bob: no answer)"
        assert watch.port_mapping == "the same port for every server"


def test_different_ports_give_a_symmetric_nat_away_where_no_server_can_do_the_test():
    with FakeStun(saying(PUBLIC, 4000)) as ann, FakeStun(saying(PUBLIC, 5000)) as bob:
        watch = NatTypeWatch(Classifier(Refused("one address"), Refused("one address")))
        watch.follow(ip_address(PUBLIC), {ann.address: "ann", bob.address: "bob"}, OWN)

        assert settled(watch) == "Symmetric NAT (by the ports that the servers see)"


def test_a_port_that_stays_the_same_speaks_against_a_symmetric_nat():
    with FakeStun(saying(PUBLIC, 4000)) as ann, FakeStun(saying(PUBLIC, 4000)) as bob:
        watch = NatTypeWatch(Classifier("Symmetric NAT"))
        watch.follow(ip_address(PUBLIC), {ann.address: "ann", bob.address: "bob"}, OWN)

        assert settled(watch) == "Port Restricted Cone NAT, or a Symmetric NAT that keeps ports (by ann)"


def test_it_is_not_begun_twice_for_one_address_but_anew_for_another():
    classifier = Classifier("Full Cone NAT", "Symmetric NAT")
    classifier.may_answer.clear()
    watch = NatTypeWatch(classifier)
    with FakeStun(saying(PUBLIC)) as ann, FakeStun(saying(OTHER_PUBLIC)) as bob:
        watch.follow(ip_address(PUBLIC), {ann.address: "ann"}, OWN)
        first = watch._finding_out
        watch.follow(ip_address(PUBLIC), {ann.address: "ann"}, OWN)
        again = watch._finding_out
        watch.follow(ip_address(OTHER_PUBLIC), {bob.address: "bob"}, OWN)
        classifier.may_answer.set()

        assert again is first
        assert settled(watch) == "Full Cone NAT (by bob)"


def test_without_an_address_there_is_no_type():
    watch = NatTypeWatch(Classifier("Full Cone NAT"))
    with FakeStun(saying(PUBLIC)) as server:
        watch.follow(ip_address(PUBLIC), {server.address: "ann"}, OWN)
        settled(watch)
        watch.forget()

    assert (watch.nat_type, watch.port_mapping) == ("", "")
