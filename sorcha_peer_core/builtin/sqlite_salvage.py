"""After damage: the file is put aside, and what can still be read of it goes into a new one."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from sorcha_peer_core.builtin.sql_database import ANCHORS, PEER_TABLE_SECRET
from sorcha_peer_core.builtin.sqlite_remains import ReadableRows, is_sound
from sorcha_peer_core.builtin.sqlite_schema import migrate
from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.mending import Mended

_DRAFT = ".new"
_READY = ".mended"
"""Between the two renames of ``begin_anew`` the whole store is in this file."""
_SIDE_FILES = ("-wal", "-shm")
_NOT_TAKEN_OVER = frozenset({"meta", "sync_cursors"})
"""The log has a new epoch; and what others' logs have has to be compared with what is here now, from their beginning."""
_META = (PEER_TABLE_SECRET, ANCHORS)
_FIRST = ("transaction_queue", "peers", "bans", "audit")
"""What nobody else has."""
_MOST_S = 60.0
"""For a table that others have, too; what is not reached by then is left to them. A node that is mending stores nothing."""
_HEAD = ".head"
_PAGE_BYTES = 8192
_SIZE_AT = 28
"""Where the first page says how many pages there are."""
_ROWS_AT_ONCE = 200
_BYTES_AT_ONCE = 4 * 1024 * 1024


class Salvaged(NamedTuple):
    """What one damaged file gave."""

    rows: dict[str, int]
    lost_submissions: tuple[str, ...]
    unread: str


