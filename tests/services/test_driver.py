"""The protocol's host in real time."""

from __future__ import annotations

import time
from types import SimpleNamespace

import gevent
import pytest
from service_parts import identity_of, let_others_run, sealed, wait_until

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.events import Dropped, TransactionRejected
from sorcha_peer_core.model.transaction import Due
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.protocol.reputation import Deed
from sorcha_peer_core.protocol.sendqueue import SendQueue
from sorcha_peer_core.services import backlog
from sorcha_peer_core.services import driver as module
from sorcha_peer_core.services.clock import unix_ms
from sorcha_peer_core.services.driver import Driver
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.storage import Delivered, Done, GivenUp, KeepCursor, Postponed


class RecordingCore:
    """A Core that writes down what happens to it. ``on_receive`` may do more."""

    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []
        self.on_receive = lambda peer, message: None

    def __getattr__(self, name):
        return lambda *args: self.log.append((name, *args[: len(args) - 1]))

    def receive(self, peer, message, now):
        self.log.append(("receive", peer, message))
        self.on_receive(peer, message)

    def of(self, kind: str) -> list[tuple[object, ...]]:
        return [entry[1:] for entry in self.log if entry[0] == kind]


class Outlet:
    def __init__(self, number: int, limit_bytes: int = 1 << 20) -> None:
        self.peer_id = identity_of(number).peer_id
        self.queue: SendQueue[bytes] = SendQueue(limit_bytes)
        self.woken = 0
        self.closed: list[str] = []

    def wake(self, apart_s: float = 0.0) -> None:
        self.woken += 1

    def close(self, reason: str) -> None:
        self.closed.append(reason)


@pytest.fixture
def world():
    events, seen, aside = EventBus(), [], []
    events.subscribe(seen.append)
    added: dict[str, list[object]] = {"storage": [], "verifier": [], "filter": []}
    driver = Driver(
        events,
        SimpleNamespace(add=lambda tx_hash, at_ms: added["filter"].append((tx_hash, at_ms))),
        aside=lambda peer_id, message: aside.append((peer_id, message)),
        unix_ms=unix_ms,
    )
    core = RecordingCore()
    storage = SimpleNamespace(add=added["storage"].append, failure="")
    driver.attach(core, storage, SimpleNamespace(add=added["verifier"].append))
    world = SimpleNamespace(driver=driver, core=core, events=seen, aside=aside, **added)
    world.greenlet = gevent.spawn(driver.run)
    yield world
    driver.stop()
    world.greenlet.join(timeout=1.0)
    world.greenlet.kill()


def link(world, *outlets: Outlet) -> None:
    for index, outlet in enumerate(outlets, start=1):
        world.driver.link_up(index, outlet, m.Cursor(1, 0))
    let_others_run()


def test_messages_reach_the_core_in_order(world):
    world.driver.received(1, [m.Ping(1), m.Ping(2)], 10)
    world.driver.received(2, [m.Ping(3)], 10)

    let_others_run()

    assert world.core.of("receive") == [(1, m.Ping(1)), (1, m.Ping(2)), (2, m.Ping(3))]


def test_messages_about_peers_go_aside_with_the_name_of_the_peer(world):
    alice = Outlet(1)
    link(world, alice)

    world.driver.received(1, [m.PeersRequest(5), m.Ping(1), m.Goodbye("bye")], 10)

    let_others_run()
    assert world.aside == [(alice.peer_id, m.PeersRequest(5)), (alice.peer_id, m.Goodbye("bye"))]


def test_too_much_waiting_blocks_the_readers_and_lets_them_go_again(world, monkeypatch):
    monkeypatch.setattr(backlog, "_MOST_BYTES", 1000)
    big = sealed(bytes(1500))
    world.core.on_receive = lambda peer, message: world.driver.verify(big)
    world.driver.received(1, [m.Ping(1)], 10)
    let_others_run()

    second = gevent.spawn(world.driver.received, 1, [m.Ping(2)], 10)
    let_others_run()
    assert not second.dead, "the payload is still being verified"

    world.core.on_receive = lambda peer, message: None
    world.driver.verified([big], ["bad"])
    second.join(timeout=1.0)

    assert second.dead
    let_others_run()
    assert world.core.of("receive") == [(1, m.Ping(1)), (1, m.Ping(2))]


