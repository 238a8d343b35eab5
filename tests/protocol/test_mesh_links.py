"""The mesh: who pushes to a node, and why these."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Graft, Prune
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.mesh_links import MeshLinks
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT, DAN, EVE = range(1, 6)
ALL = (ANN, BOB, CAT, DAN, EVE)
LATER = 100.0
"""When nobody was grafted or pruned lately."""


class Mesh:
    """Links of one node, which wants two to push to it."""

    def __init__(self, host: RecordingHost, *, wanted: int = 2, **config) -> None:
        self.host = host
        self.lag_s = 0.0
        config = {"mesh_givers_least": 1, "mesh_worth_least_s": 0.0, **config}
        self.links = MeshLinks(CoreConfig(**config), host, lambda: self.lag_s)
        self.transactions = 0
        # The links of a small network, in which nobody prunes, until it grows.
        for peer in ALL:
            self.links.link_up(peer, 0.0)
        self.links.wanted = wanted

    def hear(self, *pushes: int, late_s: float = 0.01, now: float = 0.0) -> None:
        """A transaction comes from each of these in turn, so much later each time."""
        self.transactions += 1
        tx_hash = tx_hash_of(b"%d" % self.transactions)
        self.links.first(pushes[0], tx_hash)
        for number, peer in enumerate(pushes[1:], 1):
            self.links.duplicate(peer, tx_hash, number * late_s, now)

    def givers(self) -> list[int]:
        return [peer for peer in ALL if self.links.gives(peer)]


@pytest.fixture
def mesh(host: RecordingHost) -> Mesh:
    return Mesh(host)


def test_a_new_link_carries_payloads_both_ways(mesh: Mesh):
    assert mesh.givers() == list(ALL)
    assert mesh.links.takers((BOB, EVE)) == [BOB, EVE]


def test_of_many_links_that_come_up_a_few_push_from_the_start(mesh: Mesh):
    mesh.links.link_down(EVE, LATER)
    mesh.links.link_down(DAN, LATER)
    mesh.links.link_up(DAN, LATER)
    mesh.links.link_up(EVE, LATER)

    assert mesh.host.take_sent() == [(DAN, Prune()), (EVE, Prune())]
    assert mesh.givers() == [ANN, BOB, CAT]


def test_a_lead_within_the_lateness_of_the_node_itself_is_none(host: RecordingHost):
    mesh = Mesh(host, wanted=5)
    mesh.lag_s = 0.1
    mesh.hear(*ALL, late_s=0.05, now=LATER)

    assert len(mesh.givers()) == 1


def test_each_duplicate_prunes_one_until_as_many_push_as_are_wanted(mesh: Mesh):
    mesh.hear(*ALL)
    first_round = mesh.host.take_sent()
    mesh.hear(ANN, BOB)

    assert first_round == [(BOB, Prune()), (CAT, Prune()), (DAN, Prune())]
    assert mesh.givers() == [ANN, EVE]
    assert mesh.host.take_sent() == []


def test_who_is_worth_least_is_pruned_whoever_was_late(mesh: Mesh):
    mesh.links.wanted = 5
    for _ in range(20):
        mesh.hear(ANN, BOB)
        mesh.hear(BOB, ANN)
        mesh.hear(CAT, DAN)
        mesh.hear(DAN, CAT)
    mesh.links.wanted = 4

    mesh.hear(ANN, BOB)

    assert mesh.host.take_sent() == [(EVE, Prune())]


def test_the_lead_counts_and_not_how_often_one_leads(mesh: Mesh):
    mesh.links.wanted = 5
    for _ in range(20):
        for _ in range(3):
            mesh.hear(ANN, BOB, late_s=0.001)
        mesh.hear(BOB, ANN, late_s=0.04)
        mesh.hear(CAT, DAN)
        mesh.hear(DAN, EVE)
        mesh.hear(EVE, CAT)
    mesh.links.wanted = 4

    mesh.hear(CAT, EVE)

    assert mesh.host.take_sent() == [(ANN, Prune())]


def test_who_alone_brings_what_nobody_else_brings_is_worth_much(mesh: Mesh):
    mesh.links.wanted = 3
    for _ in range(10):
        mesh.hear(ANN)
    mesh.hear(BOB, CAT, DAN, EVE, BOB, CAT)

    assert ANN in mesh.givers()


@pytest.mark.parametrize(("worth_least_s", "pruned"), [(0.004, [(BOB, Prune())]), (0.0, [])])
def test_a_link_that_brings_little_more_than_copies_is_pruned_even_when_there_is_room(host, worth_least_s, pruned):
    mesh = Mesh(host, wanted=5, mesh_worth_least_s=worth_least_s)
    for _ in range(30):
        mesh.hear(ANN, BOB, now=LATER)

    assert host.take_sent() == pruned


def test_as_many_as_are_needed_to_be_safe_are_kept_however_little_they_bring(host: RecordingHost):
    mesh = Mesh(host, wanted=5, mesh_givers_least=5, mesh_worth_least_s=1.0)
    mesh.hear(*ALL, now=LATER)

    assert host.take_sent() == []


def test_an_announcing_link_that_is_ahead_takes_the_place_of_the_least_useful_one(mesh: Mesh):
    mesh.hear(*ALL)
    mesh.host.take_sent()

    for _ in range(3):
        mesh.hear(ANN, EVE, late_s=0.02)
        mesh.links.announced(CAT, -0.01, LATER)
        mesh.links.announced(DAN, 0.03, LATER)

    assert mesh.host.take_sent() == [(DAN, Graft()), (EVE, Prune())]
    assert mesh.givers() == [ANN, DAN]


def test_grafts_are_a_second_apart(mesh: Mesh):
    mesh.hear(*ALL)
    mesh.host.take_sent()

    for now in (LATER, LATER + 0.5, LATER + 1.1):
        for _ in range(3):
            mesh.hear(ANN, EVE, late_s=0.02, now=now)
            mesh.links.announced(CAT, 0.03, now)
            mesh.links.announced(DAN, 0.03, now)

    grafts = [peer for peer, message in mesh.host.take_sent() if message == Graft()]
    assert grafts == [CAT, DAN]


def test_when_a_link_that_pushes_is_lost_the_best_of_the_others_takes_its_place(mesh: Mesh):
    mesh.hear(*ALL)
    mesh.links.announced(DAN, 0.002, 0.5)
    mesh.links.announced(CAT, 0.001, 0.5)
    mesh.host.take_sent()

    mesh.links.link_down(EVE, LATER)

    assert mesh.host.take_sent() == [(DAN, Graft())]


def test_when_a_link_that_does_not_push_is_lost_nothing_is_done(mesh: Mesh):
    mesh.hear(*ALL)
    mesh.host.take_sent()

    mesh.links.link_down(BOB, LATER)

    assert mesh.host.take_sent() == []


def test_who_refuses_a_graft_does_not_count_and_another_is_asked(mesh: Mesh):
    mesh.hear(*ALL)
    mesh.links.link_down(EVE, LATER)
    mesh.host.take_sent()

    mesh.links.on_prune(BOB, Prune(refused=True), LATER)

    assert mesh.host.take_sent() == [(CAT, Graft())]
    assert [peer for peer in (ANN, BOB, CAT, DAN) if mesh.links.gives(peer)] == [ANN, CAT]


def test_who_goes_on_pushing_after_a_prune_is_told_again_but_not_at_once(mesh: Mesh):
    mesh.hear(*ALL)
    mesh.host.take_sent()

    mesh.links.duplicate(BOB, tx_hash_of(b"on its way"), 0.05, 0.2)
    at_once = mesh.host.take_sent()
    mesh.links.duplicate(BOB, tx_hash_of(b"later"), 0.05, 2.0)

    assert (at_once, mesh.host.take_sent()) == ([], [(BOB, Prune())])


def test_whoever_asks_for_no_pushes_gets_none_until_he_asks_for_them(host: RecordingHost):
    mesh = Mesh(host, wanted=3)
    mesh.links.on_prune(BOB, Prune(), 0.0)
    pruned = mesh.links.takers(ALL)
    mesh.links.on_graft(BOB)

    assert (pruned, mesh.links.takers(ALL)) == ([ANN, CAT, DAN, EVE], list(ALL))


def test_more_than_twice_as_many_as_are_wanted_may_not_take_pushes(mesh: Mesh):
    mesh.links.on_prune(EVE, Prune(), 0.0)

    mesh.links.on_graft(EVE)

    assert mesh.host.take_sent() == [(EVE, Prune(refused=True))]
    assert mesh.links.takers((EVE,)) == []


def test_where_no_mesh_is_wanted_nobody_is_pruned_or_grafted(host: RecordingHost):
    mesh = Mesh(host, wanted=0)

    mesh.hear(*ALL)
    mesh.links.announced(ANN, 1.0, LATER)
    mesh.links.link_down(ANN, LATER)
    mesh.links.on_graft(BOB)

    assert host.take_sent() == []
    assert not mesh.links.gives(BOB)


def test_scores_of_a_peer_that_is_gone_are_nobodys(mesh: Mesh):
    mesh.links.link_down(ANN, 0.0)

    mesh.links.first(ANN, tx_hash_of(b"1"))
    mesh.links.announced(ANN, 1.0, LATER)
    mesh.links.duplicate(BOB, tx_hash_of(b"1"), 0.01, 0.0)

    assert ANN not in [peer for peer, _ in mesh.host.take_sent()]


def test_a_shunned_link_carries_no_payloads_either_way_until_it_is_one_like_all_others(host: RecordingHost):
    mesh = Mesh(host, wanted=3)
    mesh.links.shun(ANN, True, LATER)
    assert mesh.host.take_sent() == [(ANN, Prune())]
    mesh.links.on_graft(ANN)
    mesh.links.announced(ANN, 0.05, 2 * LATER)
    assert mesh.host.take_sent() == [(ANN, Prune(refused=True))]
    assert (mesh.links.gives(ANN), mesh.links.takers((ANN, BOB))) == (False, [BOB])

    mesh.links.shun(ANN, False, LATER)
    mesh.links.on_graft(ANN)
    assert mesh.links.takers((ANN, BOB)) == [ANN, BOB]


def test_where_everybody_pushes_to_everybody_a_link_that_is_shunned_no_more_does_so_again(host: RecordingHost):
    mesh = Mesh(host, wanted=0)
    mesh.links.shun(ANN, True, LATER)
    assert mesh.links.takers((ANN, BOB)) == [BOB]

    mesh.links.shun(ANN, False, LATER)

    assert mesh.links.takers((ANN, BOB)) == [ANN, BOB]
    assert [message for _, message in host.take_sent()] == [Prune(), Graft()]


def test_to_shun_somebody_who_is_not_linked_does_nothing(mesh: Mesh):
    mesh.links.shun(99, True, LATER)

    assert mesh.host.take_sent() == []
