"""What the core wants stored and loaded."""

from __future__ import annotations

import time
from types import SimpleNamespace

import gevent
import pytest
from service_parts import FailingNow, InlineThread, identity_of, sealed, submission, wait_until

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store
from sorcha_peer_core.errors import RowRefused, StoreDamaged, StoreError
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.events import NotStored
from sorcha_peer_core.model.transaction import Arrival, QueueState
from sorcha_peer_core.services import storage as module
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.storage import Delivered, GivenUp, KeepCursor, Postponed, Storage, carry_out

ALICE = identity_of(1).peer_id


def arrival(payload: bytes, **changes) -> Arrival:
    return Arrival(sealed(payload, **changes), time.time() * 1000, 1, False)


@pytest.fixture
def store():
    store = FailingNow(MemoryStore())
    store.open()
    return store


@pytest.fixture
def world(store, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.005)
    events, seen, done = EventBus(), [], []
    events.subscribe(seen.append)
    storage = Storage(store, InlineThread(), events, done.append)
    greenlet = gevent.spawn(storage.run)
    yield SimpleNamespace(storage=storage, store=store, done=done, events=seen, greenlet=greenlet)
    greenlet.kill()


def stored(world) -> list[bytes]:
    return [arrival.transaction.payload for done in world.done for arrival in done.stored]


def test_arrivals_are_committed_and_reported_in_order(world):
    for payload in (b"a", b"b", b"c"):
        world.storage.add(arrival(payload))

    wait_until(lambda: len(stored(world)) == 3, "three arrivals")
    assert stored(world) == [b"a", b"b", b"c"]
    assert world.done[-1].last_seq == 3


def test_neighbouring_arrivals_share_one_commit(world):
    for payload in (b"a", b"b", b"c"):
        world.storage.add(arrival(payload))

    wait_until(lambda: len(stored(world)) == 3, "three arrivals")
    assert world.store.called.count("append") == 1


def test_a_page_that_is_asked_for_after_an_arrival_contains_it(world):
    first, second = arrival(b"a"), arrival(b"b")
    question = m.LoadLog(1, world.store.log_epoch, 0, 10)

    world.storage.add(first)
    world.storage.add(question)
    world.storage.add(second)
    world.storage.add(question)

    wait_until(lambda: sum(len(done.answers) for done in world.done) == 2, "two pages")
    pages = [[item.hash for item in page.items] for done in world.done for page in done.answers]
    assert pages == [[first.transaction.hash], [first.transaction.hash, second.transaction.hash]]


def test_cursors_are_written_after_the_arrivals_that_came_before_them(world):
    world.storage.add(KeepCursor(ALICE, m.Cursor(1, 1)))
    world.storage.add(arrival(b"a"))
    world.storage.add(KeepCursor(ALICE, m.Cursor(1, 2)))

    wait_until(lambda: world.store.cursors() == {ALICE: m.Cursor(1, 2)}, "the cursor is kept")
    assert [name for name in world.store.called if name in ("append", "save_cursors")] == ["append", "save_cursors"]


def test_a_cursor_is_not_written_while_its_arrivals_cannot_be(world):
    world.store.failing = {"append"}

    world.storage.add(arrival(b"a"))
    world.storage.add(KeepCursor(ALICE, m.Cursor(1, 1)))

    wait_until(lambda: world.store.refused >= 3, "it is tried again and again")
    assert world.store.cursors() == {}


@pytest.mark.parametrize("broken", ["append", "save_cursors", "known", "totals"])
def test_a_failing_store_is_tried_again_and_nothing_is_lost_or_doubled(world, broken):
    world.store.failing = {broken}
    for payload in (b"a", b"b"):
        world.storage.add(arrival(payload))
    world.storage.add(m.LoadKnown((arrival(b"a").transaction.hash,)))
    world.storage.add(KeepCursor(ALICE, m.Cursor(1, 2)))
    wait_until(lambda: world.store.refused >= 3, "it is tried again and again")
    world.storage.add(arrival(b"c"))
    assert stored(world) == []

    world.store.failing = set()

    wait_until(lambda: len(stored(world)) == 3, "all of it is stored")
    assert stored(world) == [b"a", b"b", b"c"]
    assert [entry.seq for entry in world.store.after(0, 10)] == [1, 2, 3]
    assert sum(len(done.answers) for done in world.done) == 1
    assert world.store.cursors() == {ALICE: m.Cursor(1, 2)}


