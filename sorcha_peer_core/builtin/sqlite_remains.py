"""What can still be read of a table of which pages are gone, and whether it is what it was."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.wire.codec import decode_header

_MOST_STEPS = 40
_MOST_SINGLE = 100_000
"""Rows that are looked for one by one where a page is gone."""


class ReadableRows:
    """The rows of a table of which pages are gone: where one cannot be read, the next that can is looked for."""

    def __init__(self, source: sqlite3.Connection, table: str, columns: list[str], most_s: float) -> None:
        self._source = source
        self._from = f"SELECT {', '.join(columns)}, rowid FROM {table} NOT INDEXED"
        self._table = table
        self._until_s = time.monotonic() + most_s
        self.problem = ""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        last = 0
        while True:
            try:
                for row in self._source.execute(f"{self._from} WHERE rowid > ? ORDER BY rowid", (last,)):
                    last = row[-1]
                    yield row[:-1]
                    if time.monotonic() > self._until_s:
                        self.problem = "it takes too long"
                        return
            except sqlite3.Error as error:
                self.problem = str(error)
            else:
                return
            following = self._next_readable(last)
            for rowid in range(last + 1, min(following, last + _MOST_SINGLE)):
                yield from self._single(rowid)
            if following > self._last_possible():
                return
            last = following - 1

    def _next_readable(self, last: int) -> int:
        """From where on rows can be read again; the gap may be up to twice as large as what is gone."""
        for doublings in range(_MOST_STEPS):
            start = last + 1 + (1 << doublings)
            if start > self._last_possible():
                return start
            with suppress(sqlite3.Error):
                self._source.execute(f"{self._from} WHERE rowid >= ? ORDER BY rowid LIMIT 1", (start,)).fetchall()
                return start
        return start

    def _single(self, rowid: int) -> Iterator[tuple[Any, ...]]:
        with suppress(sqlite3.Error):
            for row in self._source.execute(f"{self._from} WHERE rowid = ?", (rowid,)).fetchall():
                yield row[:-1]

    def _last_possible(self) -> int:
        try:
            row = self._source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (self._table,)).fetchone()
        except sqlite3.Error:
            row = None
        return row[0] if row and isinstance(row[0], int) else _MOST_SINGLE


def is_sound(table: str, row: dict[str, Any]) -> bool:
    """Whether a payload is still the one that the hash beside it names. A payload that is kept elsewhere is empty here."""
    if table == "transactions":
        return _is_envelope(row) and (not row["payload"] or _hashes_to(row["payload"], row["tx_hash"]))
    if table == "transaction_queue" and row.get("tx_data"):
        return isinstance(row["tx_hash"], str) and _hashes_to(row["tx_data"], row["tx_hash"])
    return True


def _is_envelope(row: dict[str, Any]) -> bool:
    try:
        return not row["header"] or decode_header(row["header"]).payload_hash == row["tx_hash"]
    except (PeerError, TypeError):
        return False


def _hashes_to(payload: object, tx_hash: object) -> bool:
    if not isinstance(payload, bytes):
        return False
    digest = hashlib.sha256(payload)
    return tx_hash in (digest.digest(), digest.hexdigest())
