"""What a program may ask of a running node, call by call."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any, NamedTuple

from sorcha_peer_core.client.connection import ANSWER_TIMEOUT_S, Connection, Json, Refused
from sorcha_peer_core.client.patience import Patience, passes
from sorcha_peer_core.client.subscription import Subscription
from sorcha_peer_core.errors import NodeUnreachable, PeerError
from sorcha_peer_core.model.log_place import BEGINNING, Gap, Place

_FOLLOW_TIMEOUT_S = 45.0
"""A followed log sends a blank line every 15 s; after three missing ones the node is gone."""
_PAGE_LINES = 1000


class Batched(NamedTuple):
    """What became of a batch."""

    accepted: Sequence[str]
    rejected: Sequence[tuple[int, str]]
    """(line from 1, reason)"""
    known: Sequence[str] = ()
    """Those of the accepted that the node had already."""


def batched_of(answer: Mapping[str, Any]) -> Batched:
    """What the answer to a batch says, be it that of one which was refused half-way."""
    rejected = [(int(item["line"]), str(item["error"])) for item in answer["rejected"]]
    return Batched(answer["accepted"], rejected, answer.get("known", ()))


class LogLines(NamedTuple):
    """A part of the arrival log on its way here; ``lines`` can be read once."""

    oldest_seq: int
    log_epoch: int
    lines: Iterable[Json]


class NodeClient:
    """Asks one node. Calls are made one at a time, and each may raise NodeUnreachable and Refused.

    It needs no gevent, and works beside it. :func:`find_node` gives URL and token of a node on this machine.
    """

    def __init__(self, url: str, token: str) -> None:
        self._connection = Connection(url, token)

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()

    def status(self) -> Json:
        """The node's state right now."""
        return self._connection.json("GET", "/status")

    def peers(self) -> list[Json]:
        """All peers it knows, linked ones first."""
        peers: list[Json] = self._connection.json("GET", "/peers")["peers"]
        return peers

    def history(self, after: int = 0) -> Json:
        """How counters stood over the last day, as columns of the same length; ``after`` (Unix seconds) leaves out the older."""
        return self._connection.json("GET", "/history", params={"after": after})

    def login_link(self) -> Json:
        """``url``: an address that logs a browser in to the pages, once, within ``good_for_s`` seconds."""
        return self._connection.json("POST", "/login-links")

    def config(self) -> list[Json]:
        """Every setting: ``key``, ``value``, ``origin``, ``default`` and ``summary``. Secrets are masked."""
        settings: list[Json] = self._connection.json("GET", "/config")["settings"]
        return settings

    def events(self, after: int = 0, limit: int = _PAGE_LINES, level: str = "debug", kinds: Sequence[str] = ()) -> Json:
        """A page of what happened, oldest first, of this ``level`` and graver; ``next_after`` is where the next one begins.

        ``gap`` says that events behind ``after`` are gone. No ``kinds`` are all.
        """
        return self._connection.json("GET", "/events", params={"after": after, "limit": limit, **_events_wanted(level, kinds)})

    def all_events(self, after: int = 0, level: str = "debug", kinds: Sequence[str] = ()) -> Iterator[Json]:
        """All of them that the node keeps, page by page."""
        place: int | None = after
        while place is not None:
            page = self.events(place, _PAGE_LINES, level, kinds)
            yield from page["events"]
            place = page["next_after"]

    def follow_events(
        self,
        after: int = 0,
        level: str = "debug",
        kinds: Sequence[str] = (),
        *,
        on_trouble: Callable[[PeerError], object] | None = None,
        patience_s: float | None = None,
    ) -> Iterator[Json]:
        """Each event as it happens, for ever, over lost connections and restarts. What is missing is one of kind ``gap``."""
        patience = Patience(on_trouble, patience_s)
        while True:
            patience.dialling()
            try:
                with self._event_stream(after, level, kinds) as events:
                    patience.opened()
                    for event in events:
                        after = event["id"]
                        patience.came()
                        yield event
                        patience.handed_out()
                problem: PeerError = NodeUnreachable("the node ended the stream of events")
            except (NodeUnreachable, Refused) as error:
                if not passes(error):
                    raise
                problem = error
            patience.wait(problem)

    @contextmanager
    def _event_stream(self, after: int, level: str, kinds: Sequence[str]) -> Iterator[Iterator[Json]]:
        params = {"follow": 1, "after": after, **_events_wanted(level, kinds)}
        with self._connection.answer("GET", "/events", _FOLLOW_TIMEOUT_S, params=params) as response:
            yield self._connection.messages(response)

    # What operators do with peers. Refused with 404 for one that is not known, or not banned.

    def add_peer(self, address: str) -> None:
        """Have it dial ``[scheme://]host:port[#PEER_ID]`` now, and keep who answers; returns when that is linked."""
        self._connection.json("POST", "/peers", json={"address": address})

    def ping_peer(self, peer_id: str) -> Json:
        """Have it ask a peer whether it is there; returns ``rtt_ms`` and ``transport``."""
        return self._connection.json("POST", f"/peers/{peer_id}/ping")

    def remove_peer(self, peer_id: str) -> None:
        """Have it part with a peer and forget it, until somebody tells of it again."""
        self._connection.json("DELETE", f"/peers/{peer_id}")

    def ban_peer(self, peer_id: str, reason: str = "", duration_s: float | None = None) -> Json:
        """Have nothing to do with a peer any more, known or not, for so long or for ever; returns the ban."""
        return self._connection.json("POST", f"/peers/{peer_id}/ban", json={"reason": reason, "duration_s": duration_s})

    def unban_peer(self, peer_id: str) -> None:
        """Lift a ban."""
        self._connection.json("DELETE", f"/peers/{peer_id}/ban")

    def bans(self) -> list[Json]:
        """All that are in force, the latest first."""
        bans: list[Json] = self._connection.json("GET", "/bans")["bans"]
        return bans

    def audit(self, before: int | None = None, limit: int = _PAGE_LINES) -> Json:
        """A page of what operators did, newest first; ``next_before`` is where the next one begins, None at the end."""
        params = {"limit": limit} if before is None else {"limit": limit, "before": before}
        return self._connection.json("GET", "/audit", params=params)

    # Transactions in.

    def submit(self, payload: bytes, content_type: str | None = None, register_id: str | None = None) -> Json:
        """Hand over one payload; returns ``hash`` and ``state`` after it was committed."""
        headers = {"Content-Type": content_type or "application/octet-stream"}
        if register_id:
            headers["X-Register-Id"] = register_id
        return self._connection.json("POST", "/transactions", data=payload, headers=headers)

    def submit_batch(self, payloads: Sequence[bytes], content_type: str | None = None, register_id: str | None = None) -> Batched:
        """Hand over many payloads in one request; a bad one is rejected alone."""
        common = {"content_type": content_type, "register_id": register_id}
        extra = {key: value for key, value in common.items() if value}
        return self.submit_lines([{"payload_b64": b64encode(payload).decode(), **extra} for payload in payloads])

    def submit_lines(self, lines: Sequence[Json]) -> Batched:
        """The same with a content type and a register for each: the lines of ``POST /transactions/batch``.

        Refused with code ``queue_full`` or ``store_failed``: ``answer["next_line"]`` is the first line that was not taken, those
        before it are in ``answer["accepted"]`` or ``answer["rejected"]``.
        """
        body = "\n".join(map(json.dumps, lines)).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._connection.json("POST", "/transactions/batch", data=body, headers=headers)
        return batched_of(answer)

    def delivery(self, tx_hash: str, wait_s: float = 0.0) -> Json:
        """How far a submission has come; with ``wait_s`` (60 at most) when it is delivered or dead, or the time is over."""
        return self.deliveries([tx_hash], wait_s)[0]

    def deliveries(self, hashes: Sequence[str], wait_s: float = 0.0) -> list[Json]:
        """The same for up to 1,000 at once; with ``wait_s`` answered when none is on its way any more."""
        question = {"hashes": list(hashes), "wait_s": wait_s}
        answer = self._connection.json("POST", "/transactions/delivery", timeout_s=ANSWER_TIMEOUT_S + wait_s, json=question)
        deliveries: list[Json] = answer["deliveries"]
        return deliveries

    # Transactions out.

    @contextmanager
    def log(self, after: int, limit: int, register_id: str | None = None, follow: bool = False) -> Iterator[LogLines]:
        """Up to ``limit`` lines of the arrival log beyond ``after``; with ``follow`` they never end."""
        params: dict[str, str | int] = {"after": after, "limit": limit}
        if register_id:
            params["register_id"] = register_id
        if follow:
            params["follow"] = 1
        timeout_s = _FOLLOW_TIMEOUT_S if follow else ANSWER_TIMEOUT_S
        with self._connection.answer("GET", "/transactions", timeout_s, params=params) as response:
            oldest_seq, log_epoch = (int(response.headers.get(name, 0)) for name in ("X-Oldest-Seq", "X-Log-Epoch"))
            yield LogLines(oldest_seq, log_epoch, self._connection.lines(response))

    def pages(self, after: int = 0, register_id: str | None = None, page_lines: int = _PAGE_LINES) -> Iterator[LogLines]:
        """The log from a place to its present end."""
        while True:
            with self.log(after, page_lines, register_id) as page:
                lines = list(page.lines)
            yield page._replace(lines=lines)
            if len(lines) < page_lines:
                return
            after = lines[-1]["seq"]

    def subscribe(
        self,
        place: Place = BEGINNING,
        register_id: str | None = None,
        *,
        on_gap: Callable[[Gap], object] | None = None,
        on_trouble: Callable[[PeerError], object] | None = None,
        patience_s: float | None = None,
    ) -> Subscription:
        """Every line of the log behind ``place``, for ever, over lost connections and restarts; see :class:`Subscription`."""

        def follow(after: int) -> AbstractContextManager[LogLines]:
            return self.log(after, _PAGE_LINES, register_id, follow=True)

        return Subscription(follow, place, register_id, on_gap=on_gap, on_trouble=on_trouble, patience_s=patience_s)

    @contextmanager
    def payload(self, tx_hash: str) -> Iterator[Iterator[bytes]]:
        """The pieces of one payload, in order."""
        with self._connection.answer("GET", f"/transactions/{tx_hash}") as response:
            yield self._connection.pieces(response)

    def get(self, tx_hash: str) -> bytes:
        """One payload, checked against its hash."""
        with self.payload(tx_hash) as pieces:
            payload = b"".join(pieces)
        if sha256(payload).hexdigest() != tx_hash:
            raise PeerError(f"what the node sent is not the payload of {tx_hash}: its SHA-256 is {sha256(payload).hexdigest()}")
        return payload

    def trace(self, tx_hash: str) -> Json:
        """The way of one transaction through the node."""
        return self._connection.json("GET", f"/transactions/{tx_hash}/trace")

    # The queue.

    def queue(self, after: int = 0, limit: int = _PAGE_LINES) -> Json:
        """A page of what waits for its receipts, oldest first; ``next_after`` is where the next one begins, None at the end."""
        return self._connection.json("GET", "/queue", params={"after": after, "limit": limit})

    def dead_letters(self, after: int = 0, limit: int = _PAGE_LINES) -> Json:
        """A page of what was given up, in the same form."""
        return self._connection.json("GET", "/dead-letters", params={"after": after, "limit": limit})

    def all_dead_letters(self) -> Iterator[Json]:
        """All of them, page by page."""
        after: int | None = 0
        while after is not None:
            page = self.dead_letters(after)
            yield from page["dead_letters"]
            after = page["next_after"]

    def dead_letter(self, tx_hash: str) -> Json:
        """One dead letter without its payload, which ``get`` has. Refused with 404 when there is none of that hash."""
        return self._connection.json("GET", f"/dead-letters/{tx_hash}")

    def retry_dead_letter(self, tx_hash: str) -> None:
        """Have it offered again at once. Refused with 404 when it is no dead letter."""
        self._connection.json("POST", f"/dead-letters/{tx_hash}/retry")

    def retry_dead_letters(self) -> int:
        """Have all of them offered again at once; returns how many."""
        return int(self._connection.json("POST", "/dead-letters/retry")["retried"])

    def drop_dead_letter(self, tx_hash: str) -> None:
        """Have the node forget it. Refused with 404 when it is no dead letter."""
        self._connection.json("DELETE", f"/dead-letters/{tx_hash}")

    def drop_dead_letters(self) -> int:
        """Have the node forget all of them; returns how many."""
        return int(self._connection.json("DELETE", "/dead-letters")["dropped"])


def _events_wanted(level: str, kinds: Sequence[str]) -> dict[str, str]:
    return {"level": level, "kind": ",".join(kinds)}