def test_a_failure_is_shown_while_it_lasts(world):
    world.store.failing = {"append"}
    world.storage.add(arrival(b"a"))
    wait_until(lambda: world.store.refused >= 3, "it is tried again and again")

    assert world.storage.failure == "the disk is full"

    world.store.failing = set()
    wait_until(lambda: stored(world) == [b"a"], "it is stored")
    assert world.storage.failure == ""


class Picky:
    """A store that does not take, or give, some transactions."""

    def __init__(self, store, *culprits: bytes, error: Exception) -> None:
        self._store = store
        self._culprits = set(culprits)
        self._error = error
        self.gave_up: dict[bytes, str] = {}

    def __getattr__(self, name):
        return getattr(self._store, name)

    def append(self, arrivals):
        if any(arrival.transaction.payload in self._culprits for arrival in arrivals):
            raise self._error
        return self._store.append(arrivals)

    def load(self, hashes):
        raise self._error

    def give_up(self, hashes, now_ms):
        self.gave_up.update(hashes)
        return len(hashes)


def raising(error):
    def refuse(*args):
        raise error

    return refuse


def run_with(store):
    events, seen, done = EventBus(), [], []
    events.subscribe(seen.append)
    storage = Storage(store, InlineThread(), events, done.append)
    return SimpleNamespace(storage=storage, done=done, events=seen, greenlet=gevent.spawn(storage.run))


@pytest.mark.parametrize("error", [RowRefused("it is too big"), OverflowError("it is too big")], ids=["refused", "a bug"])
def test_one_transaction_that_can_never_be_stored_does_not_keep_the_others_from_it(store, error):
    world = run_with(Picky(store, b"bad", error=error))

    for payload in (b"a", b"b", b"bad", *(b"%d" % number for number in range(50))):
        world.storage.add(arrival(payload))
    world.storage.add(KeepCursor(ALICE, m.Cursor(1, 2)))

    wait_until(store.cursors, "all is carried out")
    assert len(stored(world)) == 52
    [event] = [event for event in world.events if isinstance(event, NotStored)]
    assert (event.tx_hash, event.own) == (arrival(b"bad").transaction.hash, False)
    assert "it is too big" in event.reason
    assert [aside.transaction.payload for done in world.done for aside in done.put_aside] == [b"bad"]
    assert world.storage.put_aside == 1
    assert world.storage.failure == ""
    world.greenlet.kill()


def test_an_own_transaction_that_can_never_be_stored_is_a_dead_letter(store):
    picky = Picky(store, b"bad", error=RowRefused("it is too big"))
    world = run_with(picky)

    world.storage.add(arrival(b"bad")._replace(own=True))

    wait_until(lambda: picky.gave_up, "it is given up")
    assert picky.gave_up == {arrival(b"bad").transaction.hash: "it is too big"}
    wait_until(lambda: world.done, "it is told")
    assert [(done.settled, done.dead) for done in world.done] == [
        (1, (GivenUp(arrival(b"bad").transaction.hash, "it is too big"),))
    ]
    world.greenlet.kill()


def test_what_could_not_be_made_a_dead_letter_is_told_as_none(store):
    picky = Picky(store, b"bad", error=RowRefused("it is too big"))
    picky.give_up = raising(StoreError("the disk is full"))
    world = run_with(picky)

    world.storage.add(arrival(b"bad")._replace(own=True))

    wait_until(lambda: world.done, "the storage goes on without it")
    assert [(done.settled, done.dead, len(done.put_aside)) for done in world.done] == [(0, (), 1)]
    world.greenlet.kill()


def test_a_question_that_can_never_be_answered_is_answered_with_nothing(store):
    world = run_with(Picky(store, error=RowRefused("it cannot be read")))
    question = m.LoadWanted(1, (bytes(32),))

    world.storage.add(question)
    world.storage.add(arrival(b"a"))

    wait_until(lambda: stored(world) == [b"a"], "the next is carried out")
    assert [answer for done in world.done for answer in done.answers] == [m.Loaded(question, ())]
    world.greenlet.kill()


