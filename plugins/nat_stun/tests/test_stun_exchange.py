"""Asking several servers at once, in a time that stands still until it is told otherwise."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stun_fakes import PUBLIC, PUBLIC_V6, attribute, id_of, message, success

from sorcha_nat_stun.exchange import Exchange
from sorcha_nat_stun.families import IPV4, IPV6

ANN, BOB = ("192.0.2.1", 3478), ("192.0.2.2", 3478)


def exchange_with(*servers, family=IPV4) -> Exchange:
    ids = count(1)
    return Exchange(family, servers, now=100.0, limit_s=3.0, new_id=lambda: next(ids).to_bytes(12))


def reasons_of(exchange: Exchange) -> dict[tuple[str, int], str]:
    return {server: str(why) for server, why in exchange.refused.items()}


def run_until_the_end(exchange: Exchange) -> list[float]:
    """Nobody answers; the times at which something was sent."""
    times = []
    while (now := exchange.next_at()) is not None:
        times += [now for _ in exchange.due(now)]
    return times


def test_all_servers_are_asked_at_once_each_with_an_id_of_its_own():
    sent = dict(exchange_with(ANN, BOB).due(100.0))

    assert set(sent) == {ANN, BOB}
    assert id_of(sent[ANN]) != id_of(sent[BOB])


def test_ids_are_not_the_same_the_next_time():
    [first], [second] = (list(Exchange(IPV4, [ANN], now=0.0).due(0.0)) for _ in range(2))

    assert id_of(first[1]) != id_of(second[1])


def test_a_silent_server_is_asked_again_after_pauses_that_double_until_the_time_is_up():
    exchange = exchange_with(ANN)

    assert run_until_the_end(exchange) == [100.0, 100.5, 101.5]
    assert reasons_of(exchange) == {ANN: "no answer within 3 s"}


def test_a_request_that_is_sent_again_is_the_same_so_that_a_late_answer_counts():
    exchange = exchange_with(ANN)
    [(_, first)] = exchange.due(100.0)
    [(_, again)] = exchange.due(100.5)

    exchange.received(success(first, PUBLIC, 4000), ANN)

    assert again == first
    assert str(exchange.answers[ANN].address) == PUBLIC
    assert exchange.next_at() is None


@pytest.mark.parametrize(
    "source", [BOB, ("192.0.2.9", 3478), (ANN[0], 3479)], ids=["another server", "a stranger", "another port"]
)
def test_an_answer_from_elsewhere_is_passed_over(source):
    exchange = exchange_with(ANN, BOB)
    sent = dict(exchange.due(100.0))

    exchange.received(success(sent[ANN], PUBLIC, 4000), source)

    assert exchange.answers == exchange.refused == {}


def test_a_wrong_id_is_passed_over_and_the_right_answer_still_counts():
    exchange = exchange_with(ANN)
    [(_, request)] = exchange.due(100.0)

    exchange.received(success(bytes(20), "10.0.0.1", 4000), ANN)
    exchange.received(success(request, PUBLIC, 4000), ANN)

    assert str(exchange.answers[ANN].address) == PUBLIC


def test_people_are_told_that_only_nonsense_came():
    exchange = exchange_with(ANN)
    list(exchange.due(100.0))

    exchange.received(b"nonsense", ANN)
    run_until_the_end(exchange)

    assert reasons_of(exchange) == {ANN: "no answer within 3 s, only nonsense (datagrams: 1)"}


@pytest.mark.parametrize(
    ("family", "answer", "reason"),
    [
        (IPV4, lambda request: message(0x0101, id_of(request)), "its answer has no address in it"),
        (IPV4, lambda request: success(request, PUBLIC_V6, 1), f"it answers a question over IPv4 with {PUBLIC_V6}"),
        (IPV6, lambda request: success(request, PUBLIC, 1), f"it answers a question over IPv6 with {PUBLIC}"),
        (IPV4, lambda request: message(0x0111, id_of(request), attribute(9, b"\0\0\4\0No")), "it answers with error 400 (No)"),
        (IPV4, lambda request: success(request, PUBLIC, 1, b"\0"), "its answer is malformed: an attribute is cut off"),
    ],
)
def test_a_bad_answer_ends_the_question_with_its_reason(family, answer, reason):
    exchange = exchange_with(ANN, family=family)
    [(_, request)] = exchange.due(100.0)

    exchange.received(answer(request), ANN)

    assert reasons_of(exchange) == {ANN: reason}
    assert exchange.next_at() is None


def test_a_second_answer_changes_nothing():
    exchange = exchange_with(ANN)
    [(_, request)] = exchange.due(100.0)

    for host in (PUBLIC, "10.0.0.1"):
        exchange.received(success(request, host, 4000), ANN)

    assert str(exchange.answers[ANN].address) == PUBLIC


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from([ANN, BOB, ("192.0.2.9", 1)]), st.floats(0, 1)), max_size=30))
def test_whatever_arrives_every_server_is_settled_when_the_time_is_up(arriving):
    exchange, now, sent = exchange_with(ANN, BOB), 100.0, 0
    for datagram, source, later_s in arriving:
        now += later_s
        sent += len(list(exchange.due(now)))
        exchange.received(datagram, source)
    sent += len(run_until_the_end(exchange))

    assert exchange.answers.keys() | exchange.refused.keys() == {ANN, BOB}
    assert exchange.next_at() is None
    assert sent <= 6
