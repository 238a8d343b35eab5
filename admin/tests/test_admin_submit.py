"""Handing transactions in, one by one and in batches."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256

import pytest
from admin_fakes import FakeNode

from sorcha_peer_admin import batch
from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.ids import tx_hash_of

ONE = "/manage/v1/transactions"
MANY = "/manage/v1/transactions/batch"


def line(payload: bytes, **fields: str) -> bytes:
    return json.dumps({"payload_b64": b64encode(payload).decode(), **fields}).encode()


def hex_of(payload: bytes) -> str:
    return sha256(payload).hexdigest()


def test_the_body_is_the_payload(client, node: FakeNode):
    answer = client.post(ONE, data=b"\x00abc", content_type="text/plain", headers={"X-Register-Id": "r-1"})

    assert answer.status_code == 202
    assert answer.get_json() == {"hash": hex_of(b"\x00abc"), "state": "queued"}
    [[submission]] = node.calls
    assert submission == (tx_hash_of(b"\x00abc"), b"\x00abc", "text/plain", "r-1")


def test_a_payload_without_a_type_is_plain_bytes(client, node: FakeNode):
    client.post(ONE, data=b"abc")

    assert node.calls[0][0].content_type == "application/octet-stream"


def test_a_second_submission_of_the_same_payload_is_known(client):
    client.post(ONE, data=b"abc")

    assert client.post(ONE, data=b"abc").get_json()["state"] == "known"


def test_a_form_is_a_payload_like_any_other(client, node: FakeNode):
    client.post(ONE, data=b"a=1&b=2", content_type="application/x-www-form-urlencoded")

    assert node.calls[0][0].payload == b"a=1&b=2"


def test_a_register_id_may_hold_any_letter(client, node: FakeNode):
    client.post(ONE, data=b"abc", headers={"X-Register-Id": "münchen".encode().decode("latin-1")})

    assert node.calls[0][0].register_id == "münchen"


@pytest.mark.parametrize(("data", "headers", "status", "code"), [
    (b"", {}, 400, "empty"),
    (b"x" * 1001, {}, 413, "too_large"),
    (b"abc", {"X-Register-Id": "r" * 65}, 400, "invalid_metadata"),
    (b"abc", {"X-Register-Id": "tab\there"}, 400, "invalid_metadata"),
    (b"abc", {"X-Register-Id": "\xff"}, 400, "bad_request"),
    (b"abc", {"Content-Type": "t" * 256}, 400, "invalid_metadata"),
    (b"abc", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
])  # fmt: skip
def test_what_is_not_a_transaction_is_refused(client, node: FakeNode, data, headers, status, code):
    answer = client.post(ONE, data=data, headers=headers)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code)
    assert node.calls == []


def test_the_largest_payload_is_accepted(client):
    assert client.post(ONE, data=b"x" * 1000).status_code == 202


class Untouchable:
    """A body that must not be read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")

    readline = read


@pytest.mark.parametrize(("path", "size"), [(ONE, 1001), (MANY, batch.MAX_BATCH_BYTES + 1)])
def test_a_body_that_says_it_is_too_large_is_not_read(client, path, size):
    answer = client.post(path, environ_overrides={"wsgi.input": Untouchable(), "CONTENT_LENGTH": str(size)})

    assert answer.status_code == 413
    assert str(size) in answer.get_json()["error"]["message"]


def test_a_full_queue_is_429_and_says_when_to_come_back(client, node: FakeNode):
    node.room = 0

    answer = client.post(ONE, data=b"abc")

    assert answer.status_code == 429
    assert answer.get_json()["error"]["code"] == "queue_full"
    assert answer.headers["Retry-After"] == "1"


def test_each_line_of_a_batch_is_a_transaction(client, node: FakeNode):
    body = b"\n".join([line(b"one"), line(b"two", content_type="text/plain", register_id="r-1")])

    answer = client.post(MANY, data=body, content_type="application/x-ndjson")

    assert answer.status_code == 200
    assert answer.get_json() == {"accepted": [hex_of(b"one"), hex_of(b"two")], "rejected": [], "known": []}
    [submissions] = node.calls
    assert [(s.payload, s.content_type, s.register_id) for s in submissions] == [
        (b"one", "application/octet-stream", ""),
        (b"two", "text/plain", "r-1"),
    ]


def test_blank_lines_are_skipped_but_counted(client):
    body = b"\n" + line(b"one") + b"\r\n  \n\nnot json\n"

    result = client.post(MANY, data=body).get_json()

    assert result["accepted"] == [hex_of(b"one")]
    assert [rejected["line"] for rejected in result["rejected"]] == [5]