def test_a_payload_that_is_not_what_it_was_is_passed_on_to_nobody(store):
    [good] = [arrival(b"good")]
    store.append([good._replace(transaction=good.transaction._replace(payload=b"gone bad"))])

    with pytest.raises(StoreDamaged, match=rf"what the store has of the transaction {good.transaction.hash.hex()} is not what"):
        carry_out(store, [m.LoadWanted(1, (good.transaction.hash,))])


def test_stop_carries_out_what_is_there(world):
    for number in range(1, 6):
        world.storage.add(arrival(bytes([number])))

    world.storage.stop()
    world.greenlet.join(timeout=1.0)

    assert world.greenlet.dead
    assert len(stored(world)) == 5


def test_stop_does_not_wait_for_a_store_that_cannot_be_written(world):
    world.store.failing = {"append"}
    world.storage.add(arrival(b"a"))
    wait_until(lambda: world.store.refused >= 1, "it is refused")

    world.storage.stop()

    assert world.greenlet.join(timeout=1.0) is None
    assert world.greenlet.dead


def test_a_flood_of_questions_of_one_peer_does_not_hold_up_the_rest(world, monkeypatch):
    monkeypatch.setattr(module, "_MOST_QUESTIONS", 3)
    question = m.LoadLog(1, world.store.log_epoch, 0, 10)

    for _ in range(1000):
        world.storage.add(question)
    world.storage.add(question._replace(peer=2))
    world.storage.add(arrival(b"a"))

    wait_until(lambda: stored(world) == [b"a"], "the arrival is stored")
    assert [page.question.peer for done in world.done for page in done.answers] == [1, 1, 1, 2]
    assert world.storage.refused_questions == 997
    world.storage.add(question)
    wait_until(lambda: sum(len(done.answers) for done in world.done) == 5, "there is room again")


def test_what_waits_is_counted(store):
    storage = Storage(store, InlineThread(), EventBus(), lambda _: None)

    storage.add(arrival(b"a"))
    storage.add(KeepCursor(ALICE, m.Cursor(1, 1)))

    assert storage.waiting == 2


def test_transactions_that_are_wanted_are_loaded(store):
    a, b = arrival(b"a"), arrival(b"b")
    question = m.LoadWanted(7, (b.transaction.hash, bytes(32)))

    done = carry_out(store, [a, b, question])

    assert done.answers == [m.Loaded(question, (b.transaction,))]


def test_a_transaction_of_which_a_piece_is_wanted_is_loaded_whole(store):
    a = arrival(b"a")
    question = m.LoadChunks(7, m.WantChunks(a.transaction.hash, 0, 16))

    assert carry_out(store, [a, question]).answers == [m.Loaded(question, (a.transaction,))]


def test_a_page_says_where_to_go_on(store):
    epoch = store.log_epoch
    arrivals = [arrival(bytes([number])) for number in range(1, 6)]

    done = carry_out(store, [*arrivals, m.LoadLog(1, epoch, 0, 3), m.LoadLog(1, epoch, 3, 3), m.LoadLog(1, epoch, 5, 3)])

    assert [(len(page.items), page.next_seq, page.more) for page in done.answers] == [(3, 3, True), (2, 5, False), (0, 5, False)]


def test_a_cursor_of_another_log_is_read_from_the_start(store):
    done = carry_out(store, [arrival(b"a"), m.LoadLog(1, store.log_epoch + 1, 1, 10)])

    [page] = done.answers
    assert (page.log_epoch, len(page.items), page.next_seq) == (store.log_epoch, 1, 1)


