"""What the stores on SQL know of the rows of their outbox: how they move, and how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import Arrival, QueueState, QueueTotals

PENDING, INFLIGHT, RETRY, DEAD = (state.value for state in QueueState)


class Row(NamedTuple):
    """The part of a row that decides what becomes of it."""

    id: int
    name: str
    """The hash as the table has it: in hexadecimal digits."""
    state: str
    size: int
    is_released: bool
    """The log has its payload, and the row no more."""


class Move(NamedTuple):
    """A row came (``old`` is empty), went (``new`` is empty) or changed its state."""

    old: str
    new: str
    size: int


class Step(NamedTuple):
    """What an append does."""

    new: list[tuple[int, Arrival]]
    """Seq, and what gets it."""
    released: list[tuple[float, Row]]
    """When, and the row that is in flight from now on."""
    delivered: list[Row]
    again: dict[TxHash, Arrival]
    """Own ones that were released before; perhaps sealed anew."""


def step_of(arrivals: Sequence[Arrival], seqs: dict[TxHash, int], rows: Mapping[TxHash, Row], last_seq: int) -> Step:
    """Number what is new, into ``seqs`` as well, and say what it means for the ``rows`` of these hashes."""
    step, waiting = Step([], [], [], {}), dict(rows)
    for arrival in arrivals:
        tx_hash = arrival.transaction.hash
        is_new = tx_hash not in seqs
        if is_new:
            last_seq += 1
            seqs[tx_hash] = last_seq
            step.new.append((last_seq, arrival))
        row = waiting.get(tx_hash)
        if row is None:
            continue
        if is_new and arrival.own:
            step.released.append((arrival.transaction.header.created_ms, row))
            waiting[tx_hash] = row._replace(is_released=True)
        elif is_new or not row.is_released:
            step.delivered.append(waiting.pop(tx_hash))
        elif arrival.own:
            step.again[tx_hash] = arrival
    return step


def moved(totals: QueueTotals, moves: Iterable[Move]) -> QueueTotals:
    """The totals after these moves."""
    rows, waiting_bytes = Counter[str](), totals.waiting_bytes
    for old, new, size in moves:
        rows[old] -= 1
        rows[new] += 1
        waiting_bytes += (new not in ("", DEAD)) * size - (old not in ("", DEAD)) * size
    return QueueTotals(
        totals.pending + rows[PENDING],
        totals.inflight + rows[INFLIGHT],
        totals.retry + rows[RETRY],
        totals.dead + rows[DEAD],
        waiting_bytes,
    )
