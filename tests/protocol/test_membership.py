"""Membership: whom a node knows, who is counted as alive, whose turn it is to be dialled."""

from __future__ import annotations

from random import Random

import pytest
from discovery_parts import HOST, ME, is_linked, knows, living, members_of
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_parts import DAY, NOW, SECRET, peer_id, record

from sorcha_peer_core.model.peer import PeerRow
from sorcha_peer_core.protocol.membership import Membership
from sorcha_peer_core.protocol.peer_table import PeerTable
from sorcha_peer_core.protocol.turns import Hope

SMALLER, LARGER = 0x7FFF, 0x9000
"""Beside this node's own id."""


@pytest.fixture
def members():
    return members_of()


def ready(members: Membership, now: float, *hopes: Hope) -> set[str]:
    """Who may be dialled then."""
    members.turns.ripen(now)
    return {found for hope in hopes or (Hope.GOOD, Hope.SOME) for found in members.turns.ready[hope]}


def fails(members: Membership, number: int, times: int = 1, now: float = 0.0, at: int = NOW) -> list[bool]:
    return [members.failed(peer_id(number), now, at) for _ in range(times)]


# Hearing of peers.


def test_the_smaller_id_dials_at_once_and_the_larger_one_waits_a_moment(members):
    knows(members, SMALLER, LARGER)

    assert ready(members, 0.0) == {peer_id(LARGER)}
    assert ready(members, 1.0) == {peer_id(LARGER), peer_id(SMALLER)}


def test_only_a_higher_seq_is_news(members):
    def hear(age_s: float) -> bool:
        return members.heard(living(5, age_s=age_s), peer_id(1), HOST, 0.0, NOW)

    assert [hear(50), hear(50), hear(60), hear(40)] == [True, False, False, True]


def test_a_node_does_not_learn_of_itself(members):
    assert not members.heard(living(0x8000), peer_id(1), HOST, 0.0, NOW)
    assert living(0x8000).peer_id == ME


@pytest.mark.parametrize(("age_s", "taken"), [(7 * DAY, True), (7 * DAY + 1, False), (-600, True), (-601, False)])
def test_a_record_that_is_a_week_old_or_from_the_future_is_not_taken(members, age_s, taken):
    assert members.heard(living(5, age_s=age_s), peer_id(1), HOST, 0.0, NOW) is taken


def test_hearsay_says_nothing_of_when_this_node_met_somebody(members):
    is_linked(members, 5)

    members.heard(living(5, age_s=-60), peer_id(1), HOST, 0.0, NOW + 60)

    assert members.get(peer_id(5)).entry.last_seen_at == NOW


def test_what_does_not_fit_into_the_table_is_not_known():
    members = members_of(most=2)
    knows(members, 5, 6)

    assert not members.heard(living(7), peer_id(1), HOST, 0.0, NOW)
    assert members.get(peer_id(7)) is None


def test_a_linked_peer_for_which_the_table_has_no_room_is_known_while_it_is_linked():
    members = members_of(most=1)
    is_linked(members, 5, 6)

    assert (len(members), members.live) == (2, 2)
    members.unlinked(peer_id(6), 0.3, 1.0, NOW)

    assert members.get(peer_id(6)) is None
    assert (len(members), members.live) == (1, 1)


def test_whoever_gave_its_place_to_another_may_come_back():
    members = members_of(most=1)
    knows(members, 5)
    is_linked(members, 6)
    members.unlinked(peer_id(6), 0.3, 0.0, NOW)
    members.forget_old(NOW)
    assert members.get(peer_id(5)).entry is not None, "it is still there until the next review"

    is_linked(members, 5)
    members.unlinked(peer_id(5), 0.3, 0.0, NOW)
    members.review(NOW)

    assert [int(member.peer_id, 16) for member in members] == [6]
    assert not members.heard(living(5, age_s=-9), peer_id(1), HOST, 0.0, NOW)


# Dialling, and failing to.


def test_failures_put_a_dial_off_longer_and_longer(members):
    knows(members, LARGER)
    waits = []

    for _ in range(10):
        fails(members, LARGER, now=100.0)
        waits.append(members.turns.next_at() - 100.0)

    assert 0.5 <= waits[0] <= 1.0
    assert 64.0 <= waits[7] <= 128.0
    assert 150.0 <= waits[9] <= 300.0


def test_who_failed_so_often_is_lost_and_no_longer_counted_as_alive(members):
    knows(members, 5, 6)
    assert (members.live, members.lost) == (2, 0)

    news = fails(members, 5, times=4)

    assert news == [False, False, True, False], "it is said once"
    assert (members.live, members.lost) == (1, 1)
    assert members.get(peer_id(5)) is not None
    assert ready(members, 999.0, Hope.LOST) == {peer_id(5)}


