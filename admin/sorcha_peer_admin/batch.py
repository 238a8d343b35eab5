"""Many transactions in one request: NDJSON in, committed in groups."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.errors import PeerError, SubmissionRefused
from sorcha_peer_core.model.transaction import DEFAULT_CONTENT_TYPE, Submission, submission_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

MAX_BATCH_BYTES = 64 * 1024 * 1024
"""The largest body of a batch request."""
GROUP_ITEMS = 1000
GROUP_BYTES = 8 * 1024 * 1024
"""What goes to the node in one commit. Bounds the memory of a request, and how long others wait for the store."""
MOST_LINE_PARTS = 1024
"""Objects, lists and what is in them: 20 bytes of memory for each byte of a line if they are empty. A line has three fields."""
_JSON_MARKS = (b"{", b"[", b",")
_FIELDS = frozenset({"payload_b64", "content_type", "register_id"})


class Batch:
    """The lines of one request on their way to the node; a bad line rejects only itself."""

    def __init__(self, node: NodeApi) -> None:
        self.accepted: list[str] = []
        self.known: list[str] = []
        self.next_line = 1
        """The first line that nothing was decided about yet."""
        self.rejected: list[dict[str, Any]] = []
        self._node = node
        self._max_bytes = node.max_transaction_bytes
        self._group: list[Submission] = []
        self._group_bytes = 0

    def submit(self, lines: Iterable[bytes]) -> None:
        """Hand all good lines to the node.

        Raises what ``NodeApi.submit`` raises: the lines before ``next_line`` are accepted or rejected, from there on none is.
        """
        number = 0
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            try:
                submission = submission_of_line(line, self._max_bytes)
            except (SubmissionRefused, ValueError) as error:
                code = error.code if isinstance(error, SubmissionRefused) else "invalid_line"
                self.rejected.append({"line": number, "error": str(error), "code": code})
            else:
                self._add(submission, number)
        self._flush(number + 1)

    def result(self) -> dict[str, Any]:
        """What became of the lines so far."""
        return {"accepted": self.accepted, "rejected": self.rejected, "known": self.known}

    def _add(self, submission: Submission, number: int) -> None:
        size = len(submission.payload)
        if len(self._group) >= GROUP_ITEMS or self._group_bytes + size > GROUP_BYTES:
            self._flush(number)
        self._group.append(submission)
        self._group_bytes += size

    def _flush(self, next_line: int) -> None:
        if self._group:
            self._hand_over()
        self._group = []
        self._group_bytes = 0
        self.next_line = next_line

    def _hand_over(self) -> None:
        try:
            results = self._node.submit(self._group)
        except PeerError:
            # Of these it is said that nothing was decided, so nothing else is said of them.
            self.rejected = [rejected for rejected in self.rejected if rejected["line"] < self.next_line]
            raise
        self.accepted += [result.tx_hash.hex() for result in results]
        self.known += [result.tx_hash.hex() for result in results if result.state == "known"]


def submission_of_line(line: bytes, max_bytes: int) -> Submission:
    """Read one line of a batch; raises ValueError or a SubmissionRefused with the reason."""
    if sum(map(line.count, _JSON_MARKS)) > MOST_LINE_PARTS:
        raise ValueError(f"the line has more than {MOST_LINE_PARTS} parts")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("the line is not JSON") from None
    if not isinstance(record, dict):
        raise ValueError('the line is not a JSON object like {"payload_b64": "..."}')
    if not record.keys() <= _FIELDS:
        unknown = sorted(record.keys() - _FIELDS)[0]
        raise ValueError(f"{unknown[:40]!r} is no field of a line; there is payload_b64, content_type, register_id")
    encoded = _text(record, "payload_b64")
    try:
        payload = a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise ValueError("payload_b64 is not base64 text") from None
    content_type = _text(record, "content_type", DEFAULT_CONTENT_TYPE)
    register_id = _text(record, "register_id", "")
    return submission_of(payload, max_bytes=max_bytes, content_type=content_type, register_id=register_id)


def _text(record: dict[str, Any], field: str, default: str | None = None) -> str:
    value = record.get(field)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise ValueError(f"{field} is {'missing' if value is None else 'not text'}")
    return value
