"""Large transactions, piece by piece: in order, within bounds, resumable."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.messages import Chunk, WantChunks
from sorcha_peer_core.protocol.transfer import Transfer
from sorcha_peer_core.testing.network_node import make_transaction

TX = make_transaction(b"0123456789")
FIRST = Chunk(TX.hash, 0, b"0123", TX.header, TX.header_bytes, TX.signature, 3)


def transfer(size: int = 10) -> Transfer:
    return Transfer(TX.hash, size, chunk_bytes=4, window=2)


def test_pieces_in_order_make_the_whole():
    whole = transfer()

    taken = [whole.add(FIRST), whole.add(Chunk(TX.hash, 4, b"4567")), whole.add(Chunk(TX.hash, 8, b"89"))]

    assert taken == [True] * 3
    assert whole.complete
    assert whole.push() == (TX, 3, 0)


@pytest.mark.parametrize(
    "piece",
    [
        Chunk(TX.hash, 0, b"0123"),
        Chunk(TX.hash, 4, b"4567"),
        FIRST._replace(data=b""),
        FIRST._replace(data=b"0123456789A"),
    ],
    ids=["no envelope", "not the next", "empty", "past the end"],
)
def test_a_piece_that_does_not_fit_changes_nothing(piece: Chunk):
    whole = transfer()

    assert not whole.add(piece)
    assert (whole.offset, whole.complete) == (0, False)


def test_the_same_piece_twice_counts_once():
    whole = transfer()

    assert [whole.add(FIRST), whole.add(FIRST)] == [True, False]
    assert whole.offset == 4


def test_windows_begin_where_the_last_good_piece_ended():
    whole = transfer()
    first = whole.next_window()
    whole.add(FIRST)
    half = whole.window_done
    whole.add(Chunk(TX.hash, 4, b"4567"))

    assert (first, half, whole.window_done) == (WantChunks(TX.hash, 0, 2), False, True)
    assert whole.next_window() == WantChunks(TX.hash, 8, 2)
