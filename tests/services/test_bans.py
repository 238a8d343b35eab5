"""Who is banned, for how long, and what is kept of it."""

from __future__ import annotations

import gevent
import pytest
from service_parts import identity_of

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.errors import ActionRefused, BanInvalid, NoSuchPeer, StoreError
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.events import PeerBanned, PeerUnbanned
from sorcha_peer_core.services import bans as bans_module
from sorcha_peer_core.services.bans import BanDisk, Bans

OWN, ANNA, BEN = (identity_of(number).peer_id for number in (1, 2, 3))
BEGIN_S = 1_767_225_600.25


class Disk:
    """A store whose bans fail to be written when they are told to."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.open()
        self.is_full = False

    def save(self, ban: Ban) -> None:
        self._fail()
        self.store.save_ban(ban)

    def lift(self, peer_ids) -> None:
        self._fail()
        self.store.lift_bans(peer_ids)

    def _fail(self) -> None:
        # Another greenlet gets its turn, as while a real store writes.
        gevent.sleep(0)
        if self.is_full:
            raise StoreError("the disk is full")


class World:
    """Bans, their disk, and the two clocks by which they go."""

    def __init__(self, disk: Disk | None = None, unix_s: float = BEGIN_S) -> None:
        self.disk = disk or Disk()
        self.unix_s = unix_s
        self.elapsed_s = 500.0
        self.events: list[object] = []
        self.bans = Bans(
            OWN,
            BanDisk(self.disk.save, self.disk.lift),
            self.events.append,
            unix_ms=lambda: self.unix_s * 1000,
            elapsed_s=lambda: self.elapsed_s,
        )
        self.told: list[tuple[str, str]] = []
        self.bans.on_banned = lambda peer_id: self.told.append(("banned", peer_id))
        self.bans.on_lifted = lambda peer_id: self.told.append(("lifted", peer_id))

    def pass_time(self, seconds: float) -> None:
        self.unix_s += seconds
        self.elapsed_s += seconds

    def restarted(self) -> World:
        """Another process on the same disk, whose monotonic clock began anew."""
        world = World(self.disk, self.unix_s)
        world.bans.restore(self.disk.store.bans())
        return world


@pytest.fixture
def world() -> World:
    return World()


def test_a_ban_is_in_force_at_once_kept_counted_and_told(world):
    ban = world.bans.ban(ANNA, "it floods us")

    assert ban == Ban(ANNA, "it floods us", "operator", int(BEGIN_S), None)
    assert ANNA in world.bans
    assert BEN not in world.bans
    assert world.disk.store.bans() == world.bans.all() == [ban]
    assert world.told == [("banned", ANNA)]
    assert world.events == [PeerBanned(ANNA, "it floods us", "operator", None)]
    assert world.bans.counts == {"operator": 1}


def test_a_rule_bans_under_its_own_name(world):
    world.bans.ban(ANNA, "3 bad signatures", by="bad-signatures", duration_s=60)

    assert world.bans.all()[0].by == "bad-signatures"
    assert world.bans.counts == {"bad-signatures": 1}


def test_a_ban_without_end_outlives_the_process_and_a_century_of_days(world):
    world.bans.ban(ANNA, "")

    later = world.restarted()
    later.pass_time(36_500 * 86_400.0)
    later.bans.expire()

    assert ANNA in later.bans


def test_a_ban_ends_by_itself_when_its_time_is_over(world):
    world.bans.ban(ANNA, "", duration_s=60)
    world.pass_time(59.9)
    world.bans.expire()
    assert ANNA in world.bans

    world.pass_time(1.0)

    assert ANNA not in world.bans
    assert world.bans.all() == []
    world.bans.expire()
    assert world.told == [("banned", ANNA), ("lifted", ANNA)]
    assert world.events[-1] == PeerUnbanned(ANNA, "its time is over")
    assert world.disk.store.bans() == []


def test_the_time_that_a_node_is_away_counts(world):
    world.bans.ban(ANNA, "", duration_s=60)
    world.bans.ban(BEN, "", duration_s=600)
    world.unix_s += 100

    later = world.restarted()

    assert (ANNA in later.bans, BEN in later.bans) == (False, True)
    assert [ban.peer_id for ban in later.disk.store.bans()] == [BEN]
    later.pass_time(499)
    assert BEN in later.bans
    later.pass_time(2)
    assert BEN not in later.bans


def test_a_system_clock_that_is_set_neither_lengthens_nor_ends_a_ban(world):
    world.bans.ban(ANNA, "", duration_s=60)

    world.unix_s += 3600
    assert ANNA in world.bans
    world.unix_s -= 7200
    world.elapsed_s += 61

    assert ANNA not in world.bans


def test_whoever_is_banned_already_gets_the_new_reason_and_time(world):
    world.bans.ban(ANNA, "first", duration_s=10)

    world.bans.ban(ANNA, "second")
    world.pass_time(3600)

    assert [(ban.reason, ban.until_at) for ban in world.bans.all()] == [("second", None)]
    world.bans.ban(ANNA, "third", duration_s=10)
    world.pass_time(11)
    assert ANNA not in world.bans


def test_a_ban_that_is_lifted_is_over_and_told(world):
    world.bans.ban(ANNA, "")

    world.bans.unban(ANNA)

    assert ANNA not in world.bans
    assert world.disk.store.bans() == []
    assert world.told[-1] == ("lifted", ANNA)
    assert world.events[-1] == PeerUnbanned(ANNA, "lifted by the operator")


def test_who_is_not_banned_cannot_be_unbanned(world):
    with pytest.raises(NoSuchPeer, match="is not banned"):
        world.bans.unban(ANNA)


def test_a_node_does_not_ban_itself(world):
    with pytest.raises(ActionRefused, match="a node does not ban itself"):
        world.bans.ban(OWN, "")


@pytest.mark.parametrize("duration_s", [0, -1, float("nan"), float("inf"), 1e30])
def test_a_duration_that_is_none_is_refused(world, duration_s):
    with pytest.raises(BanInvalid, match="a ban lasts"):
        world.bans.ban(ANNA, "", duration_s=duration_s)

    assert (world.bans.all(), world.events) == ([], [])


@pytest.mark.parametrize("reason", ["x" * 201, "two\nlines", "\x1b[31mred"])
def test_a_reason_that_would_break_a_table_is_refused(world, reason):
    with pytest.raises(BanInvalid, match="a line of at most 200 characters"):
        world.bans.ban(ANNA, reason)


def test_there_is_a_most_of_bans_and_who_is_banned_already_can_be_banned_anew(world, monkeypatch):
    monkeypatch.setattr(bans_module, "MOST_BANS", 1)
    world.bans.ban(ANNA, "")

    with pytest.raises(ActionRefused, match="1 peers are banned, which is the most"):
        world.bans.ban(BEN, "")

    world.bans.ban(ANNA, "again")


def test_a_ban_that_cannot_be_kept_is_none(world):
    world.disk.is_full = True

    with pytest.raises(StoreError):
        world.bans.ban(ANNA, "")

    assert ANNA not in world.bans
    assert (world.told, world.events, world.bans.counts) == ([], [], {})


def test_a_ban_that_cannot_be_lifted_stays(world):
    world.bans.ban(ANNA, "")
    world.disk.is_full = True

    with pytest.raises(StoreError):
        world.bans.unban(ANNA)

    assert ANNA in world.bans


def test_a_ban_whose_time_is_over_is_over_also_if_the_disk_does_not_take_it(world):
    world.bans.ban(ANNA, "", duration_s=1)
    world.pass_time(2)
    world.disk.is_full = True

    with pytest.raises(StoreError):
        world.bans.expire()

    assert world.told[-1] == ("lifted", ANNA)
    assert world.disk.store.bans() != []
    world.disk.is_full = False
    assert ANNA not in world.restarted().bans


def test_commands_at_the_same_time_leave_memory_and_disk_alike(world):
    commands = [
        gevent.spawn(world.bans.ban, ANNA, ""),
        gevent.spawn(world.bans.unban, ANNA),
        gevent.spawn(world.bans.ban, ANNA, "2"),
    ]
    gevent.joinall(commands, raise_error=True)

    assert world.bans.all() == world.disk.store.bans()
    assert [ban.reason for ban in world.bans.all()] == ["2"]


def test_handshakes_that_end_because_of_a_ban_are_counted(world):
    world.bans.ban(ANNA, "")

    assert [world.bans.refuses(peer_id) for peer_id in (ANNA, BEN, ANNA)] == [True, False, True]
    assert world.bans.refused == 2