@pytest.mark.parametrize("after", [2, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_cursor_beyond_the_log_is_answered_with_its_end(tmp_path, after):
    store = build_sqlite_store("sqlite:///peer.db", tmp_path)
    store.open()

    [page] = carry_out(store, [arrival(b"a"), m.LoadLog(1, store.log_epoch, after, 10)]).answers

    assert (page.items, page.next_seq, page.more) == ((), 1, False)
    store.close()


def test_what_has_expired_for_everybody_is_not_on_a_page(store):
    day_ms = 86_400_000
    old = arrival(b"old", created_ms=time.time() * 1000 - day_ms - 200_000)
    young = arrival(b"young", created_ms=time.time() * 1000 - day_ms + 10_000)

    [page] = carry_out(store, [old, young, m.LoadLog(1, store.log_epoch, 0, 2)]).answers

    assert [item.hash for item in page.items] == [young.transaction.hash]
    assert (page.next_seq, page.more) == (2, True)


def test_what_was_created_in_some_time_is_looked_up_behind_what_arrived_before(store):
    first, second = arrival(b"a", created_ms=1000.0), arrival(b"b", created_ms=2000.0)
    question = m.LoadCreated(1000, 2000, 10)

    [page] = carry_out(store, [first, second, question]).answers

    assert page == m.CreatedPage(question, (m.Created(first.transaction.hash, 1, 1000.0),))


def test_many_questions_for_large_transactions_are_answered_a_few_at_a_time(world, monkeypatch):
    monkeypatch.setattr(module, "_ROUND_BYTES", 1000)
    big = arrival(bytes(600))
    world.storage.add(big)
    for _ in range(10):
        world.storage.add(m.LoadChunks(1, m.WantChunks(big.transaction.hash, 0, 1)))

    wait_until(lambda: sum(len(done.answers) for done in world.done) == 10, "all are answered")
    assert max(len(done.answers) for done in world.done) == 2
    assert stored(world) == [big.transaction.payload]


# What became of own transactions.


def own(store, *payloads: bytes) -> list[Arrival]:
    store.put([submission(payload) for payload in payloads], 1.0)
    return [arrival(payload)._replace(own=True) for payload in payloads]


def test_a_receipt_is_noted_behind_the_arrival_it_is_for(store):
    [a] = own(store, b"a")

    done = carry_out(store, [a, Delivered([a.transaction.hash])])

    assert store.queue_totals().waiting == 0
    assert [name for name in store.called if name in ("append", "delivered")] == ["append", "delivered"]
    assert done.settled == 1


def test_the_receipts_of_a_round_are_noted_in_one_commit(store):
    arrivals = own(store, b"a", b"b", b"c")

    carry_out(store, [operation for one in arrivals for operation in (one, Delivered([one.transaction.hash]))])

    assert store.called.count("append") == 1
    assert store.called.count("delivered") == 1
    assert store.queue_totals().waiting == 0


def test_what_got_too_few_receipts_is_offered_again_later(store):
    [a] = own(store, b"a")

    done = carry_out(store, [a, Postponed([a.transaction.hash], 3, 5000.0, "too few")])

    row = store.queue_row(a.transaction.hash)
    assert (row.state, row.attempts, row.not_before_ms, row.reason) == (QueueState.RETRY, 3, 5000.0, "too few")
    assert (done.postponed, done.settled) == (1, 0)


def test_what_nobody_takes_is_a_dead_letter(store):
    [a] = own(store, b"a")
    letter = GivenUp(a.transaction.hash, "refused by a peer: too large")

    done = carry_out(store, [a, letter])

    row = store.queue_row(a.transaction.hash)
    assert (row.state, row.reason) == (QueueState.DEAD, letter.reason)
    assert (done.settled, done.dead) == (1, [letter])


def test_what_the_network_had_first_is_settled_with_its_arrival(store):
    store.put([submission(b"a")], 1.0)

    assert carry_out(store, [arrival(b"a")]).settled == 1


@pytest.mark.parametrize("broken", ["delivered", "postpone", "give_up", "queue_totals"])
def test_outcomes_that_cannot_be_noted_are_noted_later(world, broken):
    arrivals = own(world.store, b"a", b"b", b"c")
    a, b, c = (one.transaction.hash for one in arrivals)
    world.store.failing = {broken}
    for operation in (*arrivals, Delivered([a]), Postponed([b], 1, 5000.0, "too few"), GivenUp(c, "no")):
        world.storage.add(operation)
    wait_until(lambda: world.store.refused >= 3, "it is tried again and again")

    world.store.failing = set()

    wait_until(lambda: world.storage.waiting == 0, "all is noted")
    totals = world.store.queue_totals()
    assert (totals.pending, totals.inflight, totals.retry, totals.dead) == (0, 0, 1, 1)
    assert stored(world) == [b"a", b"b", b"c"]
