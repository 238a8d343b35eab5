"""Waiting until the network has what was submitted, and saying what it lacks if that takes too long."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.cli.progress import progress_on_terminal
from sorcha_peer_core.errors import NodeUnreachable

if TYPE_CHECKING:
    from sorcha_peer_core.client import Json, NodeClient

DEFAULT_TIMEOUT_S = 60.0

_HASHES_AT_ONCE = 500
_ANSWER_S = 2.0
"""How long the node is given for each answer: what is known by then is shown."""
_PAUSE_S = 0.5
_SHOWN = 5
_OVER = ("dead", "unknown")


def wait_for_receipts(client: NodeClient, hashes: Sequence[str], timeout_s: float) -> list[str]:
    """Block until all of these are delivered; returns a sentence about those that are not, none when all are."""
    deadline = time.monotonic() + timeout_s
    waiting, given_up = list(dict.fromkeys(hashes)), []
    total = len(waiting)
    with progress_on_terminal() as stage:
        show = stage("delivered", total)
        while waiting:
            left_s = max(0.0, deadline - time.monotonic())
            told = _ask(client, waiting[:_HASHES_AT_ONCE], left_s)
            under_way = [delivery for delivery in told if delivery["state"] not in ("delivered", *_OVER)]
            given_up += [delivery for delivery in told if delivery["state"] in _OVER]
            waiting[:_HASHES_AT_ONCE] = [delivery["hash"] for delivery in under_way]
            show(total - len(waiting) - len(given_up))
            if under_way and not left_s:
                break
    late = [delivery for delivery in _deliveries(client, waiting) if delivery["state"] != "delivered"]
    given_up += [delivery for delivery in late if delivery["state"] in _OVER]
    late = [delivery for delivery in late if delivery["state"] not in _OVER]
    return [*_given_up(given_up, total), *_too_late(client, late, total, timeout_s)]


def _ask(client: NodeClient, hashes: Sequence[str], left_s: float) -> list[Json]:
    """How far these are, after a moment; again and again while the node restarts and there is time."""
    deadline = time.monotonic() + left_s
    while True:
        try:
            return client.deliveries(hashes, min(left_s, _ANSWER_S))
        except NodeUnreachable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)


def first_few(sentences: Sequence[str]) -> str:
    """Some of many sentences, and how many more there are."""
    more = len(sentences) - _SHOWN
    return "; ".join(sentences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _deliveries(client: NodeClient, hashes: Sequence[str]) -> Iterator[Json]:
    for start in range(0, len(hashes), _HASHES_AT_ONCE):
        yield from client.deliveries(hashes[start : start + _HASHES_AT_ONCE])


def _given_up(deliveries: Sequence[Json], total: int) -> list[str]:
    if not deliveries:
        return []
    found = [
        f"{delivery['hash']} {'was given up: ' + delivery['reason'] if delivery['state'] == 'dead' else 'is not there any more'}"
        for delivery in deliveries
    ]
    return [f"{len(found)} of {total} will not be delivered: {first_few(found)} (sorcha-peer dead-letters)"]


def _too_late(client: NodeClient, late: Sequence[Json], total: int, timeout_s: float) -> list[str]:
    if not late:
        return []
    found = [f"{delivery['hash']} {_lacks(delivery)}" for delivery in late]
    alone = "" if client.status()["peers"]["connected"] else "no peer is linked; "
    return [
        f"{len(late)} of {total} not delivered after {timeout_s:g} s: {alone}{first_few(found)}; "
        "the node keeps trying (sorcha-peer queue)"
    ]


def _lacks(delivery: Json) -> str:
    if delivery["state"] == "queued":
        return "is not released yet"
    return f"has {delivery['receipts'] or 0} of {delivery['receipts_needed']} receipts"
