"""The order in which the transports of one peer are tried."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.peer import RungView
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.protocol.ladder import NOT_OFFERED_S, Ladder

RUNGS = ["grpcstream", "grpc", "rest"]


@pytest.fixture
def ladder() -> Ladder:
    return Ladder(RUNGS, BreakerConfig(failures_to_open=2, open_s=300.0))


def open_up(ladder: Ladder, *names: str) -> None:
    for name in names:
        for _ in range(2):
            ladder.failed(name, "nobody listens there", now=0.0)


def test_without_experience_the_order_is_the_configured_one(ladder):
    assert ladder.order(now=0.0) == RUNGS


@pytest.mark.parametrize(
    ("name", "order"), [("grpcstream", RUNGS), ("grpc", ["grpc", "grpcstream", "rest"]), ("rest", ["rest", "grpcstream", "grpc"])]
)
def test_what_worked_last_comes_first_and_the_others_from_the_top(ladder, name, order):
    ladder.succeeded(name)

    assert ladder.order(now=0.0) == order


def test_a_rung_that_is_open_is_left_out_until_it_half_opens(ladder):
    open_up(ladder, "grpcstream")

    assert ladder.order(now=299.0) == ["grpc", "rest"]
    assert ladder.order(now=300.0) == RUNGS


def test_nothing_is_tried_while_all_are_open(ladder):
    open_up(ladder, *RUNGS)

    assert ladder.order(now=1.0) == []


def test_one_failure_does_not_leave_a_rung_out(ladder):
    ladder.failed("grpcstream", "no answer", now=0.0)

    assert ladder.order(now=0.0) == RUNGS


def test_a_rung_that_is_not_offered_rests_for_a_day(ladder):
    ladder.failed("grpcstream", "UNIMPLEMENTED", now=0.0, offered=False)

    assert ladder.order(now=NOT_OFFERED_S - 1) == ["grpc", "rest"]
    assert ladder.order(now=NOT_OFFERED_S) == RUNGS
    assert NOT_OFFERED_S == 86_400


def test_when_the_best_fails_the_next_one_down_comes_first(ladder):
    ladder.succeeded("grpc")

    ladder.failed("grpc", "no answer", now=0.0)

    assert ladder.order(now=0.0) == ["rest", "grpcstream", "grpc"]


def test_below_the_lowest_there_is_only_the_top(ladder):
    ladder.succeeded("rest")

    ladder.failed("rest", "no answer", now=0.0)

    assert ladder.order(now=0.0) == RUNGS


def test_the_failure_of_another_does_not_cost_the_best_its_place(ladder):
    ladder.succeeded("rest")

    ladder.failed("grpc", "no answer", now=0.0)

    assert ladder.order(now=0.0)[0] == "rest"


@pytest.mark.parametrize(("used", "above"), [("grpcstream", []), ("grpc", ["grpcstream"]), ("rest", ["grpcstream", "grpc"])])
def test_above_are_the_better_rungs(ladder, used, above):
    assert ladder.above(used, now=0.0) == above


def test_above_are_only_rungs_that_may_be_tried(ladder):
    open_up(ladder, "grpcstream")

    assert ladder.above("rest", now=0.0) == ["grpc"]


def test_nothing_is_above_a_transport_that_this_node_does_not_dial(ladder):
    assert ladder.above("pigeon", now=0.0) == []


def test_a_success_closes_the_breaker(ladder):
    open_up(ladder, "grpcstream")

    ladder.succeeded("grpcstream")

    assert ladder.order(now=1.0) == RUNGS


def test_the_failure_of_an_unknown_transport_changes_nothing(ladder):
    ladder.failed("pigeon", "no answer", now=0.0)

    assert ladder.order(now=0.0) == RUNGS


def test_people_see_each_rung_with_its_last_error_and_how_old_it_is(ladder):
    open_up(ladder, "grpcstream")
    ladder.failed("grpc", "no answer", now=10.0)

    assert ladder.view(now=12.54) == [
        RungView("grpcstream", "open", "nobody listens there", 12.5),
        RungView("grpc", "closed", "no answer", 2.5),
        RungView("rest", "closed", "", None),
    ]
