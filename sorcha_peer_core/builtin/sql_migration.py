"""Bringing the tables of a database to this version, whichever database it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sorcha_peer_core import __version__
from sorcha_peer_core.builtin.sql_database import PEER_TABLE_SECRET, MetaValue, SqlConnection
from sorcha_peer_core.errors import StoreBroken

_SECRET_BYTES = 32
_LOG_EPOCH_BITS = 63


class Kind(NamedTuple):
    """What is not the same for all databases."""

    meta: Callable[[SqlConnection, str], MetaValue | None]
    set_meta: Callable[[SqlConnection, str, MetaValue], None]
    name_another: str
    """What to do about one that this version cannot use."""
    begin_anew: str
    """What to do about one that has lost what tells its log from others, where there is no backup."""


def run_steps(connection: SqlConnection, kind: Kind, place: str, version: int, steps: Sequence[Sequence[str]]) -> int:
    """Go the steps from ``version`` on and return the log epoch; runs inside the caller's transaction.

    Raises:
        StoreBroken: written by a newer version, or without a log epoch.
    """
    if version > len(steps):
        software = str(kind.meta(connection, "software"))
        raise StoreBroken(
            f"{place} was written by Sorcha Peer {software} with schema {version}; this is {__version__} and reads up to "
            f"schema {len(steps)}. Run {software} or newer, or {kind.name_another}"
        )
    for step in steps[version:]:
        for statement in step:
            connection.execute(statement)
    if version == 0:
        kind.set_meta(connection, "log_epoch", secrets.randbits(_LOG_EPOCH_BITS) or 1)
    if version < len(steps):
        kind.set_meta(connection, "schema_version", len(steps))
        kind.set_meta(connection, "software", __version__)
    if kind.meta(connection, PEER_TABLE_SECRET) is None:
        kind.set_meta(connection, PEER_TABLE_SECRET, secrets.token_bytes(_SECRET_BYTES))
    epoch = kind.meta(connection, "log_epoch")
    if not isinstance(epoch, int):
        raise StoreBroken(f"{place} has lost its log epoch; restore it from a backup, or {kind.begin_anew}")
    return epoch
