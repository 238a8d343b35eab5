"""Whatever can be said comes back as it was said; whatever is cut short is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message_strategies import KINDS, messages

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

ANY = st.one_of(map(messages, KINDS))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_message_comes_back_as_it_went_and_has_one_form(kind: type):
    @settings(derandomize=True, max_examples=25, deadline=None, database=None)
    @given(messages(kind))
    def round_trip(message) -> None:
        frame = encode_frame(message)

        [read] = decode_batch(frame)

        assert read == message
        assert encode_frame(read) == frame

    round_trip()


@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(st.lists(ANY, max_size=6))
def test_messages_keep_their_order_in_a_batch(said):
    assert decode_batch(b"".join(map(encode_frame, said))) == said


@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(st.lists(ANY, max_size=2), ANY, st.data())
def test_a_batch_that_is_cut_in_a_frame_is_refused(before, last, data):
    whole = b"".join(map(encode_frame, before))
    frame = encode_frame(last)
    at = data.draw(st.integers(1, len(frame) - 1))

    with pytest.raises(RemoteProtocolError):
        decode_batch(whole + frame[:at])
