"""How fast a store takes and gives: ``python benchmarks/store.py [ROWS] [PAYLOAD_BYTES] [URL]``.

URL names a PostgreSQL database, in which each measurement makes a schema of its own and removes it; without it SQLite is
measured. CPU microseconds a row say more than rows a second: the latter depend on the disk and on what else the machine does.
Of a database they count this process alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter, process_time

from rich.console import Console
from rich.table import Table

from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.interfaces.store import Store
from sorcha_peer_core.model.transaction import Arrival, QueueState
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, submissions_of

Opened = Callable[[], AbstractContextManager[Store]]
Measurement = tuple[str, int, list[Callable[[], object]]]

DEFAULT_ROWS, DEFAULT_PAYLOAD_BYTES = 20_000, 1024


def main() -> None:
    """Measure everything once and print it."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROWS
    payload_bytes = int(sys.argv[2]) if len(sys.argv) > 2 else DEFAULT_PAYLOAD_BYTES
    opened = postgres_opened(sys.argv[3]) if len(sys.argv) > 3 else sqlite_opened
    kind = "PostgreSQL" if len(sys.argv) > 3 else "SQLite"
    table = Table("what", "rows/s", "CPU us/row", "ms/call", title=f"{kind} store, {rows} rows of {payload_bytes} bytes")
    for name, rows_per_call, calls in measurements(opened, rows, payload_bytes):
        timed(table, name, rows_per_call, calls)
    Console().print(table)


def measurements(opened: Opened, rows: int, payload_bytes: int) -> Iterator[Measurement]:
    """Name, rows of one call, and the calls; each is used up before the next is made."""
    payloads = [Random(1).randbytes(payload_bytes - 8) + number.to_bytes(8, "big") for number in range(rows)]
    arrivals = [arrival_of(payload, received_ms=NOW_MS + number) for number, payload in enumerate(payloads)]
    for batch in (1, 10, 100, 250, 1000):
        with opened() as store:
            yield f"append {batch}", batch, [lambda part=part: store.append(part) for part in slices(arrivals, batch)]
    for batch in (1, 10, 250):
        with opened() as store:
            submissions = submissions_of(*payloads[: min(rows, batch * 400)])
            yield f"put {batch}", batch, [lambda part=part: store.put(part, NOW_MS) for part in slices(submissions, batch)]
            own = [arrival_of(submission.payload, own=True) for submission in submissions]
            yield f"append {batch} own", batch, [lambda part=part: store.append(part) for part in slices(own, batch)]
            hashes = [submission.tx_hash for submission in submissions]
            yield f"delivered {batch}", batch, [lambda part=part: store.delivered(part) for part in slices(hashes, batch)]
    yield from backlogs(opened, payloads)
    yield from readings(opened, arrivals)


def backlogs(opened: Opened, payloads: list[bytes]) -> Iterator[Measurement]:
    """A long queue: what is asked of it again and again, and pruning beside it."""
    with opened() as store:
        for part in slices(submissions_of(*payloads), 1000):
            store.put(part, NOW_MS)
        half = [arrival_of(payload, received_ms=NOW_MS + number, own=True) for number, payload in enumerate(payloads)]
        for part in slices(half[: len(half) // 2], 1000):
            store.append(part)
        yield "queued, pages of 128", 128, [lambda: store.queued(0, 128, 1 << 24) for _ in range(200)]
        yield "queue_rows, pages of 100", 100, [lambda: store.queue_rows(list(QueueState), 0, 100) for _ in range(100)]
        store.lapse()
        yield "due 250", 250, [lambda: store.due(NOW_MS, 250) for _ in range(len(half) // 2 // 250)]
        attempts = [{arrival.transaction.hash: 1 for arrival in part} for part in slices(half[: len(half) // 2], 250)]
        yield "postpone 250", 250, [lambda part=part: store.postpone(part, NOW_MS, "late") for part in attempts]
        store.delivered([arrival.transaction.hash for arrival in half[: len(half) // 4]])
        yield (
            "prune 200 by age",
            200,
            [lambda: store.prune(NOW_MS + len(half), 1 << 50, 200) for _ in range(len(half) // 8 // 200)],
        )
        yield "prune 200 by size", 200, [lambda: store.prune(0, 0, 200) for _ in range(len(half) // 8 // 200)]


def readings(opened: Opened, arrivals: list[Arrival]) -> Iterator[Measurement]:
    """From a store that holds all arrivals."""
    with opened() as store:
        for part in slices(arrivals, 1000):
            store.append(part)
        hashes = [arrival.transaction.hash for arrival in arrivals]
        Random(2).shuffle(hashes)
        yield "after, pages of 500", 500, [lambda seq=seq: store.after(seq, 500) for seq in range(0, len(hashes), 500)]
        yield "after, pages of 1", 1, [lambda seq=seq: store.after(seq, 1) for seq in range(2000)]
        yield "load 64", 64, [lambda part=part: store.load(part) for part in slices(hashes, 64)]
        yield "load 1", 1, [lambda part=part: store.load(part) for part in slices(hashes[:2000], 1)]
        yield "known 64", 64, [lambda part=part: store.known(part) for part in slices(hashes, 64)]
        yield "recent_hashes", len(hashes), [lambda: list(store.recent_hashes(len(hashes)))]
        bloom = BloomHashFilter(b"salt", 3600.0)
        recent = list(store.recent_hashes(len(hashes)))
        yield "filter: fill", len(hashes), [lambda: bloom.fill(recent, complete=True)]
        yield "filter: definitely_new", len(hashes), [lambda: [bloom.definitely_new(tx_hash) for tx_hash in hashes]]


def timed(table: Table, name: str, rows_per_call: int, calls: list[Callable[[], object]]) -> None:
    """Run the calls and add a line."""
    began_s, began_cpu_s = perf_counter(), process_time()
    for call in calls:
        call()
    wall_s, cpu_s = perf_counter() - began_s, process_time() - began_cpu_s
    rows = rows_per_call * len(calls)
    table.add_row(name, f"{rows / wall_s:,.0f}", f"{cpu_s / rows * 1e6:.1f}", f"{wall_s / len(calls) * 1000:.3f}")


def slices(values: list, size: int) -> list[list]:
    """All full slices of this size."""
    return [values[at : at + size] for at in range(0, len(values) - size + 1, size)]


_directory = tempfile.TemporaryDirectory(prefix="sorcha-store-")
_numbers = count()


@contextmanager
def sqlite_opened() -> Iterator[Store]:
    """A new store in a file of its own."""
    store = SqliteStore(str(Path(_directory.name) / f"{next(_numbers)}.db"))
    store.open()
    with closing(store):
        yield store


def postgres_opened(url: str) -> Opened:
    """New stores in schemas of their own, which go with them."""
    import psycopg2

    from sorcha_peer_core.builtin.postgres_store import PostgresStore

    def run(statement: str) -> None:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)

    @contextmanager
    def opened() -> Iterator[Store]:
        schema = f"benchmark_{next(_numbers)}"
        run(f"CREATE SCHEMA {schema}")
        try:
            store = PostgresStore(f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}")
            store.open()
            with closing(store):
                yield store
        finally:
            run(f"DROP SCHEMA {schema} CASCADE")

    return opened


if __name__ == "__main__":
    main()
