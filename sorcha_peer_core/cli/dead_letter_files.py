"""Dead letters as lines of a file: written with their payloads, and read to be submitted anew."""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from sorcha_peer_core.cli.payloads import MAX_PAYLOAD_BYTES, STDIN
from sorcha_peer_core.cli.submit import batches_of
from sorcha_peer_core.client import Batched, Json, Refused, batched_of

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient

_KEPT = ("content_type", "register_id", "hash", "reason", "attempts", "queued_ms")
_LONGEST_LINE = 2 * MAX_PAYLOAD_BYTES
_NOT_TAKEN = ("queue_full", "store_failed")


class Letter(NamedTuple):
    """One line of a file."""

    number: int
    payload: bytes
    line: Json
    """As the batch API takes it."""


class Outcome(NamedTuple):
    """What became of the lines of a file."""

    new: int
    known: int
    refused: list[str]
    """Which line, and why."""
    ended_by: str = ""
    """Why the rest of the file was not submitted; empty when it was."""


def export_letters(client: NodeClient, output: BinaryIO) -> tuple[int, list[str]]:
    """Write all dead letters of a node; returns how many, and a sentence for each that cannot be written."""
    problems, exported = [], 0
    for row in client.all_dead_letters():
        try:
            payload = client.get(row["hash"])
        except Refused as refusal:
            if refusal.http_status != 404:
                raise
            # Somebody dropped it since.
            problems.append(str(refusal))
            continue
        line = {"payload_b64": b64encode(payload).decode(), **{key: row[key] for key in _KEPT}}
        output.write(json.dumps(line).encode() + b"\n")
        exported += 1
    return exported, problems


def import_letters(client: NodeClient, path: str) -> Outcome:
    """Submit each line of a file that ``export_letters`` wrote; a bad one is refused alone."""
    if path == STDIN:
        return _Import(client).run(sys.stdin.buffer)
    with Path(path).open("rb") as file:
        return _Import(client).run(file)


class _Import:
    def __init__(self, client: NodeClient) -> None:
        self._client = client
        self._new = 0
        self._known = 0
        self._refused: list[tuple[int, str]] = []

    def run(self, file: BinaryIO) -> Outcome:
        ended_by = ""
        for batch in batches_of(self._letters(file)):
            try:
                self._submit(batch)
            except Refused as refusal:
                if refusal.code not in _NOT_TAKEN:
                    raise
                first = batch[refusal.answer["next_line"] - 1].number
                ended_by = f"{refusal}; from line {first} on nothing was taken: import it again later, nothing is added twice"
                break
        refused = [f"line {number}: {why}" for number, why in sorted(self._refused)]
        return Outcome(self._new, self._known, refused, ended_by)

    def _letters(self, file: BinaryIO) -> Iterator[Letter]:
        number = 0
        while text := file.readline(_LONGEST_LINE):
            number += 1
            if text.isspace():
                continue
            try:
                yield letter_of(number, text)
            except ValueError as error:
                self._refused.append((number, str(error)))

    def _submit(self, batch: list[Letter]) -> None:
        try:
            self._count(batch, self._client.submit_lines([letter.line for letter in batch]))
        except Refused as refusal:
            if refusal.code in _NOT_TAKEN:
                self._count(batch, batched_of(refusal.answer))
            raise

    def _count(self, batch: list[Letter], answer: Batched) -> None:
        self._known += len(answer.known)
        self._new += len(answer.accepted) - len(answer.known)
        self._refused += [(batch[line - 1].number, why) for line, why in answer.rejected]


def letter_of(number: int, text: bytes) -> Letter:
    """Read one line; raises ValueError with the reason."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(record, dict) or not isinstance(record.get("payload_b64"), str):
        raise ValueError("it is not a JSON object with payload_b64, as export writes it")
    try:
        payload = b64decode(record["payload_b64"], validate=True)
    except ValueError:
        raise ValueError("payload_b64 is not base64 text") from None
    digits = sha256(payload).hexdigest()
    if record.get("hash", digits) != digits:
        raise ValueError(f"its payload is not that of its hash, but of {digits}")
    about = {key: record[key] for key in ("content_type", "register_id") if record.get(key)}
    return Letter(number, payload, {"payload_b64": record["payload_b64"], **about})