def test_a_link_forgives_and_its_loss_is_mended_soon(members):
    knows(members, LARGER)
    fails(members, LARGER, times=8)

    is_linked(members, LARGER)
    members.unlinked(peer_id(LARGER), 0.2, 50.0, NOW)

    assert ready(members, 50.1) == set()
    assert ready(members, 50.2) == {peer_id(LARGER)}
    assert (members.live, members.lost) == (1, 0)


def test_who_moved_is_tried_again_soon(members):
    knows(members, LARGER)
    fails(members, LARGER, times=8, at=NOW + 100)

    members.heard(living(LARGER, age_s=-50, host="192.0.2.77"), peer_id(1), HOST, 1.0, NOW + 100)

    assert ready(members, 2.0) == {peer_id(LARGER)}


@pytest.mark.parametrize(("signed_after_s", "tried"), [(-1, False), (1, True)])
def test_who_signed_a_record_since_it_failed_is_tried_again_soon(members, signed_after_s, tried):
    members.heard(living(LARGER, age_s=500), peer_id(1), HOST, 0.0, NOW)
    fails(members, LARGER, times=8, at=NOW - 100)

    members.heard(living(LARGER, age_s=100 - signed_after_s), peer_id(1), HOST, 1.0, NOW)

    assert (ready(members, 2.0) == {peer_id(LARGER)}) is tried


def test_who_is_busy_or_linked_is_not_ready(members):
    knows(members, 5, 6)
    members.begin(peer_id(5))
    is_linked(members, 6)
    assert ready(members, 9.0) == set()

    members.end(peer_id(5))

    assert ready(members, 9.0) == {peer_id(5)}


def test_a_dial_that_fails_after_the_peer_linked_by_itself_says_nothing(members):
    is_linked(members, 5)

    assert fails(members, 5, times=3) == [False] * 3
    assert members.get(peer_id(5)).entry.failures == 0


def test_who_wants_a_rest_gets_it_and_is_counted_as_alive(members):
    knows(members, LARGER)

    members.rest(peer_id(LARGER), 60.0, 0.0)

    assert ready(members, 59.0) == set()
    assert ready(members, 60.0) == {peer_id(LARGER)}
    assert members.live == 1


def test_who_listens_on_nothing_that_can_be_dialled_is_known_and_nothing_more(members):
    members.can_dial(["rest"])
    knows(members, LARGER)

    assert (len(members), members.live) == (1, 0)
    assert ready(members, 9.0) == set()
    is_linked(members, LARGER)
    assert members.live == 1


def test_what_can_be_dialled_may_become_known_later(members):
    knows(members, LARGER)

    members.can_dial(["rest"])
    assert ready(members, 9.0) == set()
    members.can_dial(["rest", "grpc"])

    assert ready(members, 9.0) == {peer_id(LARGER)}


def test_those_who_are_hurried_are_all_tried_within_that_time(members):
    knows(members, 5, 6, 7)
    fails(members, 5, times=9)
    fails(members, 6, times=1, now=90.0)
    members.rest(peer_id(7), 900.0, 90.0)

    members.hurry((Hope.SOME, Hope.LOST), 5.0, 100.0)

    assert ready(members, 105.0, *Hope) == {peer_id(5), peer_id(6)}


# Getting old.


def test_who_gave_no_sign_for_a_day_is_not_counted_as_alive_and_not_dialled(members):
    members.heard(living(5, age_s=DAY - 60), peer_id(1), HOST, 0.0, NOW)
    assert members.live == 1

    members.review(NOW + 61)

    assert members.live == 0
    assert ready(members, 99.0) == set()
    assert ready(members, 99.0, Hope.OLD) == {peer_id(5)}


def test_what_is_a_day_old_when_it_is_heard_of_is_not_dialled(members):
    members.heard(living(5, age_s=DAY + 60), peer_id(1), HOST, 0.0, NOW)

    assert members.live == 0


def test_who_was_known_when_the_node_fell_asleep_is_as_good_as_before_when_it_wakes(members):
    knows(members, 5)
    is_linked(members, 6)
    members.unlinked(peer_id(6), 0.3, 0.0, NOW)

    members.awake(NOW + 8 * DAY)
    members.review(NOW + 8 * DAY)

    assert members.live == 2


def test_who_is_or_was_linked_was_seen_until_then(members):
    is_linked(members, 5, 6)

    members.unlinked(peer_id(5), 0.3, 600.0, NOW + 600)
    members.review(NOW + 3600)

    assert members.get(peer_id(5)).entry.last_seen_at == NOW + 600
    assert members.get(peer_id(6)).entry.last_seen_at == NOW + 3600


