"""The system's clock against those of the linked peers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from node_parts import submit, wait_for_links
from service_parts import identity_of, local_side, record_of, wait_until

from sorcha_peer_core.model.events import ClockOff, ClockRight
from sorcha_peer_core.services import session as session_module
from sorcha_peer_core.services.clock import ClockWatch
from sorcha_peer_core.services.session import Handshake

HOUR_S = 3600.0
PEERS = [identity_of(number).peer_id for number in range(1, 6)]


@pytest.fixture
def world():
    time = SimpleNamespace(unix_s=1_800_000_000.0, elapsed_s=1000.0)
    events, linked = [], set(PEERS[:3])
    watch = ClockWatch(events.append, lambda: linked, lambda: time.unix_s * 1000, lambda: time.elapsed_s)
    return SimpleNamespace(time=time, events=events, linked=linked, watch=watch)


def hear(world, *ahead_s: float) -> None:
    """Each of the first peers tells its clock, which is so far ahead of the true time."""
    for peer_id, ahead in zip(PEERS, ahead_s, strict=False):
        world.watch.heard(peer_id, (world.time.unix_s + ahead - world.time.elapsed_s) * 1000)


def go_on(world, seconds: float, *, clock_set_by: float = 0.0) -> None:
    world.time.elapsed_s += seconds
    world.time.unix_s += seconds + clock_set_by


def test_peers_that_agree_with_the_clock_are_no_event(world):
    hear(world, 0.5, -0.5, 2.0)

    world.watch.check()

    assert (world.events, world.watch.flaw, world.watch.is_off()) == ([], "", False)
    assert world.watch.skew_s == pytest.approx(-0.5)


def test_a_clock_that_is_set_wrong_while_the_node_runs_is_noticed_without_a_new_handshake(world):
    hear(world, 0, 0, 0)
    go_on(world, 10_000)
    world.watch.check()
    assert not world.watch.is_off()

    go_on(world, 5, clock_set_by=-HOUR_S)
    world.watch.check()

    assert world.watch.is_off()
    assert world.events == [ClockOff(-3600.0, parked=True)]
    assert world.watch.flaw == (
        "the clock of this machine is 3600 s behind those of the peers; set it right, own submissions wait until then"
    )


def test_a_jump_is_noticed_by_whoever_needs_the_clock_next(world):
    """What is sealed or judged between two checks must not go by the wrong time."""
    hear(world, 0, 0, 0)
    world.watch.check()

    go_on(world, 1, clock_set_by=HOUR_S)

    assert world.watch.is_off()
    assert world.events == [ClockOff(3600.0, parked=True)]


@pytest.mark.parametrize("set_by_s", [HOUR_S, -HOUR_S])
def test_while_the_clock_is_off_what_others_made_is_judged_by_the_clocks_of_the_peers(world, set_by_s):
    hear(world, 0, 0, 0)
    assert world.watch.network_ms() == world.time.unix_s * 1000

    go_on(world, 1, clock_set_by=set_by_s)

    assert world.watch.network_ms() == pytest.approx((world.time.unix_s - set_by_s) * 1000)


def test_a_difference_that_peers_put_up_with_is_left_alone(world):
    hear(world, 100, 100, 100)
    world.watch.check()

    assert world.watch.network_ms() == world.time.unix_s * 1000


def test_it_ends_by_itself_when_the_clock_is_right_again(world):
    again = []
    world.watch.on_right = lambda: again.append(True)
    hear(world, -HOUR_S, -HOUR_S, -HOUR_S)
    world.watch.check()
    assert (world.watch.is_off(), again) == (True, [])

    go_on(world, 5, clock_set_by=-HOUR_S)
    world.watch.check()
    world.watch.check()

    assert (world.watch.is_off(), again) == (False, [True])
    assert world.events == [ClockOff(3600.0, parked=True), ClockRight(0.0)]


def test_a_peer_that_lies_changes_nothing(world):
    hear(world, 0, 0, HOUR_S)

    world.watch.check()

    assert (world.events, world.watch.is_off()) == ([], False)


def test_what_a_peer_said_counts_while_it_is_linked(world):
    hear(world, 0, HOUR_S, HOUR_S, HOUR_S)
    world.linked.clear()
    world.linked.update(PEERS[:2])

    world.watch.check()

    assert world.watch.is_off() is False


def test_a_machine_that_slept_has_no_wrong_clock(world):
    hear(world, 0, 0, 0)

    go_on(world, 8 * HOUR_S)
    world.watch.check()

    assert world.events == []


def test_a_clock_that_was_set_is_named_in_the_log(world, caplog):
    go_on(world, 5, clock_set_by=HOUR_S)

    world.watch.check()
    world.watch.check()

    assert [record.getMessage() for record in caplog.records] == ["the clock of this machine was set by +3600 s"]


def test_a_handshake_tells_both_sides_the_clock_of_the_other(monkeypatch):
    """By clocks an hour apart, on a way that takes 200 ms each way."""
    now = SimpleNamespace(s=100.0)
    ahead_s = {True: 0.0, False: HOUR_S}
    whose = SimpleNamespace(outbound=True)
    monkeypatch.setattr(session_module, "elapsed_s", lambda: now.s)
    monkeypatch.setattr(session_module, "unix_ms", lambda: (1_800_000_000 + now.s + ahead_s[whose.outbound]) * 1000)
    sides = {}
    for outbound, number in ((True, 1), (False, 2)):
        identity = identity_of(number)
        sides[outbound] = Handshake(local_side(identity, lambda identity=identity: record_of(identity)), outbound, b"")

    message, outbound = sides[True].first(), True
    while message is not None:
        now.s += 0.2
        outbound = whose.outbound = not outbound
        message = sides[outbound].receive(message)

    assert sides[True].clock_origin_ms == pytest.approx((1_800_000_000 + HOUR_S) * 1000)
    assert sides[False].clock_origin_ms == pytest.approx(1_800_000_000 * 1000)


def test_a_node_whose_clock_is_off_keeps_submissions_until_it_is_right(village):
    nodes = [village.node(number, bootstrap=(1,)) for number in (1, 2, 3)]
    wait_for_links(*nodes)
    wrong, *others = nodes
    watch = wrong._assembled.clock
    origins = dict(watch._origins_ms)
    for peer_id, origin_ms in origins.items():
        watch.heard(peer_id, origin_ms - HOUR_S * 1000)
    watch.check()

    submit(wrong, b"while the clock is wrong")
    status, health = wrong.status(), wrong.health()
    assert status.queue_pending == 1
    assert not health.ready
    assert health.reasons == list(status.warnings)
    assert "3600 s ahead of those of the peers" in health.reasons[0]
    assert (
        b"sorcha_clock_skew_seconds 3600." in wrong.metrics_text() or b"sorcha_clock_skew_seconds 3599." in wrong.metrics_text()
    )

    for peer_id, origin_ms in origins.items():
        watch.heard(peer_id, origin_ms)
    watch.check()

    wait_until(lambda: all(node.status().transactions_stored == 1 for node in others), "it is released", 10.0)
    assert wrong.health().ready