def test_whoever_is_kept_waiting_is_not_silent(world, monkeypatch):
    """The store may stand still for longer than it takes to give up a silent link."""
    monkeypatch.setattr(backlog, "_MOST_BYTES", 1000)
    world.driver.received(1, [m.Ping(1)], 10)
    let_others_run()
    assert world.core.of("heard") == []
    big = sealed(bytes(1500))
    world.driver.post(lambda: world.driver.store(big, 1, False))
    let_others_run()

    readers = [gevent.spawn(world.driver.received, peer, [m.Ping(2)], 10) for peer in (1, 2, 2)]
    let_others_run()
    world.driver.post(world.driver.set_timer, 0.01, m.SyncDue())
    wait_until(lambda: world.core.of("timer"), "a timer has fired")

    kinds = [entry[0] for entry in world.core.log]
    assert set(world.core.of("heard")) == {(1,), (2,)}
    assert kinds.index("heard") < kinds.index("timer")
    world.driver.carried_out(Done([world.storage[0]], [], 1, 1))
    gevent.joinall(readers, timeout=1.0)
    world.core.log.clear()
    world.driver.post(lambda: None)
    let_others_run()
    assert world.core.of("heard") == []


def test_what_is_not_yet_stored_counts_as_waiting(world, monkeypatch):
    monkeypatch.setattr(backlog, "_MOST_BYTES", 1000)
    big = sealed(bytes(1500))
    world.driver.post(lambda: world.driver.store(big, 1, False))
    let_others_run()

    reader = gevent.spawn(world.driver.received, 1, [m.Ping(1)], 10)
    let_others_run()
    assert not reader.dead

    world.driver.carried_out(Done([world.storage[0]], [], 1, 1))
    reader.join(timeout=1.0)
    assert reader.dead


def test_stop_lets_blocked_readers_go(world, monkeypatch):
    monkeypatch.setattr(backlog, "_MOST_BYTES", 1000)
    world.driver.received(1, [m.Ping(1)], 2000)
    reader = gevent.spawn(world.driver.received, 1, [m.Ping(2)], 10)

    world.driver.stop()

    reader.join(timeout=1.0)
    assert reader.dead


def test_timers_fire_in_the_order_of_their_time_and_not_early(world):
    began = time.monotonic()
    for delay_s, number in ((0.03, 3), (0.01, 1), (0.02, 2)):
        world.driver.post(world.driver.set_timer, delay_s, m.ProbeDue(number, 0))

    wait_until(lambda: len(world.core.of("timer")) == 3, "three timers")

    assert [timer.peer for (timer,) in world.core.of("timer")] == [1, 2, 3]
    assert time.monotonic() - began >= 0.03


def test_timers_of_the_same_time_fire_in_the_order_they_were_set(world, monkeypatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 5.0, time=time.time))
    world.driver.post(lambda: [world.driver.set_timer(0.0, m.ProbeDue(number, 0)) for number in (3, 1, 2)])

    let_others_run()

    assert [timer.peer for (timer,) in world.core.of("timer")] == [3, 1, 2]


def test_what_arrived_comes_before_timers_that_are_due(world):
    def late(peer, message):
        world.driver.set_timer(0.0, m.SyncDue())
        world.driver.received(1, [m.Ping(2)], 1)
        world.core.on_receive = lambda peer, message: None

    world.core.on_receive = late
    world.driver.set_timer(-1.0, m.SyncDue())
    world.driver.received(1, [m.Ping(1)], 1)

    let_others_run()

    kinds = [entry[0] for entry in world.core.log if entry[0] in ("receive", "timer")]
    assert kinds[0] == "receive"
    assert kinds.count("timer") == 2


def test_a_frame_for_many_peers_is_encoded_once(world, monkeypatch):
    encoded, encode = [], module.encode_frame
    monkeypatch.setattr(module, "encode_frame", lambda message: encoded.append(message) or encode(message))
    outlets = [Outlet(number) for number in range(1, 9)]
    link(world, *outlets)
    message = m.Announce((m.Announced(sealed(b"a").hash, 1),))

    world.driver.post(lambda: [world.driver.send(peer, message, Priority.LAZY) for peer in range(1, 9)])
    let_others_run()

    assert encoded == [message]
    frames = [outlet.queue.take(1000) for outlet in outlets]
    assert frames == [[encode(message)]] * 8