def put_aside(path: str, now_s: float) -> str:
    """Rename a file, and the journal that belongs to it, so that its name says when.

    Returns that name; empty when there is no file.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    aside = f"{path}.damaged-{stamp}"
    number = 1
    while os.path.exists(aside):
        number += 1
        aside = f"{path}.damaged-{stamp}-{number}"
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return ""
    with suppress(FileNotFoundError):
        if os.stat(f"{path}-wal").st_size:
            os.replace(f"{path}-wal", f"{aside}-wal")
    with suppress(FileNotFoundError):
        # Only a copy of what the journal says, and of no use to another process.
        os.unlink(f"{path}-shm")
    return aside


def adopt(path: str) -> None:
    """If there is no file at ``path``: one that was mended, but not put there before the process ended."""
    # What is left of the journal is the old file's, or nothing at all: it must not be played into the new one.
    if not os.path.exists(path) and os.path.exists(path + _READY):
        _remove_beside(path)
        os.replace(path + _READY, path)


def begin_anew(path: str) -> Mended:
    """Put the closed file ``path`` aside, and make a new one from what can be read of it.

    Raises:
        StoreError: the new one could not be written; the old one is where it was.
    """
    draft = _empty_draft(path)
    try:
        with _said(path):
            with closing(_connect(draft)) as target:
                target.execute("BEGIN IMMEDIATE")
                migrate(target, draft)
                target.execute("COMMIT")
                salvaged = _salvage(path, target)
            _sync(draft)
            os.replace(draft, path + _READY)
            aside = put_aside(path, time.time())
            adopt(path)
    except BaseException:
        _remove(draft)
        raise
    rows = salvaged.rows
    lost = salvaged.lost_submissions
    return Mended(aside, rows.get("transaction_queue", 0), rows.get("transactions", 0), lost, salvaged.unread, is_new_log=True)


def write_out(connection: sqlite3.Connection, path: str, close: Callable[[], None]) -> Mended:
    """Write the whole of an open database to the place where its file was; nothing is lost. ``close`` closes the old one.

    Somebody else's file that lies there now is put aside.
    """
    draft = _empty_draft(path)
    try:
        with _said(path):
            with closing(_connect(draft)) as target:
                connection.backup(target)
                (submissions,) = target.execute("SELECT count(*) FROM transaction_queue").fetchone()
                (transactions,) = target.execute("SELECT count(*) FROM transactions").fetchone()
            close()
            # This journal is the old connection's, and in the draft already.
            _remove_beside(path)
            aside = put_aside(path, time.time())
            _sync(draft)
            os.replace(draft, path)
    except BaseException:
        _remove(draft)
        raise
    return Mended(aside, submissions, transactions, (), "", is_new_log=False)


def _salvage(path: str, target: sqlite3.Connection) -> Salvaged:
    try:
        source = _connect_reading(path)
    except sqlite3.Error as error:
        return _salvage_headless(path, target, f"its beginning ({error})")
    with closing(source):
        return _salvage_from(source, target)


def _salvage_headless(path: str, target: sqlite3.Connection, said: str) -> Salvaged:
    head = path + _HEAD
    try:
        _write_with_new_head(path, head, target)
        try:
            source = _connect_reading(head)
        except sqlite3.Error:
            return Salvaged({}, (), f"anything, for want of {said}")
        with closing(source):
            salvaged = _salvage_from(source, target)
    finally:
        _remove(head)
    return salvaged._replace(unread="; ".join(filter(None, (said, salvaged.unread))))


def _salvage_from(source: sqlite3.Connection, target: sqlite3.Connection) -> Salvaged:
    rows: dict[str, int] = {}
    unread: list[str] = []
    _copy_meta(source, target)
    for table in _tables(target):
        taken, problem = _copy_table(source, target, table)
        rows[table] = taken
        if problem:
            unread.append(problem)
    _drop_hollow(target)
    names = {name for (name,) in target.execute("SELECT tx_hash FROM transaction_queue")}
    rows["transaction_queue"] = len(names)
    lost = sorted(_submissions_named(source) - names)
    return Salvaged(rows, tuple(lost), "; ".join(unread))


def _submissions_named(source: sqlite3.Connection) -> set[str]:
    """What was in the outbox, as far as its index can be read: it lies on other pages than the rows."""
    names: set[str] = set()
    with suppress(sqlite3.Error):
        for (name,) in source.execute("SELECT tx_hash FROM transaction_queue INDEXED BY idx_queue_tx_hash"):
            names.add(name)
    return names


def _write_with_new_head(path: str, copy: str, target: sqlite3.Connection) -> None:
    """Copy a file of which the first page, which says where the tables are, is gone: in a file of today they are where they are
    in an empty one. If that is not so, nothing fits its hash and nothing is taken over.
    """
    (empty,) = [file for _, name, file in target.execute("PRAGMA database_list") if name == "main"]
    with open(empty, "rb") as fresh:
        head = bytearray(fresh.read(_PAGE_BYTES))
    shutil.copyfile(path, copy)
    pages = os.stat(copy).st_size // _PAGE_BYTES
    # No pages are known to be free, and there are as many as the file has.
    head[_SIZE_AT : _SIZE_AT + 12] = pages.to_bytes(4, "big") + bytes(8)
    with open(copy, "r+b") as damaged:
        damaged.write(head)


def _copy_meta(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    for key in _META:
        with suppress(sqlite3.Error):
            for (value,) in source.execute("SELECT value FROM meta WHERE key = ?", (key,)):
                target.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def _tables(target: sqlite3.Connection) -> list[str]:
    found = {name for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    others = sorted(name for name in found - _NOT_TAKEN_OVER - set(_FIRST) if not name.startswith("sqlite_"))
    return [*_FIRST, *others]


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> tuple[int, str]:
    """Returns how many rows were taken over, and what could not be read, in words."""
    try:
        theirs = _columns(source, table)
    except sqlite3.Error as error:
        return 0, f"the table {table} ({error})"
    if not theirs:
        # An older schema did not have it.
        return 0, ""
    columns = [name for name in _columns(target, table) if name in theirs]
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    reading = ReadableRows(source, table, columns, math.inf if table in _FIRST else _MOST_S)
    bad, before = 0, target.total_changes
    target.execute("BEGIN IMMEDIATE")
    for some in _batches(reading):
        sound = [row for row in some if is_sound(table, dict(zip(columns, row, strict=True)))]
        bad += len(some) - len(sound)
        target.executemany(insert, sound)
    target.execute("COMMIT")
    taken = target.total_changes - before
    parts = [f"{bad} rows of {table} that are not what they were"] if bad else []
    parts += [f"a part of the table {table} ({reading.problem})"] if reading.problem else []
    return taken, "; ".join(parts)


def _drop_hollow(target: sqlite3.Connection) -> None:
    """Take submissions out whose payload was in a part of the log that is gone."""
    target.execute("BEGIN IMMEDIATE")
    there = {tx_hash.hex() for (tx_hash,) in target.execute("SELECT tx_hash FROM transactions WHERE length(payload) > 0")}
    released = target.execute("SELECT tx_hash FROM transaction_queue WHERE length(tx_data) = 0").fetchall()
    target.executemany("DELETE FROM transaction_queue WHERE tx_hash = ?", [row for row in released if row[0] not in there])
    target.execute("COMMIT")


def _batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Some rows at a time, as many as memory has room for."""
    some: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        some.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes))
        if len(some) >= _ROWS_AT_ONCE or size > _BYTES_AT_ONCE:
            yield some
            some, size = [], 0
    yield some


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    # A draft that is not finished is thrown away; one that is gets onto the disk as a whole.
    connection.execute("PRAGMA journal_mode = off")
    connection.execute("PRAGMA synchronous = off")
    return connection


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect_reading(path: str) -> sqlite3.Connection:
    # Only to read: what is put aside stays as it was found, with its journal.
    source = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    try:
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        source.close()
        raise
    return source


def _empty_draft(path: str) -> str:
    _remove(path + _DRAFT)
    return path + _DRAFT


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
    _remove_beside(path)


def _remove_beside(path: str) -> None:
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)


class _said:  # noqa: N801 - used as a function
    """Errors of the block in a sentence."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            raise StoreError(
                f"the store {self._path} could not be mended: {error}; free some space on its disk, if it is that. "
                "Until then it is tried again, and everything is left as it is"
            ) from error
