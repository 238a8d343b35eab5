"""Suspicion of a partition: what raises it, what ends it, and what does neither."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.events import Event, PartitionOver, PartitionSuspected
from sorcha_peer_core.protocol.partition import PartitionWatch

ANN, BOB, CAT = 1, 2, 3


class Told(list):
    def kinds(self) -> list[type]:
        return [type(event) for event in self]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watch(told: list[Event]) -> PartitionWatch:
    return PartitionWatch(told.append)


def differ(watch: PartitionWatch, peer: int, times: int, now: float = 0.0, lacking: int = 10) -> None:
    for _ in range(times):
        watch.compared(peer, 100, lacking, now)
    watch.judge(now)


def test_many_peers_that_go_within_a_minute_are_a_partition(watch: PartitionWatch, told: Told):
    watch.live(20, 0.0)
    watch.live(15, 10.0)
    before = watch.is_suspected
    watch.live(11, 50.0)

    assert (before, watch.is_suspected) == (False, True)
    assert told == [PartitionSuspected("of 20 live peers 11 are left")]


def test_peers_that_go_one_by_one_are_none(watch: PartitionWatch, told: Told):
    for number in range(12):
        watch.live(20 - number, number * 30.0)

    assert told == []


def test_a_drop_long_after_the_last_change_counts_from_what_there_was(watch: PartitionWatch):
    watch.live(20, 0.0)
    watch.live(10, 5000.0)

    assert watch.is_suspected


@pytest.mark.parametrize("peers", [1, 2])
def test_in_a_network_of_two_or_three_nobody_suspects_a_partition(watch: PartitionWatch, peers: int):
    watch.live(peers, 0.0)
    watch.live(0, 1.0)

    assert not watch.is_suspected


def test_it_is_over_when_most_peers_are_back(watch: PartitionWatch, told: Told):
    watch.live(20, 0.0)
    watch.live(10, 1.0)
    watch.live(15, 31.0)
    still = watch.is_suspected
    watch.live(16, 61.0)

    assert still
    assert told.kinds() == [PartitionSuspected, PartitionOver]
    assert told[1] == PartitionOver(60.0)


def test_peers_that_stay_away_have_left(watch: PartitionWatch, told: Told):
    watch.live(20, 0.0)
    watch.live(10, 1.0)
    watch.judge(800.0)
    still = watch.is_suspected
    watch.judge(902.0)
    watch.live(10, 903.0)

    assert still
    assert told.kinds() == [PartitionSuspected, PartitionOver]


def test_several_neighbours_that_keep_having_other_transactions_are_a_partition(watch: PartitionWatch, told: Told):
    differ(watch, ANN, 3)
    one = watch.is_suspected
    differ(watch, BOB, 2)
    two = watch.is_suspected
    differ(watch, BOB, 1)

    assert (one, two, watch.is_suspected) == (False, False, True)
    assert told == [PartitionSuspected("2 neighbours keep having other transactions")]


def test_one_neighbour_alone_cannot_raise_it(watch: PartitionWatch):
    differ(watch, ANN, 100, lacking=100)

    assert not watch.is_suspected


def test_small_differences_and_few_transactions_say_nothing(watch: PartitionWatch):
    for peer in (ANN, BOB, CAT):
        differ(watch, peer, 10, lacking=5)
        for _ in range(10):
            watch.compared(peer, 19, 19, 0.0)
    watch.judge(0.0)

    assert not watch.is_suspected


def test_it_is_over_when_neighbours_agree_are_gone_or_say_nothing_more(watch: PartitionWatch, told: Told):
    for peer in (ANN, BOB):
        differ(watch, peer, 3)
    differ(watch, ANN, 1, lacking=0)
    agreed = watch.is_suspected
    differ(watch, ANN, 3)
    watch.unlinked(BOB)
    watch.judge(1.0)
    gone = watch.is_suspected
    differ(watch, BOB, 3, now=2.0)
    again = watch.is_suspected
    watch.judge(70.0)

    assert (agreed, gone, again, watch.is_suspected) == (False, False, True, False)
    assert told.kinds() == [PartitionSuspected, PartitionOver] * 3