def test_senders_are_woken_once_a_turn(world):
    alice = Outlet(1)
    link(world, alice)
    alice.woken = 0

    world.driver.post(lambda: [world.driver.send_control(1, m.Ping(number)) for number in range(10)])
    let_others_run()

    assert alice.woken == 1
    assert len(alice.queue.take(1 << 20)) == 10


def test_broadcast_reaches_all_that_were_named(world):
    outlets = [Outlet(number) for number in (1, 2, 3)]
    link(world, *outlets)

    world.driver.post(world.driver.broadcast_control, [1, 3], m.Ping(1))
    let_others_run()

    assert [bool(outlet.queue) for outlet in outlets] == [True, False, True]


def test_sending_to_somebody_who_is_gone_does_nothing(world):
    alice = Outlet(1)
    link(world, alice)
    world.driver.link_down(1)

    world.driver.post(world.driver.send_control, 1, m.Ping(1))
    let_others_run()

    assert not alice.queue
    assert world.driver.linked == 0


def test_every_dropped_frame_is_counted_and_told(world):
    alice = Outlet(1, limit_bytes=100)
    link(world, alice)
    announce = m.Announce((m.Announced(sealed(b"a").hash, 1),))

    world.driver.post(lambda: [world.driver.send(1, announce, Priority.LAZY) for _ in range(5)])
    let_others_run()

    kept = len(alice.queue.take(1 << 20))
    assert world.driver.dropped_frames == 5 - kept > 0
    told = [event for event in world.events if isinstance(event, Dropped)]
    assert sum(event.frames for event in told) == 5 - kept
    assert {event.peer_id for event in told} == {alice.peer_id}


def test_a_peer_that_reads_too_slowly_even_for_what_must_not_be_dropped_is_unlinked(world):
    alice = Outlet(1, limit_bytes=100)
    link(world, alice)

    world.driver.post(lambda: [world.driver.send(1, m.Goodbye("x" * 50), Priority.CONTROL) for _ in range(20)])
    let_others_run()

    assert "it reads too slowly" in alice.closed


def test_own_transactions_count_as_in_flight_until_they_are_committed(world):
    own = sealed(b"own")

    world.driver.submit([own], [1234.0])
    let_others_run()

    assert world.driver.own_in_flight == 1
    assert world.core.of("submit") == [(own,)]
    world.driver.post(lambda: world.driver.store(own, 0, True))
    let_others_run()
    [arrival] = world.storage
    assert arrival.received_ms == 1234.0
    world.driver.carried_out(Done([arrival], [], 1, 1))
    let_others_run()
    assert world.driver.own_in_flight == 0


def test_a_new_envelope_counts_as_in_flight_until_it_is_committed(world):
    own = sealed(b"own")

    world.driver.renew(own, 2)
    let_others_run()

    assert (world.driver.own_in_flight, world.driver.own_in_flight_bytes) == (1, 3)
    assert world.core.of("renew") == [(own, 2)]
    world.driver.post(lambda: world.driver.store(own, 0, True))
    let_others_run()
    world.driver.carried_out(Done([world.storage[0]], [], 1, 1))
    let_others_run()
    assert (world.driver.own_in_flight, world.driver.own_in_flight_bytes) == (0, 0)


def test_what_is_offered_again_goes_to_the_core(world):
    offers = [Due(sealed(b"a").hash, 1, 1, 5.0)]

    world.driver.offer_again(offers)
    let_others_run()

    assert world.core.of("offer_again") == [(offers,)]


def test_outcomes_of_own_transactions_go_to_the_storage_behind_the_arrivals(world):
    own = sealed(b"own")
    before_ms = time.time() * 1000

    def decide():
        world.driver.store(own, 0, True)
        world.driver.delivered([own.hash])
        world.driver.postpone([own.hash], 5.0, 2, "too few")
        world.driver.give_up(own.hash, "no")

    world.driver.post(decide)
    let_others_run()

    _, delivered, postponed, given_up = world.storage
    assert delivered == Delivered([own.hash])
    assert postponed._replace(not_before_ms=0.0) == Postponed([own.hash], 2, 0.0, "too few")
    assert before_ms + 5000 <= postponed.not_before_ms <= time.time() * 1000 + 5000
    assert given_up == GivenUp(own.hash, "no")


