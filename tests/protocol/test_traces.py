"""What the core remembers of the way of each transaction."""

from __future__ import annotations

from random import Random

import pytest

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.protocol.traces import CHUNKS, FETCH, MOST_COPIES, OWN, Trace, Traces
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT = 1, 2, 3
TX = make_transaction(b"payload")


class NewToAll:
    def add(self, tx_hash, received_ms):
        """Forget it: everything stays new."""

    def definitely_new(self, tx_hash, created_ms=None):
        return True


@pytest.fixture
def core(host: RecordingHost) -> Core:
    core = Core(CoreConfig(), host, Mesh(), NewToAll(), Random(1), Traces(10))
    core.start(0.0)
    while host.loads:
        host.play_loaded(core, 0.0)
    for peer in (ANN, BOB, CAT):
        core.link_up(peer, m.Cursor(0, 0), 0.0)
    return core


def trace_of(core: Core, tx=TX) -> Trace:
    trace = core.traces.get(tx.hash)
    assert trace is not None
    return trace


def test_a_copy_that_was_pushed_is_traced_from_its_arrival_to_its_commit(core, host):
    core.receive(ANN, m.Push(TX, 2), 1.0)
    host.play_verified(core, 1.25)
    host.clock_ms = 5000.0
    core.stored([TX.hash], 1.5)

    trace = trace_of(core)
    assert (trace.peer, trace.hop, trace.since, trace.verified_at) == (ANN, 2, 1.0, 1.25)
    assert core.traces.commit_of(TX.hash) == (1.5, 5000.0)
    assert ANN not in trace.asked
    assert trace.copies is None


def test_copies_count_before_and_after_the_first_is_verified(core, host):
    core.receive(ANN, m.Push(TX, 0), 1.0)
    core.receive(BOB, m.Push(TX, 1), 1.1)
    host.play_verified(core, 1.2)
    core.receive(CAT, m.Push(TX, 2), 1.3)

    assert trace_of(core).copies == [(BOB, 1, 1.1), (CAT, 2, 1.3)]


def test_too_many_copies_are_only_counted(core, host):
    core.receive(ANN, m.Push(TX, 0), 1.0)
    host.play_verified(core, 1.0)
    for _ in range(MOST_COPIES + 5):
        core.receive(BOB, m.Push(TX, 1), 2.0)

    trace = trace_of(core)
    assert len(trace.copies) == MOST_COPIES
    assert trace.further_copies == 5


def test_what_was_submitted_here_names_those_it_was_pushed_to(core):
    core.submit(TX, 1.0)

    trace = trace_of(core)
    assert trace.peer == OWN
    assert sorted(trace.spread.push) == [ANN, BOB, CAT]


def test_what_was_announced_and_asked_for_is_told_from_what_was_pushed(core, host):
    core.receive(ANN, m.Announce((m.Announced(TX.hash, 7),)), 1.0)
    core.timer(m.FetchDue(TX.hash, 0), 2.0)
    core.receive(ANN, m.Push(TX, 1), 2.1)
    host.play_verified(core, 2.1)

    assert tuple(trace_of(core).asked) == (ANN,)
    assert not trace_of(core).missed


def test_what_a_comparison_brought_up_was_missed(core, host):
    core.receive(ANN, m.Announce((m.Announced(TX.hash, 7),), old=True), 1.0)
    core.receive(ANN, m.Push(TX, 1), 1.1)
    host.play_verified(core, 1.1)

    assert tuple(trace_of(core).asked) == (ANN,)
    assert trace_of(core).missed


def test_whoever_asks_is_among_those_who_got_it(core):
    core.submit(TX, 1.0)
    core.receive(BOB, m.Want((TX.hash,)), 2.0)

    assert trace_of(core).gifts == [(BOB, FETCH, 2.0)]


def test_a_forged_copy_leaves_no_trace(core, host):
    core.receive(ANN, m.Push(TX, 0), 1.0)
    core.verified(TX, "the signature is wrong", 1.1)

    assert core.traces.get(TX.hash) is None


def test_a_trace_holds_no_payload(core, host):
    core.receive(ANN, m.Push(TX, 0), 1.0)
    host.play_verified(core, 1.0)

    assert not hasattr(trace_of(core), "push")


def test_the_latest_are_kept_and_hardly_more():
    traces, transactions = Traces(32), [make_transaction(b"%d" % number) for number in range(200)]

    for tx in transactions:
        traces.keep(Trace(ANN, m.Push(tx, 0), 1.0), 1.0)

        assert len(traces) <= 34

    assert all(traces.get(tx.hash) for tx in transactions[-32:])
    assert traces.get(transactions[0].hash) is None


def test_commits_are_remembered_as_long_as_traces():
    traces = Traces(32)

    for number in range(100):
        traces.stored([b"%d" % number, b"%d'" % number], float(number), 0.0)

    assert traces.commit_of(b"99'") == (99.0, 0.0)
    assert traces.commit_of(b"84") == (84.0, 0.0)
    assert traces.commit_of(b"0") is None


def test_where_nothing_is_traced_nothing_is_kept():
    traces = Traces(0)

    traces.keep(Trace(ANN, m.Push(TX, 0), 1.0), 1.0)
    traces.given(TX.hash, BOB, CHUNKS, 1.0)

    assert len(traces) == 0


def test_chunks_that_were_passed_on_before_it_was_whole_are_remembered():
    traces = Traces(10)
    traces.given(TX.hash, BOB, CHUNKS, 1.0)

    traces.keep(Trace(ANN, m.Push(TX, 0), 1.0), 2.0)

    assert traces.get(TX.hash).gifts == [(BOB, CHUNKS, 1.0)]


def test_an_announcement_that_was_spared_is_known_as_such():
    traces = Traces(10)
    traces.keep(Trace(ANN, m.Push(TX, 0), 1.0), 1.0)

    traces.spared(TX.hash, BOB)

    assert traces.get(TX.hash).spared == [BOB]
