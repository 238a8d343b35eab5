"""The state of a link whose batches travel in calls: order, room and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorcha_peer_core.errors import LinkClosed, RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.wire.polled_pipe import Numbered, PolledPipe


def delivered(pipe: PolledPipe) -> list[bytes]:
    return list(iter(pipe.deliver, None))


def test_batches_are_numbered_from_one_in_the_order_they_are_put():
    pipe = PolledPipe(most_ahead=1)
    pipe.put(b"a")
    pipe.put(b"b")

    assert [pipe.take(), pipe.take(), pipe.take()] == [Numbered(1, b"a"), Numbered(2, b"b"), None]


def test_there_is_room_until_two_batches_wait():
    pipe = PolledPipe(most_ahead=1)
    room = []
    for _ in range(3):
        room.append(pipe.has_room)
        pipe.put(b"x")

    assert room == [True, True, False]


@pytest.mark.parametrize("size", [0, MAX_BATCH_BYTES + 1])
def test_a_batch_that_no_link_can_carry_is_not_put(size: int):
    pipe = PolledPipe(most_ahead=1)

    with pytest.raises(ValueError, match=str(size)):
        pipe.put(bytes(size))

    assert not pipe.has_outgoing


@given(st.permutations([1, 2, 3, 4]))
def test_batches_that_overtake_each_other_are_delivered_in_order(numbers: list[int]):
    pipe = PolledPipe(most_ahead=4)

    for number in numbers:
        pipe.arrive(number, b"%d" % number)

    assert delivered(pipe) == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_a_number_that_cannot_be_is_the_fault_of_the_peer(number: int):
    pipe = PolledPipe(most_ahead=2)
    pipe.arrive(1, b"a")
    pipe.deliver()
    pipe.arrive(2, b"b")

    with pytest.raises(RemoteProtocolError, match=f"number {number} "):
        pipe.arrive(number, b"again")


def test_a_batch_that_is_too_large_is_the_fault_of_the_peer():
    pipe = PolledPipe(most_ahead=1)

    with pytest.raises(RemoteProtocolError, match=str(MAX_BATCH_BYTES + 1)):
        pipe.arrive(1, bytes(MAX_BATCH_BYTES + 1))

    assert pipe.empty


def test_a_batch_is_first_when_everything_before_it_was_delivered():
    pipe = PolledPipe(most_ahead=2)
    pipe.arrive(1, b"a")
    pipe.arrive(2, b"b")
    before = pipe.is_first(2)

    pipe.deliver()

    assert (before, pipe.is_first(2)) == (False, True)


def test_what_the_peer_sent_before_it_closed_is_delivered_and_what_it_will_not_fetch_is_dropped():
    pipe = PolledPipe(most_ahead=1)
    pipe.put(b"never fetched")
    pipe.arrive(1, b"last words")

    pipe.end("the peer is gone", by_peer=True)

    assert (pipe.over, pipe.take(), delivered(pipe)) == (True, None, [b"last words"])


def test_what_was_put_before_the_own_end_can_still_be_taken():
    pipe = PolledPipe(most_ahead=1)
    pipe.put(b"goodbye")
    pipe.arrive(1, b"unread")

    pipe.end("enough", by_peer=False)

    assert (pipe.over, pipe.empty) == (False, True)
    assert pipe.take() == Numbered(1, b"goodbye")
    assert pipe.over


def test_nothing_is_put_or_kept_after_the_end():
    pipe = PolledPipe(most_ahead=2)
    pipe.end("enough", by_peer=False)

    pipe.arrive(1, b"late")

    assert pipe.empty
    with pytest.raises(LinkClosed, match="enough"):
        pipe.put(b"x")


def test_only_the_first_end_counts():
    pipe = PolledPipe(most_ahead=1)
    pipe.end("", by_peer=False)

    pipe.end("later", by_peer=True)

    assert pipe.reason == "the link is closed"
