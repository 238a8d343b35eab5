"""A management API that answers from memory, and the command line called as a function."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from sorcha_peer_core.cli import run_command_line

TOKEN = "the-token"
STATUS = {
    "peer_id": "ab" * 20,
    "name": "north",
    "version": "0.1.0",
    "network_id": "sorcha",
    "state": "online",
    "uptime_s": 93.5,
    "started_at": 1_700_000_000,
    "listening": ["grpc://127.0.0.1:5001"],
    "external_address": "",
    "reachability": "private",
    "addresses": [
        {
            "address": "grpc://8.8.4.4:5001",
            "source": "stun",
            "state": "not reached",
            "age_s": 93.4,
            "told": False,
            "reason": "no answer",
        },
        {
            "address": "grpc://192.168.1.5:5001",
            "source": "interface",
            "state": "unproved",
            "age_s": 5.0,
            "told": True,
            "reason": "",
        },
    ],
    "address_findings": {"manual": {}, "stun": {"nat_type": "full cone", "asked": "stun.example:3478"}},
    "peers": {"known": 4, "connected": 3, "active": 3},
    "links": {"grpcstream": 3},
    "queue": {"pending": 1, "inflight": 2, "dead": 4, "retry": 3, "waiting_bytes": 1234},
    "receipts": {"min": 2, "needed": 1},
    "transactions": {"stored": 1234, "delivered": 1234, "last_seq": 1300},
    "traffic": {
        "received": 10,
        "duplicates": 2,
        "sent_bytes": 2048,
        "received_bytes": 1024,
        "sent_plain_bytes": 10_240,
        "received_plain_bytes": 1024,
    },
    "log_epoch": 7,
    "last_discovery": None,
    "partition": False,
    "jobs": [
        {"name": "send feelers", "interval_s": 15.0, "last_run_at": 1_700_000_000, "last_duration_s": 0.0021, "last_error": ""},
        {
            "name": "save the peer table",
            "interval_s": 10.0,
            "last_run_at": None,
            "last_duration_s": None,
            "last_error": "disk full",
        },
    ],
}
PEER = {
    "id": "cd" * 20,
    "name": "south",
    "address": "grpc://192.0.2.7:5001",
    "status": "linked",
    "transport": "grpcstream",
    "direction": "outbound",
    "latency_ms": 1.25,
    "last_seen": 1_700_000_000,
    "failures": 0,
    "bootstrap": True,
    "software": "sorcha-peer/0.1.0",
    "queued_bytes": 0,
    "link_age_s": 3723.4,
    "rungs": [
        {"transport": "grpcstream", "breaker": "closed", "last_error": "", "last_error_age_s": None},
        {"transport": "rest", "breaker": "closed", "last_error": "", "last_error_age_s": None},
    ],
}
BAN = {
    "id": "cd" * 20,
    "name": "south",
    "reason": "it floods us",
    "by": "operator",
    "since": 1_700_000_000,
    "until": None,
}


class FakeApi:
    """What the routes answer from; a test sets it up and looks at it afterwards."""

    def __init__(self) -> None:
        self.url = ""
        self.payloads: list[bytes] = []
        self.traces: dict[str, dict[str, object]] = {}
        self.peers: list[dict[str, object]] = [PEER]
        self.max_bytes = 1000
        self.oldest_seq = 1
        self.full_after: int | None = None
        self.spoil: Callable[[bytes], bytes] = lambda payload: payload
        self.requests: list[str] = []
        self.rows: list[dict[str, object]] = []
        """Of the queue; dead ones are dead letters."""
        self.deliveries: dict[str, list[dict[str, object]]] = {}
        """What is answered about a submission, one after the other; the last for ever. Others are delivered."""
        self.connected = 3
        self.bans: list[dict[str, object]] = []
        self.audit: list[dict[str, object]] = []
        """Newest first."""
        self.asked: list[tuple[str, object]] = []
        """What was to be done with peers, with the body of each request."""
        self.events: list[dict[str, object]] = []
        self.settings: list[dict[str, object]] = []

    def event(self, event_id: int, kind: str = "PeerLinked", sentence: str = "linked") -> None:
        """One more."""
        self.events.append(
            {"id": event_id, "at_ms": 1_700_000_000_000.5, "kind": kind, "level": "info", "sentence": sentence, "fields": {}}
        )

    def events_page(self, after: int, limit: int, kinds: str) -> dict[str, object]:
        found = [event for event in self.events if event["id"] > after and (not kinds or event["kind"] in kinds.split(","))]  # type: ignore[operator]
        last = self.events[-1]["id"] if self.events else 0
        next_after = found[limit - 1]["id"] if len(found) > limit else None
        return {"events": found[:limit], "next_after": next_after, "oldest_id": 1, "last_id": last, "gap": False}

    def lines(self, after: int, limit: int) -> list[dict[str, object]]:
        found = [self._line(seq, payload) for seq, payload in enumerate(self.payloads, start=1)]
        return [line for line in found if line["seq"] > after and line["seq"] >= self.oldest_seq][:limit]  # type: ignore[operator]

    def _line(self, seq: int, payload: bytes) -> dict[str, object]:
        return {
            "seq": seq,
            "hash": sha256(payload).hexdigest(),
            "size": len(payload),
            "content_type": "text/plain",
            "register_id": "",
            "origin": "ef" * 20,
            "created_ms": 1_700_000_000_000.125,
            "received_ms": 1_700_000_000_001.5 + seq,
            "hops": 1,
        }

    def accept(self, payload: bytes) -> tuple[int, dict[str, object]]:
        if self.full_after is not None and len(self.payloads) >= self.full_after:
            return 429, error("queue_full", "the outbox holds 100000 submissions, which is the most")
        if not payload:
            return 400, error("empty", "the transaction is empty; a payload has at least 1 byte")
        if len(payload) > self.max_bytes:
            return 413, error("too_large", f"the transaction has {len(payload)} bytes; at most {self.max_bytes} are allowed")
        self.payloads.append(payload)
        return 202, {"hash": sha256(payload).hexdigest(), "state": "queued"}

    def page(self, name: str, after: int, limit: int) -> dict[str, object]:
        rows = [row for row in self.rows if (row["state"] == "dead") == (name == "dead_letters")]
        found = [row for row in rows if row["id"] > after][:limit]  # type: ignore[operator]
        states = ("pending", "inflight", "retry", "dead")
        totals = {state: sum(row["state"] == state for row in self.rows) for state in states}
        return {
            name: found,
            "next_after": found[-1]["id"] if len(found) == limit else None,
            "totals": {**totals, "waiting_bytes": 1234},
            "min_receipts": 2,
            "receipts_needed": max(1, min(2, self.connected)),
            "peers_linked": self.connected,
        }

    def settle(self, hashes: list[str], state: str | None) -> int:
        """Dead letters get another state, or go."""
        dead = [row for row in self.rows if row["state"] == "dead" and (not hashes or row["hash"] in hashes)]
        self.rows = [{**row, "state": state} if row in dead else row for row in self.rows if state or row not in dead]
        return len(dead)

    def settle_one(self, digits: str, state: str | None, word: str) -> tuple[int, dict[str, object]]:
        if not self.settle([digits], state):
            return 404, error("not_found", f"the transaction {digits} is no dead letter: it is not here")
        return 200, {word: 1}

    def delivery(self, digits: str) -> dict[str, object]:
        told = self.deliveries.get(digits)
        found = {"state": "delivered"} if not told else told.pop(0) if len(told) > 1 else told[0]
        return {"hash": digits, "receipts": None, "receipts_needed": 2, "attempts": 1, "reason": "", **found}

    def act_on_peer(self, request: str, body: bytes) -> tuple[int, dict[str, object]]:
        """Do what is asked of a peer: ``METHOD /peers...``."""
        asked = json.loads(body) if body else None
        self.asked.append((request, asked))
        peer_id = request.split("/")[2] if request.count("/") > 1 else ""
        if request.endswith("/ping"):
            return 200, {"rtt_ms": 1.5, "transport": "grpcstream"}
        if request.startswith("POST") and request.endswith("/ban"):
            until = None if asked["duration_s"] is None else 1_700_000_000 + int(asked["duration_s"])
            return 200, {**BAN, "id": peer_id, "reason": asked["reason"], "until": until}
        return 200, {"done": peer_id}

    def audit_page(self, before: int, limit: int) -> dict[str, object]:
        older = [entry for entry in self.audit if entry["id"] < before]  # type: ignore[operator]
        found = older[:limit]
        return {"audit": found, "next_before": found[-1]["id"] if len(found) == limit else None}

    def accept_batch(self, body: bytes) -> tuple[int, dict[str, object]]:
        accepted: list[object] = []
        known: list[object] = []
        rejected: list[dict[str, object]] = []
        for number, line in enumerate(body.splitlines(), start=1):
            payload = b64decode(json.loads(line)["payload_b64"])
            is_known = payload in self.payloads
            status, answer = self.accept(payload)
            if status == 429:
                return status, {**answer, "accepted": accepted, "known": known, "rejected": rejected, "next_line": number}
            if status == 202:
                accepted.append(answer["hash"])
                known += [answer["hash"]] if is_known else []
            else:
                rejected.append({"line": number, "error": answer["error"]["message"]})  # type: ignore[index]
        return 200, {"accepted": accepted, "known": known, "rejected": rejected}


def error(code: str, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def do_GET(self) -> None:
        path, query = self._begin()
        if not self._is_allowed():
            return
        if (found := self._state_of(path, query)) is not None:
            self._answer(200, found)
        elif path == "/transactions":
            entries = self.api.lines(int(query["after"]), int(query["limit"]))
            body = "".join(json.dumps(line) + "\n" for line in entries).encode()
            if "follow" in query:
                self._send_chunked([b"\n", body])
            else:
                self._send(200, body)
        elif path == "/events" and "follow" in query:
            page = self.api.events_page(int(query["after"]), 1000, query.get("kind", ""))
            messages = [f"id: {event['id']}\ndata: {json.dumps(event)}\n\n".encode() for event in page["events"]]  # type: ignore[attr-defined]
            self._send_chunked([b": here\n\n", *messages])
        elif path.endswith("/trace"):
            digits = path.split("/")[2]
            found = self.api.traces.get(digits)
            self._answer(*((200, found) if found else (404, error("not_traced", f"the transaction {digits} is not here"))))
        else:
            self._answer_payload(path.rpartition("/")[2])

    def _state_of(self, path: str, query: dict[str, str]) -> dict[str, object] | None:
        if path in ("/queue", "/dead-letters"):
            return self.api.page(path[1:].replace("-", "_"), int(query["after"]), int(query["limit"]))
        if path == "/events" and "follow" not in query:
            return self.api.events_page(int(query["after"]), int(query["limit"]), query.get("kind", ""))
        if path == "/audit":
            return self.api.audit_page(int(query.get("before", 1 << 62)), int(query["limit"]))
        return {
            "/status": {**STATUS, "peers": {**STATUS["peers"], "connected": self.api.connected}},  # type: ignore[dict-item]
            "/peers": {"peers": self.api.peers},
            "/config": {"settings": self.api.settings},
            "/bans": {"bans": self.api.bans},
        }.get(path)

    def do_POST(self) -> None:
        path, _ = self._begin()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_allowed():
            return
        if path.startswith("/peers"):
            self._answer(*self.api.act_on_peer(f"POST {path}", body))
        elif path.endswith("/retry"):
            digits = path.split("/")[2]
            if digits == "retry":
                self._answer(200, {"retried": self.api.settle([], "retry")})
            else:
                self._answer(*self.api.settle_one(digits, "retry", "retried"))
        elif path == "/login-links":
            self._answer(201, {"url": f"{self.api.url}/admin/login?once=code", "good_for_s": 300})
        elif path == "/transactions/delivery":
            self._answer(200, {"deliveries": [self.api.delivery(digits) for digits in json.loads(body)["hashes"]]})
        else:
            self._answer(*(self.api.accept_batch(body) if path.endswith("batch") else self.api.accept(body)))

    def do_DELETE(self) -> None:
        path, _ = self._begin()
        if not self._is_allowed():
            return
        if path.startswith("/peers"):
            self._answer(*self.api.act_on_peer(f"DELETE {path}", b""))
        elif path == "/dead-letters":
            self._answer(200, {"dropped": self.api.settle([], None)})
        else:
            self._answer(*self.api.settle_one(path.split("/")[2], None, "dropped"))

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def _begin(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        self.api.requests.append(f"{self.command} {parts.path}")
        return parts.path.removeprefix("/manage/v1"), {key: values[0] for key, values in parse_qs(parts.query).items()}

    def _is_allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self._answer(401, error("unauthorized", "the token is missing or wrong"))
        return False

    def _answer_payload(self, digits: str) -> None:
        found = [payload for payload in self.api.payloads if sha256(payload).hexdigest() == digits]
        if found:
            self._send(200, self.api.spoil(found[0]))
        else:
            self._answer(404, error("not_found", f"there is no transaction {digits} here"))

    def _answer(self, status: int, document: dict[str, object]) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self._send_log_headers()
        self.wfile.write(body)

    def _send_chunked(self, pieces: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self._send_log_headers()
        for piece in (*[piece for piece in pieces if piece], b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _send_log_headers(self) -> None:
        self.send_header("X-Oldest-Seq", str(self.api.oldest_seq))
        self.send_header("X-Log-Epoch", "7")
        self.end_headers()


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A management API on a free port of this machine."""
    fake = FakeApi()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": fake}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    server.shutdown()
    server.server_close()


@pytest.fixture
def data_dir(api: FakeApi, tmp_path: Path) -> Path:
    """The data directory of a node whose management API is ``api``."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "admin.url").write_text(f"{api.url}\n")
    (directory / "admin.token").write_text(f"{TOKEN}\n")
    return directory


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a command line in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Outcome:
        status = run_command_line([str(argument) for argument in arguments])
        return Outcome(status, *capsys.readouterr())

    return call