@pytest.mark.parametrize(("bad", "code", "says"), [
    (b"{", "invalid_line", "not JSON"),
    (b"\xff\xfe{", "invalid_line", "not JSON"),
    (b"[" * 1000, "invalid_line", "not JSON"),
    (b"[" * 100_000, "invalid_line", "more than 1024 parts"),
    (b"[]", "invalid_line", "object"),
    (b"{}", "invalid_line", "payload_b64 is missing"),
    (b'{"payload_b64": 7}', "invalid_line", "payload_b64 is not text"),
    (b'{"payload_b64": "!!!!"}', "invalid_line", "not base64"),
    (b'{"payload_b64": "YWJj", "registerid": "r"}', "invalid_line", "'registerid' is no field"),
    (b'{"payload_b64": "YWJj", "register_id": 5}', "invalid_line", "register_id is not text"),
    (b'{"payload_b64": "YWJj", "register_id": "a\\u0000"}', "invalid_metadata", "register id"),
    (b'{"payload_b64": "YWJj", "content_type": "\\ud800"}', "invalid_metadata", "content type"),
    (b'{"payload_b64": ""}', "empty", "at least 1 byte"),
    (line(b"x" * 1001), "too_large", "1001 bytes"),
])  # fmt: skip
def test_a_bad_line_rejects_only_itself(client, bad, code, says):
    body = b"\n".join([line(b"one"), bad, line(b"two")])

    result = client.post(MANY, data=body).get_json()

    assert result["accepted"] == [hex_of(b"one"), hex_of(b"two")]
    [rejected] = result["rejected"]
    assert (rejected["line"], rejected["code"]) == (2, code)
    assert says in rejected["error"]


def test_a_field_that_is_null_is_as_good_as_absent(client, node: FakeNode):
    client.post(MANY, data=b'{"payload_b64": "YWJj", "content_type": null, "register_id": null}')

    assert node.calls[0][0][2:] == ("application/octet-stream", "")


def test_an_empty_batch_accepts_nothing(client, node: FakeNode):
    assert client.post(MANY, data=b"\n\n").get_json() == {"accepted": [], "rejected": [], "known": []}
    assert node.calls == []


def test_a_large_batch_goes_to_the_node_in_groups(client, node: FakeNode):
    count = batch.GROUP_ITEMS + 1

    result = client.post(MANY, data=b"\n".join(line(b"%d" % n) for n in range(count))).get_json()

    assert [len(call) for call in node.calls] == [batch.GROUP_ITEMS, 1]
    assert result["accepted"] == [hex_of(b"%d" % n) for n in range(count)]


def test_a_group_is_bounded_by_its_bytes(client, node: FakeNode):
    node.max_transaction_bytes = batch.GROUP_BYTES
    payloads = [bytes([n]) * (batch.GROUP_BYTES // 2) for n in range(3)]

    client.post(MANY, data=b"\n".join(map(line, payloads)))

    assert [len(call) for call in node.calls] == [2, 1]


def test_a_queue_that_fills_up_says_what_was_accepted_before(client, node: FakeNode):
    node.room = batch.GROUP_ITEMS
    lines = [b"bad"] + [line(b"%d" % n) for n in range(batch.GROUP_ITEMS + 5)]

    answer = client.post(MANY, data=b"\n".join(lines))

    assert answer.status_code == 429
    assert answer.get_json()["error"]["code"] == "queue_full"
    assert len(answer.get_json()["accepted"]) == batch.GROUP_ITEMS
    assert [rejected["line"] for rejected in answer.get_json()["rejected"]] == [1]
    assert answer.get_json()["next_line"] == batch.GROUP_ITEMS + 2


def test_a_batch_that_is_sent_again_from_the_line_it_names_loses_and_doubles_nothing(client, node: FakeNode):
    lines = [line(b"%d" % n) if n % 7 else b"bad" for n in range(3 * batch.GROUP_ITEMS)]
    node.room = batch.GROUP_ITEMS + 10

    first = client.post(MANY, data=b"\n".join(lines)).get_json()
    node.room = len(lines)
    rest = client.post(MANY, data=b"\n".join(lines[first["next_line"] - 1 :])).get_json()

    assert first["accepted"] + rest["accepted"] == [hex_of(b"%d" % n) for n in range(len(lines)) if n % 7]
    assert len(first["rejected"]) + len(rest["rejected"]) == len(range(0, len(lines), 7))
    assert rest["known"] == []


def test_a_batch_says_what_was_here_already(client):
    client.post(ONE, data=b"one")

    result = client.post(MANY, data=b"\n".join([line(b"one"), line(b"two"), line(b"two")])).get_json()

    assert result["accepted"] == [hex_of(b"one"), hex_of(b"two"), hex_of(b"two")]
    assert hex_of(b"one") in result["known"]


def test_a_batch_that_the_store_fails_is_503(client, node: FakeNode):
    node.failure = StoreError("the disk is full")

    answer = client.post(MANY, data=line(b"one"))

    assert answer.status_code == 503
    assert answer.get_json()["accepted"] == []


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, {"Content-Encoding": "gzip"}])
def test_a_batch_in_another_form_is_415(client, headers):
    assert client.post(MANY, data=line(b"one"), headers=headers).status_code == 415
