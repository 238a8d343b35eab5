"""Traces as people get them from a node."""

from __future__ import annotations

import pytest
from node_parts import wait_for_links
from service_parts import submission, wait_until

from sorcha_peer_core.errors import NotTraced
from sorcha_peer_core.interfaces.strategy import Spread
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.node.tracing import trace_view
from sorcha_peer_core.protocol.traces import Stored, Trace
from sorcha_peer_core.testing.network_node import make_transaction

TX = make_transaction(b"payload")
IDS = {1: "aa" * 20, 2: "bb" * 20, 3: "cc" * 20}
NAMES = {"aa" * 20: "ann"}


def view_of(trace: Trace, stored: Stored | None = None):
    return trace_view(trace, stored, IDS.get, lambda peer_id: NAMES.get(peer_id, ""), Stored(100.0, 1_000_000.0))


@pytest.fixture
def trace() -> Trace:
    trace = Trace(1, m.Push(TX, 1), 10.0)
    trace.header, trace.verified_at = TX.header, 10.002
    return trace


def test_times_count_from_the_first_copy_and_the_clock_is_that_of_the_commit(trace):
    view = view_of(trace, Stored(10.01, 500_010.0))

    assert (view.first_ms, view.verified_after_ms, view.stored_after_ms) == (500_000.0, 2.0, 10.0)
    assert view.hops == 2


def test_what_is_not_committed_yet_goes_by_the_clock_of_now(trace):
    assert view_of(trace).first_ms == 910_000.0
    assert view_of(trace).stored_after_ms is None


def test_each_copy_says_how_it_came(trace):
    trace.asked, trace.copies = (2,), [(2, 1, 10.5), (9, 3, 10.6)]

    pushed, fetched, unknown = view_of(trace).copies

    assert (pushed.by, pushed.name, pushed.after_ms) == ("push", "ann", 0.0)
    assert (fetched.by, fetched.hop, fetched.after_ms) == ("fetch", 1, 500.0)
    assert (unknown.peer_id, unknown.name) == (None, "")


def test_what_was_asked_for_after_a_comparison_came_by_sync(trace):
    trace.asked, trace.missed = (1,), True

    assert view_of(trace).copies[0].by == "sync"


def test_chunks_of_several_are_one_copy(trace):
    trace.senders = (3, 1)

    [copy] = view_of(trace).copies

    assert (copy.by, copy.also_from) == ("chunks", [IDS[3]])


def test_whom_it_was_passed_on_to_is_in_the_order_of_time(trace):
    trace.spread, trace.spared = Spread((1,), (2, 3), 0.0), [3]
    trace.gifts = [(3, "fetch", 11.0), (2, "chunks", 10.001)]

    passed = [(step.peer_id, step.by) for step in view_of(trace).passed_on]

    assert passed == [(IDS[2], "chunks"), (IDS[1], "push"), (IDS[2], "announce"), (IDS[3], "fetch")]


def test_two_nodes_agree_on_who_got_it_from_whom(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    [result] = first.submit([submission(b"hello")])
    wait_until(lambda: second.payload(result.tx_hash), "the transaction to arrive")

    sent, got = first.trace(result.tx_hash), second.trace(result.tx_hash)

    assert (sent.hops, sent.copies_received, got.hops, got.copies_received) == (0, 0, 1, 1)
    assert [(step.peer_id, step.by) for step in sent.passed_on] == [(second.status().peer_id, "push")]
    assert [(copy.peer_id, copy.hop, copy.by) for copy in got.copies] == [(first.status().peer_id, 0, "push")]
    assert got.origin == first.status().peer_id
    assert got.first_ms >= sent.first_ms


def test_why_there_is_no_trace_is_said(village):
    node = village.node(1)

    with pytest.raises(NotTraced, match="is not here"):
        node.trace(tx_hash_of(b"nothing"))
    [result] = node.submit([submission(b"alone")])
    with pytest.raises(NotTraced, match="waits in the queue for its release"):
        node.trace(result.tx_hash)


def test_a_trace_does_not_outlive_a_restart_and_that_is_said(village):
    first = village.node(1, url="sqlite:///peer.db")
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    [result] = first.submit([submission(b"hello")])
    wait_until(lambda: first.status().transactions_stored == 1, "the commit")
    village.stop(first)

    again = village.node(1, url="sqlite:///peer.db")

    with pytest.raises(NotTraced, match="is here, but no longer traced"):
        again.trace(result.tx_hash)
