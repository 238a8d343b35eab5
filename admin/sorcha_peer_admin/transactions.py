"""Transactions: hand them in, one or many; list and follow the arrival log; read a payload."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, UnsupportedMediaType

from sorcha_peer_admin.audit import note_submission
from sorcha_peer_admin.batch import MAX_BATCH_BYTES, Batch
from sorcha_peer_admin.errors import peer_error_response
from sorcha_peer_admin.follow import disconnected
from sorcha_peer_admin.lines import NDJSON, PAGE_ENTRIES, chunks_of
from sorcha_peer_admin.parameters import MAX_ROW_ID, flag_parameter, hash_of, header_text, number_parameter
from sorcha_peer_admin.trace import trace_json
from sorcha_peer_core.errors import PayloadTooLarge, PeerError
from sorcha_peer_core.model.transaction import DEFAULT_CONTENT_TYPE, submission_of

if TYPE_CHECKING:
    from io import RawIOBase

    from sorcha_peer_admin.follow import Followers
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import LogSlice
    from sorcha_peer_core.model.ids import TxHash

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000
_BATCH_TYPES = ("", NDJSON, "application/ndjson", "application/jsonl")
_READ_BYTES = 64 * 1024


class TransactionRoutes:
    """``/transactions`` and what lies below it."""

    def __init__(self, node: NodeApi, followers: Followers) -> None:
        self._node = node
        self._followers = followers

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("transactions", __name__)
        routes.add_url_rule("/transactions", view_func=self.submit, methods=["POST"])
        routes.add_url_rule("/transactions", view_func=self.log, methods=["GET"])
        routes.add_url_rule("/transactions/batch", view_func=self.submit_batch, methods=["POST"])
        routes.add_url_rule("/transactions/<tx_hash>", view_func=self.payload, methods=["GET"])
        routes.add_url_rule("/transactions/<tx_hash>/trace", view_func=self.trace, methods=["GET"])
        return routes

    def submit(self) -> tuple[Response, int]:
        """Accept the body as one transaction; answered after the commit."""
        _refuse_encoded()
        submission = submission_of(
            self._read_payload(),
            max_bytes=self._node.max_transaction_bytes,
            content_type=header_text("Content-Type") or DEFAULT_CONTENT_TYPE,
            register_id=header_text("X-Register-Id"),
        )
        [result] = self._node.submit([submission])
        note_submission(self._node, result.tx_hash.hex(), result.state)
        return jsonify({"hash": result.tx_hash.hex(), "state": result.state}), 202

    def submit_batch(self) -> Response:
        """Accept the good lines of an NDJSON body; the answer says which were not good, and why."""
        _refuse_encoded()
        if request.mimetype not in _BATCH_TYPES:
            raise UnsupportedMediaType(f"a batch is {NDJSON}, this is {request.mimetype[:80]!r}")
        if (request.content_length or 0) > MAX_BATCH_BYTES:
            raise RequestEntityTooLarge(f"the batch has {request.content_length} bytes; at most {MAX_BATCH_BYTES} are allowed")
        request.max_content_length = MAX_BATCH_BYTES
        batch = Batch(self._node)
        try:
            # The stream of a request reads lines byte by byte; the buffer in front of it does not.
            batch.submit(BufferedReader(cast("RawIOBase", request.stream), _READ_BYTES))
        except PeerError as error:
            return peer_error_response(error, **batch.result(), next_line=batch.next_line)
        finally:
            note_submission(self._node, "a batch", f"{len(batch.accepted)} accepted, {len(batch.rejected)} rejected")
        return jsonify(batch.result())

    def log(self) -> Response:
        """Lines of the arrival log after ``after``, up to ``limit`` of them or, with ``follow``, as they come."""
        after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
        limit = number_parameter("limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        register_id = request.args.get("register_id")
        if flag_parameter("follow"):
            return self._follow(after, register_id)
        page_entries = min(limit, PAGE_ENTRIES)
        first = self._node.transactions(after, page_entries, register_id)
        if limit == page_entries or len(first.entries) < page_entries:
            # Complete: with its length known, the connection stays open for the next request.
            return _ndjson(b"".join(chunks_of(first.entries)), first)
        return _ndjson(self._pages(first, limit, register_id), first)

    def payload(self, tx_hash: str) -> Response:
        """The bytes of one transaction, as something to save and never to show."""
        wanted = hash_of(tx_hash)
        payload = self._node.payload(wanted)
        if payload is None:
            raise NotFound(f"the transaction {wanted.hex()} is not here")
        return attached(wanted, payload)

    def trace(self, tx_hash: str) -> Response:
        """The way of one transaction through this node."""
        return jsonify(trace_json(self._node.trace(hash_of(tx_hash))))

    def _read_payload(self) -> bytes:
        most = self._node.max_transaction_bytes
        size = request.content_length or 0
        if size > most:
            raise PayloadTooLarge(f"the transaction has {size} bytes; at most {most} are allowed")
        return request.stream.read(most + 1)

    def _follow(self, after: int, register_id: str | None) -> Response:
        begin = self._node.transactions(after, 1)
        gone = disconnected()
        self._followers.enter()
        response = _ndjson(self._followers.stream(self._node, after, register_id, gone), begin)
        response.call_on_close(self._followers.leave)
        return response

    def _pages(self, page: LogSlice, limit: int, register_id: str | None) -> Iterator[bytes]:
        while page.entries:
            yield from chunks_of(page.entries)
            limit -= len(page.entries)
            if limit <= 0:
                return
            page = self._node.transactions(page.entries[-1].seq, min(limit, PAGE_ENTRIES), register_id)


def _ndjson(body: bytes | Iterator[bytes], page: LogSlice) -> Response:
    response = Response(body, content_type=NDJSON)
    response.headers["X-Log-Epoch"] = str(page.log_epoch)
    response.headers["X-Oldest-Seq"] = str(page.oldest_seq)
    return response


def _refuse_encoded() -> None:
    # A compressed body would be stored as it came, under the hash of the compressed bytes.
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise UnsupportedMediaType(f"the body is encoded as {encoding[:40]!r}; send it as it is")


def attached(tx_hash: TxHash, payload: bytes) -> Response:
    """A payload as something to save: whatever it is, no browser shows it."""
    response = Response(payload, content_type=DEFAULT_CONTENT_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{tx_hash.hex()}"'
    return response
