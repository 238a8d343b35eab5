"""The OpenAPI document of the management API: what exists now, and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the payload, in hex"}
_PEER_ID = {"type": "string", "pattern": "^[0-9a-f]{40}$", "description": "of a peer, in hex"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}


class OpenApiRoutes:
    """``/openapi.json``."""

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("openapi", __name__)
        routes.add_url_rule("/openapi.json", view_func=self.openapi)
        return routes

    def openapi(self) -> Response:
        """The document."""
        return jsonify(DOCUMENT)


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [name for name in properties if name not in optional]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _answer(description: str, schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": _content(media_type, schema)}


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": "#/components/responses/Error"} for status in statuses}


def _operation(summary: str, success: dict[str, Any], *errors: int, token: bool = True, **more: Any) -> dict[str, Any]:
    refusals = (401, *errors) if token else errors
    operation = {"summary": summary, **more, "responses": success | _errors(*refusals, 500)}
    return operation if token else operation | {"security": []}


def _json_body(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": _content("application/json", schema)}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _rows_page(name: str) -> dict[str, Any]:
    return _object({
        name: _list(_ref("QueueRow")),
        "next_after": {"type": ["integer", "null"], "description": "where the next page begins; null: there is none"},
        "totals": _ref("QueueTotals"), "min_receipts": _COUNT, "receipts_needed": _COUNT, "peers_linked": _COUNT,
    })  # fmt: skip


_NULLABLE_NUMBER = {"type": ["number", "null"]}
_SCHEMAS: dict[str, Any] = {
    "Error": _object({"error": _object({"code": _TEXT, "message": _TEXT})}),
    "Status": _object({
        "peer_id": _TEXT, "name": _TEXT, "version": _TEXT, "network_id": _TEXT,
        "state": {"type": "string", "enum": ["online", "degraded", "offline"]},
        "started_at": _COUNT, "uptime_s": {"type": "number"}, "listening": _list(_TEXT), "external_address": _TEXT,
        "reachability": {"type": "string", "enum": ["unknown", "public", "local", "private"]},
        "addresses": _list(_ref("Address")),
        "address_findings": {
            "type": "object", "additionalProperties": {"type": "object", "additionalProperties": _TEXT},
            "description": "by source: what it found out beside addresses",
        },
        "peers": _object({"known": _COUNT, "connected": _COUNT, "active": _COUNT}),
        "links": {"type": "object", "additionalProperties": _COUNT, "description": "linked peers by transport"},
        "queue": _ref("QueueTotals"),
        "receipts": _object({
            "min": {"type": "integer", "minimum": 1, "description": "of how many peers a submission needs receipts"},
            "needed": {"type": "integer", "minimum": 1, "description": "now: fewer where fewer are linked"},
        }),
        "transactions": _object({
            "stored": _COUNT, "delivered": _COUNT, "last_seq": _COUNT, "oldest_seq": _COUNT, "log_bytes": _COUNT,
        }),
        "log_epoch": _COUNT,
        "traffic": _object({
            "received": _COUNT, "duplicates": _COUNT, "sent_bytes": _COUNT, "received_bytes": _COUNT,
            "sent_plain_bytes": {"type": "integer", "description": "the same batches before they were compressed"},
            "received_plain_bytes": _COUNT,
        }),
        "last_discovery": {"type": ["integer", "null"], "description": "Unix seconds"}, "partition": _FLAG,
        "clock_skew_s": {"type": ["number", "null"], "description": "ahead of the median of the linked peers' clocks"},
        "warnings": {"type": "array", "items": _TEXT, "description": "what somebody should look at; empty when all is well"},
        "limits": _object({"max_transaction_bytes": _COUNT, "max_queue_size": _COUNT, "max_queue_bytes": _COUNT}),
        "jobs": _list(_ref("Job")),
    }),
    "QueueTotals": _object({
        "pending": {"type": "integer", "description": "not released yet"},
        "inflight": {"type": "integer", "description": "released, receipts are awaited"},
        "dead": {"type": "integer", "description": "given up; part of nothing else here"},
        "retry": {"type": "integer", "description": "too few receipts came, to be offered again"},
        "waiting_bytes": {"type": "integer", "description": "of the payloads of all that are not dead"},
    }),
    "QueueRow": _object({
        "id": {"type": "integer", "description": "grows with each submission; what `after` means"},
        "hash": _HASH, "state": {"type": "string", "enum": ["pending", "inflight", "retry", "dead"]}, "size": _COUNT,
        "content_type": _TEXT, "register_id": _TEXT, "queued_ms": {"type": "number"}, "attempts": _COUNT,
        "last_attempt_ms": _NULLABLE_NUMBER, "not_before_ms": _NULLABLE_NUMBER,
        "reason": {"type": "string", "description": "of a dead letter why, of a retry what was wrong the last time"},
    }),
    "Delivery": _object({
        "hash": _HASH, "state": {"type": "string", "enum": ["queued", "sending", "delivered", "dead", "unknown"]},
        "receipts": {"type": ["integer", "null"], "description": "counted so far; null: nobody counts (any more)"},
        "receipts_needed": {"type": "integer", "minimum": 1}, "attempts": _COUNT, "reason": _TEXT,
        "next_attempt_ms": _NULLABLE_NUMBER,
    }),
    "Job": _object({
        "name": _TEXT, "interval_s": {"type": "number"},
        "last_run_at": {"type": ["integer", "null"], "description": "Unix seconds; null before the first run"},
        "last_duration_s": _NULLABLE_NUMBER, "last_error": {"type": "string", "description": "empty: the last run went well"},
    }),
    "Address": _object({
        "address": {"type": "string", "description": "scheme://host:port"},
        "source": {"type": "string", "description": "manual, interface, listener, peers, or the name of another resolver"},
        "state": {"type": "string", "enum": ["reached", "not reached", "unproved"]},
        "age_s": {"type": "number", "description": "since a peer confirmed the state last"},
        "told": {"type": "boolean", "description": "whether the node's record names it"},
        "reason": {"type": "string", "description": "why the last peer that failed did"},
    }),
    "Peer": _object({
        "id": _TEXT, "name": _TEXT, "address": _TEXT, "status": {"type": "string", "enum": ["linked", "known", "lost", "banned"]},
        "transport": _TEXT, "direction": {"type": "string", "enum": ["outbound", "inbound", ""]},
        "latency_ms": _NULLABLE_NUMBER, "last_seen": {"type": "integer", "description": "Unix seconds, 0: never"},
        "failures": _COUNT, "bootstrap": _FLAG, "software": _TEXT, "queued_bytes": _COUNT,
        "link_age_s": {"type": ["number", "null"], "description": "since the link in use came up; null without one"},
        "rungs": _list(_ref("Rung")),
        "score": {"type": "number", "description": "by what it did, -100 to 10; 0: nothing speaks for or against it"},
        "score_terms": _list(_object({"name": _TEXT, "amount": {"type": "number"}, "points": {"type": "number"}})),
    }),
    "Ban": _object({
        "id": _PEER_ID, "name": {"type": "string", "description": "empty: it is not known"}, "reason": _TEXT,
        "by": {"type": "string", "description": "operator, or the name of a rule"},
        "since": {"type": "integer", "description": "Unix seconds"},
        "until": {"type": ["integer", "null"], "description": "Unix seconds; null: until it is lifted"},
    }),
    "AuditEntry": _object({
        "id": {"type": "integer", "description": "grows with each entry; what `before` means"},
        "at": {"type": "integer", "description": "Unix seconds"}, "actor": _TEXT,
        "action": {"type": "string", "description": "a word such as peer.ban or dead-letter.retry"},
        "target": _TEXT, "outcome": {"type": "string", "description": "ok, or what came of it; failed: and why"},
    }),
    "Rung": _object({
        "transport": _TEXT, "breaker": {"type": "string", "enum": ["closed", "half-open", "open"]},
        "last_error": {"type": "string", "description": "empty: none so far"}, "last_error_age_s": _NULLABLE_NUMBER,
    }),
    "Plugin": {"type": "object", "description": "name, distribution, version, offers, chosen, error"},
    "LogLine": _object({
        "seq": _COUNT, "hash": _HASH, "size": _COUNT, "content_type": _TEXT, "register_id": _TEXT, "origin": _TEXT,
        "created_ms": {"type": "number", "description": "Unix milliseconds, three decimals"},
        "received_ms": {"type": "number", "description": "Unix milliseconds, three decimals"}, "hops": _COUNT,
    }),
    "Trace": _object({
        "hash": _HASH, "size": _COUNT, "origin": _TEXT,
        "created_ms": {"type": "number", "description": "Unix milliseconds, by the origin's clock"},
        "hops": {"type": "integer", "minimum": 0, "description": "from its origin to here; 0: it was submitted here"},
        "first_ms": {"type": "number", "description": "Unix milliseconds: the first copy was here, or an own one was released"},
        "verified_after_ms": {"type": "number", "description": "since first_ms"},
        "stored_after_ms": _NULLABLE_NUMBER | {"description": "since first_ms; null: not committed yet"},
        "copies_received": _COUNT, "copies": _list(_ref("Copy")), "passed_on": _list(_ref("PassedOn")),
        "further_passed_on": _COUNT,
    }),
    "Copy": _object({
        "peer": {"type": "string", "description": "who sent it; empty: its link was over long ago"}, "name": _TEXT,
        "hop": {"type": "integer", "minimum": 0, "description": "of its sender, as it says; 0: the origin"},
        "by": {"type": "string", "enum": ["push", "fetch", "sync", "chunks"]}, "at_ms": {"type": "number"},
        "after_ms": {"type": "number", "description": "since first_ms"},
        "also_from": _list(_TEXT) | {"description": "others who sent chunks of it"},
    }),
    "PassedOn": _object({
        "peer": _TEXT, "name": _TEXT, "by": {"type": "string", "enum": ["push", "announce", "fetch", "chunks"]},
        "at_ms": {"type": "number"}, "after_ms": {"type": "number", "description": "since first_ms"},
    }),
    "BatchLine": _object({"payload_b64": _TEXT, "content_type": _TEXT, "register_id": _TEXT}, "content_type", "register_id"),
    "BatchResult": _object({
        "accepted": _list(_HASH),
        "rejected": _list(_object({"line": {"type": "integer", "minimum": 1}, "error": _TEXT, "code": _TEXT})),
        "known": _list(_HASH) | {"description": "those of `accepted` that were here already"},
        "next_line": {"type": "integer", "description": "with an error: nothing was decided about the lines from here on"},
    }, "next_line"),
    "Event": _object({
        "id": {"type": "integer", "description": "rises by one; a process begins at the Unix milliseconds of its start"},
        "at_ms": {"type": "number", "description": "Unix milliseconds"}, "kind": _TEXT,
        "level": {"type": "string", "enum": ["debug", "info", "warning"]}, "sentence": _TEXT,
        "fields": {"type": "object", "description": "what the kind has; ids and hashes in full"},
    }),
    "Setting": _object({
        "key": {"type": "string", "description": "section.name"}, "value": {},
        "origin": {"type": "string", "description": "default, flag, environment variable NAME or file PATH"},
        "default": {}, "summary": _TEXT,
    }),
    "Health": _object({"live": _FLAG, "ready": _FLAG, "reasons": _list(_TEXT)}),
}  # fmt: skip

_BYTES = "application/octet-stream"
_NDJSON = "application/x-ndjson"
_UNHEALTHY = _answer("It is not; `reasons` says why.", {"allOf": [_ref("Error"), _ref("Health")]})
_HALF_A_BATCH = {"allOf": [_ref("Error"), _ref("BatchResult")]}
_ROWS_PAGE = [
    _query("after", _COUNT, "rows with a greater id; 0 is the beginning"),
    _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "most rows of a page"),
]
_REGISTER_HEADER = {"name": "X-Register-Id", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 64}}
_PEER_PARAMETER = {"name": "peer_id", "in": "path", "required": True, "schema": _PEER_ID}
_HASH_PARAMETER = {"name": "tx_hash", "in": "path", "required": True, "schema": _HASH}
_NUMBER_HEADER = {"schema": _COUNT}
_LOG_ANSWER = _answer("One JSON object a line; blank lines keep a followed stream alive.", _ref("LogLine"), _NDJSON)

_PATHS: dict[str, Any] = {
    "/metrics": {"get": _operation("Metrics in Prometheus' text format",
        {"200": _answer("All metrics.", _TEXT, "text/plain")}, token=False)},
    "/healthz": {"get": _operation("Whether the node can do its work at all",
        {"200": _answer("It can.", _ref("Health")), "503": _UNHEALTHY}, token=False)},
    "/readyz": {"get": _operation("Whether the node is ready for requests",
        {"200": _answer("It is.", _ref("Health")), "503": _UNHEALTHY}, token=False)},
    "/manage/v1/status": {"get": _operation("The state of the node", {"200": _answer("Right now.", _ref("Status"))})},
    "/manage/v1/peers": {
        "get": _operation("Known peers, linked ones first",
            {"200": _answer("All of them.", _object({"peers": _list(_ref("Peer"))}))}),
        "post": _operation("Dial an address, and keep who answers there",
            {"200": _answer("It is linked, or has links enough.", _object({"added": _TEXT}))}, 400, 409, 413, 502, 503, 504,
            requestBody=_json_body(_object({
                "address": {"type": "string", "description": "[scheme://]host:port[#PEER_ID]"},
            }))),
    },
    "/manage/v1/peers/{peer_id}": {"delete": _operation("Unlink a peer and forget it; others may tell of it again",
        {"200": _answer("Done.", _object({"removed": _PEER_ID}))}, 400, 404, 503, parameters=[_PEER_PARAMETER])},
    "/manage/v1/peers/{peer_id}/ping": {"post": _operation("See whether a peer answers, over its link or by a look",
        {"200": _answer("It does.", _object({"rtt_ms": {"type": "number", "minimum": 0}, "transport": _TEXT}))},
        400, 404, 409, 502, 503, 504, parameters=[_PEER_PARAMETER])},
    "/manage/v1/peers/{peer_id}/ban": {
        "post": _operation("Have nothing to do with a peer any more, known or not",
            {"200": _answer("From now on.", _ref("Ban"))}, 400, 409, 413, 503, parameters=[_PEER_PARAMETER],
            requestBody=_json_body(_object({
                "reason": {"type": "string", "maxLength": 200},
                "duration_s": _NULLABLE_NUMBER | {"description": "seconds above 0; null or none: until it is lifted"},
            }, "reason", "duration_s"), required=False)),
        "delete": _operation("Lift a ban",
            {"200": _answer("It is one like all others again.", _object({"unbanned": _PEER_ID}))}, 400, 404, 503,
            parameters=[_PEER_PARAMETER]),
    },
    "/manage/v1/bans": {"get": _operation("Bans that are in force, the latest first",
        {"200": _answer("All of them.", _object({"bans": _list(_ref("Ban"))}))}, 503)},
    "/manage/v1/audit": {"get": _operation("What operators did, newest first",
        {"200": _answer("A page of it.", _object({
            "audit": _list(_ref("AuditEntry")),
            "next_before": {"type": ["integer", "null"], "description": "where the next page begins; null: there is none"},
        }))}, 400, 503, parameters=[
            _query("before", {"type": "integer", "minimum": 1}, "entries with a smaller id; the newest without it"),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "most entries of a page"),
        ])},
    "/manage/v1/events": {"get": _operation("What happened in the node, a page of it or for ever",
        {"200": {"description": "A page, or with `follow` server-sent events with an Event as data each.",
            "content": _content("application/json", _object({
                "events": _list(_ref("Event")),
                "next_after": {"type": ["integer", "null"], "description": "where the next page begins; null: there is none"},
                "oldest_id": {"type": "integer", "description": "the first that is kept, or the next to come"},
                "last_id": {"type": "integer", "description": "the last there was"},
                "gap": {"type": "boolean", "description": "events behind `after` are gone"},
            })) | _content("text/event-stream", _TEXT)}},
        400, 503, parameters=[
            _query("after", _COUNT, "events with a greater id; 0: all that are kept"),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "most events of a page"),
            _query("level", {"type": "string", "enum": ["debug", "info", "warning"]}, "of this level, and graver"),
            _query("kind", _TEXT, "only these, with commas between"),
            _query("follow", {"type": "string", "enum": ["0", "1"]}, "1: the stream goes on, `limit` means nothing"),
            {"name": "Last-Event-ID", "in": "header", "required": False, "schema": _COUNT,
             "description": "with `follow`: counts instead of `after`"},
        ])},
    "/manage/v1/history": {"get": _operation("How counters stood over the last day, oldest first",
        {"200": _answer("Columns of the same length: a sample a minute, of the last ten minutes one a second.", _object({
            "at": _list(_COUNT) | {"description": "Unix seconds"},
            "sent_bytes": _list(_COUNT) | {"description": "this and the next two since the start; charts take differences"},
            "received_bytes": _list(_COUNT), "transactions": _list(_COUNT),
            "queue": _list(_COUNT) | {"description": "submissions that wait, then"},
            "latency_ms": _list(_NULLABLE_NUMBER) | {"description": "mean of what arrived since the sample before, or null"},
        }))}, 400, parameters=[_query("after", _COUNT, "samples taken later than this")])},
    "/manage/v1/config": {"get": _operation("Every setting, its value and where that comes from",
        {"200": _answer("All of them; secrets are `***`.", _object({"settings": _list(_ref("Setting"))}))})},
    "/manage/v1/login-links": {"post": _operation("Make a link that logs a browser in to the pages",
        {"201": _answer("The link: good once, and only for so long.", _object({"url": _TEXT, "good_for_s": _COUNT}))})},
    "/manage/v1/plugins": {"get": _operation("What is installed",
        {"200": _answer("All of it.", _object({"plugins": _list(_ref("Plugin"))}))})},
    "/manage/v1/openapi.json": {"get": _operation("This document", {"200": _answer("OpenAPI 3.1.", {"type": "object"})})},
    "/manage/v1/transactions": {
        "post": _operation("Submit one transaction: the body is the payload, its Content-Type is kept with it",
            {"202": _answer("Committed; the network gets it from here.",
                _object({"hash": _HASH, "state": {"type": "string", "enum": ["queued", "known"]}}))},
            400, 413, 415, 429, 503, parameters=[_REGISTER_HEADER],
            requestBody={"required": True, "content": _content("*/*", {})}),
        "get": _operation("The arrival log, a page of it or for ever",
            {"200": _LOG_ANSWER | {"headers": {"X-Log-Epoch": _NUMBER_HEADER, "X-Oldest-Seq": _NUMBER_HEADER}}},
            400, 503, parameters=[
                _query("after", _COUNT, "lines with a greater seq; 0 is the beginning"),
                _query("limit", {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000}, "most lines of a page"),
                _query("follow", {"type": "string", "enum": ["0", "1"]}, "1: the stream goes on, `limit` means nothing"),
                _query("register_id", _TEXT, "only transactions of this register"),
            ]),
    },
    "/manage/v1/transactions/batch": {"post": _operation("Submit many transactions, one a line",
        {"200": _answer("What became of the lines.", _ref("BatchResult")),
         "429": _answer("The queue is full; from `next_line` on nothing was taken.", _HALF_A_BATCH),
         "503": _answer("The store failed; from `next_line` on nothing was taken.", _HALF_A_BATCH)},
        413, 415, requestBody={"required": True, "content": _content(_NDJSON, _ref("BatchLine"))})},
    "/manage/v1/transactions/delivery": {"post": _operation("How far many submissions have come",
        {"200": _answer("In the order asked.", _object({"deliveries": _list(_ref("Delivery"))}))}, 400, 413, 503,
        requestBody={"required": True, "content": _content("application/json", _object({
            "hashes": _list(_HASH) | {"maxItems": 1000},
            "wait_s": {"type": "number", "minimum": 0, "maximum": 60, "description": "answer when none is on its way, or then"},
        }, "wait_s"))})},
    "/manage/v1/transactions/{tx_hash}/delivery": {"get": _operation("How far one submission has come",
        {"200": _answer("Now, or when it was delivered or given up.", _ref("Delivery"))}, 400, 503, parameters=[
            _HASH_PARAMETER,
            _query("wait", {"type": "integer", "minimum": 0, "maximum": 60}, "seconds until it is answered all the same"),
        ])},
    "/manage/v1/queue": {"get": _operation("What waits for its receipts, oldest first",
        {"200": _answer("A page of it.", _rows_page("queue"))}, 400, 503, parameters=_ROWS_PAGE)},
    "/manage/v1/dead-letters": {
        "get": _operation("Submissions that were given up, oldest first",
            {"200": _answer("A page of them.", _rows_page("dead_letters"))}, 400, 503, parameters=_ROWS_PAGE),
        "delete": _operation("Forget all of them; what was released stays in the arrival log",
            {"200": _answer("How many.", _object({"dropped": _COUNT}))}, 503),
    },
    "/manage/v1/dead-letters/retry": {"post": _operation("Offer all of them again at once",
        {"200": _answer("How many.", _object({"retried": _COUNT}))}, 503)},
    "/manage/v1/dead-letters/{tx_hash}": {
        "get": _operation("One dead letter; its payload is that of the transaction",
            {"200": _answer("It is one.", _ref("QueueRow"))}, 400, 404, 503, parameters=[_HASH_PARAMETER]),
        "delete": _operation("Forget it; if it was released it stays in the arrival log",
            {"200": _answer("Done.", _object({"dropped": _COUNT}))}, 400, 404, 503, parameters=[_HASH_PARAMETER]),
    },
    "/manage/v1/dead-letters/{tx_hash}/retry": {"post": _operation("Offer it again at once",
        {"200": _answer("Done.", _object({"retried": _COUNT}))}, 400, 404, 503, parameters=[_HASH_PARAMETER])},
    "/manage/v1/transactions/{tx_hash}": {"get": _operation("The payload of one transaction",
        {"200": _answer("Byte for byte.", {}, _BYTES)}, 400, 404, 503,
        parameters=[_HASH_PARAMETER])},
    "/manage/v1/transactions/{tx_hash}/trace": {"get": _operation("The way of one of the latest transactions through this node",
        {"200": _answer("Whom it came from, and who got it from here.", _ref("Trace"))}, 400, 404, 503,
        parameters=[_HASH_PARAMETER])},
}  # fmt: skip

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Sorcha Peer management API",
        "version": "1",
        "description": "What operators and applications ask one node. The token lies in `admin.token` in its data directory.",
    },
    "security": [{"token": []}],
    "paths": _PATHS,
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "responses": {"Error": _answer("The request was not served; `code` is stable.", _ref("Error"))},
        "schemas": _SCHEMAS,
    },
}