def test_whom_the_table_lets_go_is_gone(members):
    knows(members, 5, 6)
    fails(members, 5, times=3)

    members.forget_old(NOW)
    members.review(NOW)

    assert members.get(peer_id(5)) is None
    assert (len(members), members.live, members.lost) == (1, 1, 0)


# The disk.


def row(number: int, **changes) -> PeerRow:
    values = {"first_seen_at": NOW - DAY, "last_seen_at": NOW - 60, "proved_at": NOW - 60, **changes}
    return PeerRow(living(number, age_s=DAY), **values)


def test_a_restored_table_is_worth_trying_however_long_the_node_was_away(members):
    members.awake(NOW + 30 * DAY)

    members.restore([row(5, failures=1, rtt_ms=25.0)], 0.0, NOW + 30 * DAY)

    assert ready(members, 1.0) == {peer_id(5)}
    assert [member.rtt_s for member in members.measured] == [0.025]


def test_a_node_does_not_restore_itself(members):
    members.restore([row(0x8000)], 0.0, NOW)

    assert len(members) == 0


def test_rows_that_changed_are_given_once_with_what_this_node_has_seen(members):
    is_linked(members, 5)
    knows(members, 6)
    members.measure(peer_id(5), 0.040, 0.0, smooth=True)

    rows, gone = members.take_changes({peer_id(5)}.__contains__)

    assert {found.record.peer_id: (found.last_seen_at, found.is_bootstrap, found.rtt_ms) for found in rows} == {
        peer_id(5): (NOW, True, 40.0),
        peer_id(6): (0, False, None),
    }
    assert gone == []
    assert members.take_changes(lambda _: False) == ([], [])


def test_who_is_gone_is_to_be_deleted(members):
    knows(members, 5)
    fails(members, 5, times=3)
    members.take_changes(lambda _: False)

    members.forget_old(NOW)
    members.review(NOW)

    assert members.take_changes(lambda _: False) == ([], [peer_id(5)])


def test_changes_that_could_not_be_written_come_again(members):
    knows(members, 5, 6)
    fails(members, 5, times=3)
    members.forget_old(NOW)
    members.review(NOW)
    changes = members.take_changes(lambda _: False)

    members.not_saved(*changes)

    assert members.take_changes(lambda _: False) == changes
    knows(members, 5)
    members.not_saved([], [peer_id(5)])
    assert members.take_changes(lambda _: False)[1] == [], "it is back"


# Round trips.


def test_round_trips_of_looks_are_smoothed_and_those_of_links_are_so_already(members):
    knows(members, 5)

    members.measure(peer_id(5), 0.1, 0.0, smooth=True)
    members.measure(peer_id(5), 0.2, 0.0, smooth=True)
    assert members.get(peer_id(5)).rtt_s == pytest.approx(0.125)
    members.measure(peer_id(5), 0.5, 0.0, smooth=False)

    assert members.get(peer_id(5)).rtt_s == 0.5


# In any order.


def hear(members: Membership, number: int, now: float, at: int) -> None:
    members.heard(record(number, HOST, seq=at * 1000), peer_id(99), HOST, now, at)


def link(members: Membership, number: int, now: float, at: int) -> None:
    if peer_id(number) not in members.linked:
        members.proved(record(number, HOST, seq=at * 1000), HOST, now, at)
        members.linked_with(peer_id(number), now)


def forget(members: Membership, number: int, now: float, at: int) -> None:
    members.forget_old(at)
    members.review(at)


STEPS = (
    hear,
    link,
    forget,
    lambda members, number, now, at: members.unlinked(peer_id(number), 0.3, now, at),
    lambda members, number, now, at: members.failed(peer_id(number), now, at),
    lambda members, number, now, at: members.begin(peer_id(number)),
    lambda members, number, now, at: members.end(peer_id(number)),
    lambda members, number, now, at: members.rest(peer_id(number), 5.0, now),
    lambda members, number, now, at: members.hurry((Hope.SOME, Hope.LOST), 1.0, now),
)


@settings(max_examples=300, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=60))
def test_what_is_counted_is_what_is_there_and_who_waits_is_neither_linked_nor_busy(steps):
    members = Membership(ME, PeerTable(SECRET, 4), Random(1), failure_threshold=2, retry_most_s=60.0)
    members.awake(NOW)

    for place, (step, number) in enumerate(steps):
        step(members, number, float(place), NOW + place)
        everybody = list(members)
        assert members.live == sum(member.live for member in everybody)
        assert members.lost == sum(member.lost for member in everybody)
        assert set(members.linked) == {member.peer_id for member in everybody if member.linked}
        waiting = ready(members, 1e9, *Hope)
        assert waiting == {member.peer_id for member in everybody if not (member.linked or member.busy)}
        assert len(members) <= 4 + len(members.linked) + 1
