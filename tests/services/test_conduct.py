"""What follows from what peers did: who is told, what is done, and what is not."""

from __future__ import annotations

import pytest
from service_parts import identity_of, let_others_run

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.events import PeerJudged
from sorcha_peer_core.protocol.reputation import Deed, Standing
from sorcha_peer_core.services.bans import BanDisk, Bans
from sorcha_peer_core.services.conduct import UNDIALLED_S, Conduct
from sorcha_peer_core.services.supervisor import Supervisor

OWN, ANNA, BEN = (identity_of(number).peer_id for number in (1, 2, 3))
HOUR_S = 3600.0


class World:
    """Conduct and bans, a clock, and what the rest of a node was told."""

    def __init__(self, mode: str = "on", spared=()) -> None:
        self.now = 1000.0
        self.is_full = False
        self.events: list[object] = []
        self.bans = Bans(
            OWN,
            BanDisk(self._save, lambda peer_ids: None),
            lambda event: None,
            unix_ms=lambda: self.now * 1000,
            elapsed_s=lambda: self.now,
        )
        self.conduct = Conduct(mode, self.bans, Supervisor(), self.events.append, spared=spared, clock=lambda: self.now)
        self.regarded: list[tuple[str, Standing]] = []
        self.conduct.on_regard = lambda *what: self.regarded.append(what)
        self.parted: list[tuple[str, float]] = []
        self.conduct.on_part = lambda peer_id, reason, for_s: self.parted.append((peer_id, for_s))

    def _save(self, ban) -> None:
        if self.is_full:
            raise StoreError("the disk is full")

    def forge(self, times: int, peer_id=ANNA) -> None:
        for _ in range(times):
            self.conduct.noticed(peer_id, Deed.FORGED)
        let_others_run()

    @property
    def verdicts(self) -> list[str]:
        return [event.verdict for event in self.events if isinstance(event, PeerJudged)]


@pytest.fixture
def world() -> World:
    return World()


def test_a_first_lie_changes_only_how_a_peer_is_regarded(world):
    world.conduct.linked(ANNA)
    world.forge(1)

    assert world.regarded == [(ANNA, Standing.ASKED_LAST)]
    assert (world.parted, world.events, world.bans.all()) == ([], [], [])


def test_a_second_one_ends_the_link_and_a_third_bans_for_an_hour(world):
    world.forge(2)
    assert world.parted == [(ANNA, UNDIALLED_S)]

    world.forge(1)

    [ban] = world.bans.all()
    assert (ban.peer_id, ban.by, ban.until_at) == (ANNA, "reputation", 1000 + 3600)
    assert ban.reason == "its score is -90: forged 3.0 (-90.0)"
    assert world.verdicts == ["disconnected", "banned"]
    assert world.conduct.judged == {"disconnected": 1, "banned": 1}


def test_a_ban_is_twice_as_long_each_time(world):
    lengths = []
    for _ in range(3):
        world.forge(4)
        lengths.append(world.bans.all()[0].until_at - world.now)
        world.now += lengths[-1] + 1
        world.bans.expire()

    assert lengths == [HOUR_S, 2 * HOUR_S, 4 * HOUR_S]


def test_who_is_back_too_early_is_parted_with_again_and_nothing_new_is_told(world):
    world.forge(2)
    world.now += 60

    world.conduct.noticed(ANNA, Deed.FLOODED)

    assert world.parted == [(ANNA, 600.0), (ANNA, 540.0)]
    assert world.verdicts == ["disconnected"]


def test_a_discouraged_peer_is_one_for_its_time_and_no_longer(world):
    world.conduct.noticed(ANNA, Deed.BROKE_RULES, 2.0)

    assert world.verdicts == ["discouraged"]
    assert world.conduct.discourages(ANNA)
    assert not world.conduct.discourages(BEN)
    world.now += HOUR_S
    assert not world.conduct.discourages(ANNA)


def test_a_ban_that_cannot_be_kept_leaves_the_peer_discouraged(world):
    world.is_full = True
    world.forge(3)

    assert world.bans.all() == []
    assert world.conduct.discourages(ANNA)


def test_a_linked_peer_is_regarded_as_what_it_is_and_better_when_its_deeds_are_forgotten(world):
    world.forge(1)
    world.conduct.linked(ANNA)
    world.conduct.linked(BEN)
    assert world.regarded == [(ANNA, Standing.ASKED_LAST)]

    world.now += 3 * HOUR_S
    world.conduct.review()

    assert world.regarded[1:] == [(ANNA, Standing.GOOD)]


@pytest.mark.parametrize(("mode", "spared"), [("dry-run", ()), ("on", (ANNA,))])
def test_of_some_it_is_only_said_what_would_be_done(mode, spared):
    world = World(mode, spared)
    world.conduct.linked(ANNA)
    world.forge(5)

    assert world.verdicts == ["disconnected", "banned"]
    assert not any(event.carried_out for event in world.events)
    assert world.conduct.judged == {"disconnected (dry run)": 1, "banned (dry run)": 1}
    assert (world.parted, world.regarded, world.bans.all()) == ([], [], [])
    assert not world.conduct.discourages(ANNA)


def test_switched_off_nothing_is_noted():
    world = World("off")
    world.forge(5)

    assert (world.conduct.score(ANNA), world.conduct.deeds, len(world.conduct)) == (0.0, {}, 0)


def test_who_is_forgiven_begins_anew(world):
    world.forge(3)
    world.bans.unban(ANNA)
    world.conduct.forgive(ANNA)

    world.forge(1)

    assert world.conduct.score(ANNA) == -10.0
    assert world.verdicts == ["disconnected", "banned"]


def test_good_deeds_and_what_is_taken_back_judge_nobody(world):
    world.conduct.noticed(ANNA, Deed.FIRST, 1000.0)
    world.conduct.noticed(ANNA, Deed.WITHHELD, -5.0)

    assert world.events == []
    assert world.conduct.score(ANNA) == 10.0
