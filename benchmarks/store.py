"""How fast the SQLite store takes and gives: ``python benchmarks/store.py [ROWS] [PAYLOAD_BYTES]``.

CPU microseconds a row say more than rows a second: the latter depend on the disk and on what else the machine does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter, process_time

from rich.console import Console
from rich.table import Table

from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.model.transaction import Arrival
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, submissions_of

DEFAULT_ROWS, DEFAULT_PAYLOAD_BYTES = 20_000, 1024


def main() -> None:
    """Measure everything once and print it."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROWS
    payload_bytes = int(sys.argv[2]) if len(sys.argv) > 2 else DEFAULT_PAYLOAD_BYTES
    table = Table("what", "rows/s", "CPU us/row", "ms/call", title=f"SQLite store, {rows} rows of {payload_bytes} bytes")
    for name, rows_per_call, calls in measurements(rows, payload_bytes):
        timed(table, name, rows_per_call, calls)
    Console().print(table)


def measurements(rows: int, payload_bytes: int) -> Iterator[tuple[str, int, list[Callable[[], object]]]]:
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
    yield from readings(arrivals)


def readings(arrivals: list[Arrival]) -> Iterator[tuple[str, int, list[Callable[[], object]]]]:
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


def opened() -> closing[SqliteStore]:
    """A new store in a file of its own."""
    store = SqliteStore(str(Path(_directory.name) / f"{next(_numbers)}.db"))
    store.open()
    return closing(store)


if __name__ == "__main__":
    main()
