"""A store that fails or is damaged: what is said of it, and what is done."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from service_parts import wait_until

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.errors import RowRefused, StoreDamaged, StoreError
from sorcha_peer_core.model.events import StoreFailed, StoreMended, StoreRecovered
from sorcha_peer_core.model.mending import Mended
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.store_care import StoreCare, StoreThread
from sorcha_peer_core.services.supervisor import Supervisor

MENDED = Mended("/data/peer.db.damaged-2026", 3, 40, ("ab" * 32,), "a part of the table transactions (malformed)", True)


class Patient:
    """A store that fails as it is told to, and can be mended."""

    def __init__(self) -> None:
        self.ill: StoreError | None = None
        self.incurable: StoreError | None = None
        self.mended = MENDED
        self.done: list[str] = []

    def _do(self, what: str) -> None:
        if self.ill is not None:
            raise self.ill
        self.done.append(what)

    def open(self) -> None:
        self._do("open")

    def close(self) -> None:
        self._do("close")

    def check(self) -> None:
        self._do("check")

    def probe(self) -> None:
        self._do("probe")

    def work(self) -> None:
        self._do("work")

    def mend(self) -> Mended:
        if self.incurable is not None:
            raise self.incurable
        self.ill = None
        self.done.append("mend")
        return self.mended


@pytest.fixture
def world():
    store, thread, events, seen, new_logs = Patient(), StoreThread(), EventBus(), [], []
    events.subscribe(seen.append)
    now = SimpleNamespace(s=1000.0)
    care = StoreCare(store, thread, events, Supervisor(), lambda: now.s)
    care.on_new_log = new_logs.append
    yield SimpleNamespace(store=store, thread=thread, care=care, events=seen, new_logs=new_logs, now=now)
    thread.stop()


def fail(world, error: StoreError) -> None:
    world.store.ill = error
    with pytest.raises(type(error)):
        world.thread.call(world.store.work)


def test_a_failure_is_told_once_and_so_is_its_end(world):
    world.care.open()
    fail(world, StoreError("the disk is full"))
    fail(world, StoreError("the disk is full"))
    world.care.check()
    assert world.care.failure == "the disk is full"

    world.store.ill = None
    world.now.s += 30
    world.care.check()
    world.care.check()

    assert world.care.failure == ""
    assert world.events == [StoreFailed("the disk is full"), StoreRecovered(30.0)]


def test_that_a_store_works_again_is_found_out_by_writing(world):
    world.care.open()
    world.care.check()
    fail(world, StoreError("the disk is full"))
    world.store.ill = None

    world.care.check()

    assert world.store.done == ["open", "check", "probe"]


def test_a_store_that_cannot_mend_itself_is_tried_too(world):
    store = MemoryStore()
    care = StoreCare(store, world.thread, EventBus(), Supervisor())
    care.open()
    care.saw(StoreError("the server is gone"))

    care.check()

    assert care.failure == ""


def test_a_row_that_is_refused_says_nothing_about_the_store(world):
    world.care.open()
    fail(world, RowRefused("it is too big"))

    assert (world.care.failure, world.events) == ("", [])


def test_damage_is_mended_at_once_and_said(world):
    world.care.open()
    fail(world, StoreDamaged("peer.db is malformed"))

    wait_until(lambda: world.new_logs, "it is mended")
    assert world.care.failure == ""
    [failed, mended, recovered] = world.events
    assert isinstance(failed, StoreFailed)
    assert isinstance(recovered, StoreRecovered)
    assert (
        world.care.notices
        == [mended.what]
        == [
            "peer.db is malformed. Taken over: 3 submissions, 40 transactions; lost: 1 submissions ("
            + "ab" * 32
            + "); not read: "
            "a part of the table transactions (malformed); what other nodes have is fetched from them; "
            "the damaged file is kept as /data/peer.db.damaged-2026"
        ]
    )


def test_a_file_that_was_only_written_anew_keeps_its_log(world):
    world.store.mended = MENDED._replace(is_new_log=False)
    world.care.open()
    fail(world, StoreDamaged("peer.db was deleted"))

    wait_until(lambda: world.care.notices, "it is mended")
    assert world.new_logs == []


def test_damage_that_is_found_at_the_start_is_mended_before_anything_else(world):
    world.store.ill = StoreDamaged("peer.db is malformed")

    world.care.open()

    assert world.store.done == ["mend"]
    assert [type(event) for event in world.events] == [StoreMended]
    assert world.care.failure == ""


def test_a_store_that_cannot_be_mended_at_the_start_keeps_the_node_from_starting(world):
    world.store.ill, world.store.incurable = StoreDamaged("malformed"), StoreError("no room")

    with pytest.raises(StoreError, match="no room"):
        world.care.open()


def test_what_cannot_be_mended_now_is_mended_later(world):
    world.care.open()
    world.store.incurable = StoreError("no room to mend it")
    fail(world, StoreDamaged("malformed"))
    wait_until(lambda: world.care.failure == "no room to mend it", "the first try failed")
    world.care.check()
    assert world.care.notices == []

    world.store.incurable = None
    world.care.check()

    assert (world.care.failure, len(world.care.notices)) == ("", 1)


def test_many_that_find_the_same_damage_have_it_mended_once(world):
    world.care.open()
    world.store.ill = StoreDamaged("malformed")

    def find_it() -> None:
        with pytest.raises(StoreDamaged):
            world.thread.call(world.store.work)

    gevent.joinall([gevent.spawn(find_it) for _ in range(5)], raise_error=True)

    wait_until(lambda: not world.care.failure, "it is mended")
    assert world.store.done.count("mend") == 1


def test_a_disk_that_damages_one_file_after_the_other_is_not_given_more(world):
    world.care.open()
    for number in range(3):
        fail(world, StoreDamaged("malformed"))
        wait_until(lambda number=number: len(world.care.notices) == number + 1, "it is mended")

    fail(world, StoreDamaged("malformed"))
    wait_until(lambda: "mended 3 times" in world.care.failure, "it is left")
    world.care.check()
    assert len(world.care.notices) == 3

    world.now.s += 3601
    world.care.check()
    assert len(world.care.notices) == 4


def test_a_store_that_cannot_be_closed_is_no_obstacle_to_a_stop(world):
    world.care.open()
    world.store.ill = StoreError("the disk is full")

    world.care.close()

    assert world.events == []