def test_the_time_with_links_begins_with_the_first_one(world):
    began = time.monotonic()
    link(world, Outlet(1))
    since = world.driver.online_since
    link(world, Outlet(1), Outlet(2))
    assert began <= since == world.driver.online_since

    for peer in (1, 2):
        world.driver.link_down(peer)
    link(world, Outlet(1))

    assert world.driver.online_since > since


def test_what_was_created_later_than_it_was_queued_enters_the_filter_with_the_later_time(world):
    own = sealed(b"own", created_ms=5000.0)
    world.driver.submit([own], [1234.0])

    world.driver.post(lambda: world.driver.store(own, 0, True))
    let_others_run()

    assert world.filter == [(own.hash, 5000.0)]


def test_a_commit_wakes_whoever_waits_for_the_log(world):
    waiter = gevent.spawn(world.driver.log_grew.wait, 2.0)
    world.driver.post(lambda: world.driver.store(sealed(b"a"), 1, False))
    let_others_run()

    world.driver.carried_out(Done([world.storage[0]], [], 17, 1))

    assert waiter.get(timeout=1.0)
    assert world.driver.last_seq == 17
    assert not world.driver.log_grew.is_set(), "the next wait is for the next commit"


def test_answers_of_the_store_come_after_the_commits_of_their_round(world):
    question = m.LoadKnown(())
    world.driver.post(lambda: world.driver.store(sealed(b"a"), 1, False))
    let_others_run()

    world.driver.carried_out(Done([world.storage[0]], [m.KnownHashes(question, frozenset())], 1, 2))
    let_others_run()

    assert [entry[0] for entry in world.core.log if entry[0] in ("stored", "loaded")] == ["stored", "loaded"]


def test_a_cursor_is_kept_under_the_name_of_its_peer(world):
    alice = Outlet(1)
    link(world, alice)

    world.driver.post(world.driver.remember, 1, m.Cursor(5, 6))
    let_others_run()

    assert world.storage == [KeepCursor(alice.peer_id, m.Cursor(5, 6))]
    assert world.driver.cursors == {alice.peer_id: m.Cursor(5, 6)}


def test_a_rejection_names_the_sender_while_it_is_linked(world):
    alice, tx_hash = Outlet(1), sealed(b"a").hash
    link(world, alice)

    world.driver.post(world.driver.rejected, 1, tx_hash, "why")
    world.driver.post(world.driver.rejected, 9, tx_hash, "why")
    let_others_run()

    told = [event for event in world.events if isinstance(event, TransactionRejected)]
    assert told == [TransactionRejected(tx_hash, alice.peer_id, "why"), TransactionRejected(tx_hash, None, "why")]


def test_what_a_peer_did_is_told_with_its_name_also_right_after_it_left(world):
    alice = Outlet(1)
    link(world, alice)
    told = []
    world.driver.on_deed = lambda *what: told.append(what)

    world.driver.post(world.driver.noticed, 1, Deed.FIRST)
    world.driver.link_down(1)
    world.driver.post(world.driver.noticed, 1, Deed.FORGED)
    world.driver.post(world.driver.noticed, 9, Deed.FORGED)
    let_others_run()

    assert told == [(alice.peer_id, Deed.FIRST, 1.0), (alice.peer_id, Deed.FORGED, 1.0)]


def test_other_greenlets_get_a_turn_while_much_is_to_be_done(world):
    turns = []
    for number in range(3000):
        world.driver.post(turns.append, number)
    seen = []
    gevent.spawn(lambda: seen.append(len(turns)))

    wait_until(lambda: len(turns) == 3000, "all of it is done")

    assert seen[0] < 3000


def test_link_up_and_link_down_reach_the_core_in_order(world):
    alice = Outlet(1)

    world.driver.link_up(4, alice, m.Cursor(1, 2))
    world.driver.link_down(4)
    let_others_run()

    order = [entry for entry in world.core.log if entry[0].startswith("link")]
    assert order == [("link_up", 4, m.Cursor(1, 2)), ("link_down", 4)]


def test_the_core_hears_what_waits_and_says_whether_it_may_go(world):
    world.core.flush = SimpleNamespace(want=lambda *args: world.core.log.append(("want", *args)), is_ready=lambda now: False)

    assert world.driver.want_to_flush(700, 9000) is False
    let_others_run()

    assert world.core.of("want")[0][:2] == (700, 9000)
