"""A store against a model of it: whatever is asked of both in whatever order, they answer alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from sorcha_peer_core.model.ids import TxHash, tx_hash_of
from sorcha_peer_core.model.transaction import Arrival, Queued, QueueRow, QueueState
from sorcha_peer_core.testing.store_opened import OpenedStore
from sorcha_peer_core.testing.store_samples import NOW_MS, submissions_of, transaction_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store

_SEEDS = range(8)
_STEPS = 120
_LOOK_CLOSELY_EVERY = 6
_PAYLOADS = [bytes([number]) * (1 + number % 9) for number in range(24)]
_STATES = list(QueueState)
_EVERYTHING = 1000


class Question(NamedTuple):
    """Something that is asked of both, and how a failure calls it."""

    words: str
    ask: Callable[[Store], Any]


class ModelSuite(OpenedStore):
    """Random questions. Only the numbers of rows may differ, not their order."""

    outlives_the_process = False
    """``open_store`` opens the same place again during one test."""

    def open_model(self) -> Store:
        """Return a store that is known to be right, open and empty: the one in memory. Overridden by the author of the store."""
        raise NotImplementedError("return sorcha_peer_core.builtin.memory_store.MemoryStore() in open_model(), opened")

    def new_place(self) -> None:
        """Make ``open_store`` open an empty store from now on. Overridden by the author of a store that outlives the process."""

    def test_it_answers_as_the_model_does_whatever_is_asked(self) -> None:
        for seed in _SEEDS:
            self._compare(seed)

    def _compare(self, seed: int) -> None:
        self.new_place()
        rng, model, store = Random(seed), self.open_model(), self.open_store()
        history: list[str] = []
        try:
            for step in range(_STEPS):
                if self.outlives_the_process and rng.random() < 0.03:
                    history.append("close and open")
                    store.close()
                    store = self.open_store()
                closely = () if step % _LOOK_CLOSELY_EVERY else _NOW_AND_THEN
                for question in (_question(rng), *_AFTER_EACH, *closely):
                    history.append(question.words)
                    expected, found = question.ask(model), question.ask(store)
                    assert found == expected, f"seed {seed}: {found} is not {expected} after\n" + "\n".join(_changes(history))
        finally:
            store.close()


def _changes(history: Sequence[str]) -> list[str]:
    unchanging = {question.words for question in (*_AFTER_EACH, *_NOW_AND_THEN)}
    return [*(words for words in history[:-1] if words not in unchanging), history[-1]]


def _question(rng: Random) -> Question:
    ask = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return ask(rng)


def _put(rng: Random) -> Question:
    payloads, at_ms = _some(rng), _time(rng)
    return Question(f"put {payloads}", lambda store: store.put(submissions_of(*payloads), at_ms))


def _append(rng: Random) -> Question:
    arrivals = [
        Arrival(transaction_of(payload, created_ms=_time(rng)), _time(rng), rng.randrange(4), rng.random() < 0.6)
        for payload in _some(rng)
    ]
    words = [(arrival.transaction.payload, arrival.transaction.header.created_ms, arrival[1:]) for arrival in arrivals]
    return Question(f"append {words}", lambda store: store.append(arrivals))


def _delivered(rng: Random) -> Question:
    hashes = _hashes(rng)
    return Question(f"delivered {_names(hashes)}", lambda store: store.delivered(hashes))


def _postpone(rng: Random) -> Question:
    attempts = {tx_hash: rng.randrange(5) for tx_hash in _hashes(rng)}
    at_ms = _time(rng)
    return Question(f"postpone {_names(attempts)} to {at_ms}", lambda store: store.postpone(attempts, at_ms, "late"))


def _give_up(rng: Random) -> Question:
    reasons = {tx_hash: rng.choice(("refused", "nobody")) for tx_hash in _hashes(rng)}
    at_ms = _time(rng)
    return Question(f"give_up {_names(reasons)}", lambda store: store.give_up(reasons, at_ms))


def _revive(rng: Random) -> Question:
    hashes = rng.choice((None, _hashes(rng)))
    return Question(f"revive {_names(hashes or ())}", lambda store: store.revive(hashes))


def _drop(rng: Random) -> Question:
    hashes = rng.choice((None, _hashes(rng)))
    return Question(f"drop {_names(hashes or ())}", lambda store: store.drop(hashes))


def _lapse(rng: Random) -> Question:
    return Question("lapse", lambda store: store.lapse())


def _due(rng: Random) -> Question:
    at_ms, limit = _time(rng), rng.randrange(1, 6)
    return Question(f"due {at_ms} {limit}", lambda store: store.due(at_ms, limit))


def _prune(rng: Random) -> Question:
    # Whole logs fall to the one or the other only now and then.
    before_ms = _time(rng) - rng.choice((0, 5, 10))
    keep_bytes, most = rng.choice((0, 20, 60, 1000)), rng.randrange(8)
    return Question(f"prune {before_ms} {keep_bytes} {most}", lambda store: store.prune(before_ms, keep_bytes, most))


def _created(rng: Random) -> Question:
    start_ms, limit, after = _time(rng), rng.randrange(1, 8), rng.choice((b"", tx_hash_of(rng.choice(_PAYLOADS))))
    words = f"created from {start_ms} after {after.hex()[:6]}, {limit}"
    return Question(words, lambda store: store.created(start_ms, start_ms + 8, limit, after))


def _after(rng: Random) -> Question:
    seq, limit = rng.randrange(60), rng.randrange(1, 8)
    return Question(f"after {seq}, {limit}", lambda store: store.after(seq, limit))


def _before(rng: Random) -> Question:
    seq, limit = rng.randrange(60), rng.randrange(1, 8)
    return Question(f"before {seq}, {limit}", lambda store: store.before(seq, limit))


def _between(rng: Random) -> Question:
    first, last = sorted(tx_hash_of(rng.choice(_PAYLOADS)) for _ in range(2))
    limit = rng.randrange(1, 8)
    return Question(f"between {first.hex()[:6]} and {last.hex()[:6]}, {limit}", lambda store: store.between(first, last, limit))


def _recent(rng: Random) -> Question:
    most = rng.randrange(30)
    return Question(f"recent_hashes {most}", lambda store: list(store.recent_hashes(most)))


def _queued(rng: Random) -> Question:
    place, limit, most_bytes = rng.randrange(6), rng.randrange(1, 6), rng.randrange(40)

    def ask(store: Store) -> list[Queued]:
        row_id = _row_id(store, place)
        return [row._replace(row_id=0) for row in store.queued(row_id, limit, most_bytes)]

    return Question(f"queued after row {place}, {limit} of {most_bytes} bytes", ask)


def _queue_rows(rng: Random) -> Question:
    states = rng.sample(_STATES, rng.randrange(5))
    place, limit = rng.randrange(6), rng.randrange(1, 6)

    def ask(store: Store) -> list[QueueRow]:
        return _unnumbered(store.queue_rows(states, _row_id(store, place), limit))

    return Question(f"queue_rows {states} after row {place}, {limit}", ask)


_WEIGHTS: dict[Callable[[Random], Question], int] = {
    _put: 20, _append: 25, _delivered: 4, _postpone: 10, _give_up: 5, _revive: 3, _drop: 1, _lapse: 1, _due: 8, _prune: 8,
    _created: 4, _after: 3, _before: 3, _between: 3, _recent: 3, _queued: 3, _queue_rows: 3,
}  # fmt: skip


def _all_payloads(store: Store) -> list[bytes | None]:
    return [store.payload(tx_hash_of(payload)) for payload in _PAYLOADS]


_ALL_HASHES = [tx_hash_of(payload) for payload in _PAYLOADS]
_AFTER_EACH = (
    Question("totals", lambda store: store.totals()),
    Question("log_bytes", lambda store: store.log_bytes()),
    Question("queue_totals", lambda store: store.queue_totals()),
    Question("next_due_ms", lambda store: store.next_due_ms()),
)
_NOW_AND_THEN = (
    Question("oldest_seq", lambda store: store.oldest_seq()),
    Question("all of known", lambda store: store.known(_ALL_HASHES)),
    Question("all of load", lambda store: store.load(_ALL_HASHES)),
    Question("all of after", lambda store: store.after(0, _EVERYTHING)),
    Question("all of queue_rows", lambda store: _unnumbered(store.queue_rows(_STATES, 0, _EVERYTHING))),
    Question("all of payload", _all_payloads),
)


def _some(rng: Random) -> list[bytes]:
    return rng.choices(_PAYLOADS, k=rng.randrange(1, 6))


def _hashes(rng: Random) -> list[TxHash]:
    return [tx_hash_of(payload) for payload in _some(rng)]


def _names(hashes: Sequence[TxHash] | dict[TxHash, Any]) -> list[int]:
    return [_ALL_HASHES.index(tx_hash) for tx_hash in hashes]


def _time(rng: Random) -> float:
    return NOW_MS + rng.randrange(20)


def _row_id(store: Store, place: int) -> int:
    rows = store.queue_rows(_STATES, 0, place)
    return rows[-1].row_id if place and rows else 0


def _unnumbered(rows: Sequence[QueueRow]) -> list[QueueRow]:
    return [row._replace(row_id=0) for row in rows]
