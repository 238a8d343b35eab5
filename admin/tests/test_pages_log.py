"""Pages about the arrival log: the list, one transaction, submitting."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from admin_fakes import LINKED, OWN_ID, TOKEN, FakeNode, entry, row

from sorcha_peer_admin.app import create_app
from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.interfaces.views import DeliveryView
from sorcha_peer_core.model.ids import PeerId, TxHash, tx_hash_of
from sorcha_peer_core.model.transaction import QueueState

LIST = "/admin/transactions"
HOSTILE = '"><script>alert(1)</script>'


def numbers_of(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-mark="(\d+)"', page)]


def put(node: FakeNode, payload: bytes, **more) -> TxHash:
    """A transaction that is in the log."""
    tx_hash = tx_hash_of(payload)
    node.payloads[tx_hash] = payload
    node.entries.append(entry(len(node.entries) + 1, tx_hash, size=len(payload))._replace(**more))
    node.tell(DeliveryView(tx_hash, "delivered"))
    return tx_hash


@pytest.fixture
def long_log(node: FakeNode) -> FakeNode:
    for number in range(1, 121):
        node.append(register_id="land" if number % 2 else "ships")
    return node


# The list


def test_the_newest_come_first_and_pages_lead_into_the_past_and_back(browser, long_log):
    first = browser.get(LIST).text
    second = browser.get(f"{LIST}?before=71").text
    back = browser.get(f"{LIST}?after=70").text

    assert numbers_of(first) == list(range(120, 70, -1))
    assert 'href="/admin/transactions?before=71"' in first
    assert numbers_of(second) == list(range(70, 20, -1))
    assert 'href="/admin/transactions?after=70"' in second
    assert numbers_of(back) == numbers_of(first)


def test_the_last_page_has_no_older_one(browser, long_log):
    page = browser.get(f"{LIST}?before=21").text

    assert numbers_of(page) == list(range(20, 0, -1))
    assert 'rel="next"' not in page


def test_a_page_that_reaches_the_newest_is_the_first_page(browser, long_log):
    page = browser.get(f"{LIST}?after=110").text

    assert numbers_of(page)[0] == 120
    assert 'data-follow="log"' in page


def test_only_the_first_page_grows(browser, long_log):
    assert 'data-rows="/admin/transactions/rows"' in browser.get(LIST).text
    assert "data-rows" not in browser.get(f"{LIST}?before=71").text


def test_the_rows_come_without_the_frame_for_a_page_that_is_open(browser, long_log):
    rows = browser.get(f"{LIST}/rows?register=land").text

    assert numbers_of(rows)[:3] == [119, 117, 115]
    assert "<html" not in rows


def test_one_register_is_shown_alone_on_all_its_pages(browser, long_log):
    page = browser.get(f"{LIST}?register=land").text

    assert numbers_of(page) == list(range(119, 20, -2))
    assert "/admin/transactions?before=21&amp;register=land" in page


def test_an_empty_log_says_so(browser):
    assert "The log is empty" in browser.get(LIST).text
    assert "No transaction of the register cars" in browser.get(f"{LIST}?register=cars").text


def test_origins_are_shown_by_name(browser, node):
    put(node, b"a", origin=LINKED.peer_id)
    put(node, b"b", origin=OWN_ID)

    page = browser.get(LIST).text

    assert f'<a href="/admin/peers/{LINKED.peer_id}" title="{LINKED.peer_id}">ben</a>' in page
    assert ">this node</span>" in page


def test_hostile_words_stay_words(browser, node):
    tx_hash = put(node, HOSTILE.encode(), content_type=HOSTILE, register_id=HOSTILE)

    for path in (LIST, f"{LIST}?register={HOSTILE}", f"{LIST}?hash={HOSTILE}", f"{LIST}/{tx_hash.hex()}"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_a_beginning_that_fits_one_transaction_leads_to_it(browser, node):
    tx_hash = put(node, b"a")

    for wanted in (tx_hash.hex()[:6], tx_hash.hex().upper(), f" {tx_hash.hex()} "):
        answer = browser.get(LIST, query_string={"hash": wanted})
        assert (answer.status_code, answer.location) == (302, f"{LIST}/{tx_hash.hex()}")


def test_a_beginning_that_fits_several_shows_them(browser, long_log):
    page = browser.get(f"{LIST}?hash=00").text

    assert "More than 20 transactions begin with 00" in page
    assert len(numbers_of(page)) == 20


@pytest.mark.parametrize(("wanted", "says"), [("ffff", "No transaction of the log begins with ffff"), ("xyz", "is not how a")])
def test_a_beginning_that_fits_none_says_so(browser, long_log, wanted, says):
    assert says in browser.get(f"{LIST}?hash={wanted}").text


def test_a_whole_hash_is_looked_for_beyond_the_log(browser):
    assert browser.get(f"{LIST}?hash={'ab' * 32}").location == f"{LIST}/{'ab' * 32}"
    assert browser.get(f"{LIST}/{'ab' * 32}").status_code == 404


def test_a_place_that_cannot_be_is_400(browser):
    assert browser.get(f"{LIST}?before=x").status_code == 400


# One transaction


def test_a_transaction_shows_its_envelope_its_delivery_its_way_and_its_payload(browser, node):
    tx_hash = put(node, b'{"sum":[1,2]}', register_id="land")

    page = browser.get(f"{LIST}/{tx_hash.hex()}").text

    for shown in (tx_hash.hex(), "13 bytes", "text/plain", ">land</a>", "delivered", "2 copies received", "as JSON"):
        assert shown in page
    assert "&#34;sum&#34;: [" in page


def test_the_trace_is_a_picture_and_a_table(browser, node):
    tx_hash = put(node, b"a")

    page = browser.get(f"{LIST}/{tx_hash.hex()}").text

    assert 'role="img" aria-label="Time line: 2 copies received' in page
    assert '<path class="first"' in page
    assert "fetched in chunks; the sender is 3 hops from the origin; chunks also from" in page
    assert "a peer nobody remembers" in page


def test_a_transaction_that_is_not_traced_says_why(browser, node, monkeypatch):
    monkeypatch.setattr(node, "trace", lambda tx_hash: FakeNode.trace(node, TxHash(bytes(32))))

    assert f"The transaction {'00' * 32} is not here." in browser.get(f"{LIST}/{put(node, b'a').hex()}").text


def test_one_that_waits_for_its_release_has_no_envelope_and_says_how_far_it_is(browser, node):
    tx_hash = tx_hash_of(b"a")
    node.payloads[tx_hash] = b"a"
    node.tell(DeliveryView(tx_hash, "queued", receipts=0, receipts_needed=2))

    page = browser.get(f"{LIST}/{tx_hash.hex()}").text

    assert "It waits for its release" in page
    assert "0 of 2" in page
    assert f'data-live="/admin/transactions/{tx_hash.hex()}/way"' in page


def test_the_way_comes_without_the_frame_for_a_page_that_is_open(browser, node):
    tx_hash = put(node, b"a")
    node.tell(DeliveryView(tx_hash, "sending", receipts=1, receipts_needed=2, attempts=3, reason="1 of 2 receipts came"))

    way = browser.get(f"{LIST}/{tx_hash.hex()}/way").text

    assert "<html" not in way
    assert "1 of 2 receipts came" in way


def test_one_whose_payload_retention_took_says_so(browser, node):
    node.tell(DeliveryView(TxHash(bytes(32)), "delivered"))

    page = browser.get(f"{LIST}/{'00' * 32}").text

    assert "Retention has taken its envelope and payload" in page
    assert "Download" not in page


def test_a_dead_letter_can_be_retried_and_dropped_from_its_page(browser, node):
    node.rows = [row(1, QueueState.DEAD, "nobody took it")]
    node.payloads[node.rows[0].hash] = b"abc"
    node.tell(DeliveryView(node.rows[0].hash, "dead", 0, 2, 5, "nobody took it"))

    page = browser.get(f"{LIST}/{node.rows[0].hash.hex()}").text

    assert f'action="/admin/dead-letters/{node.rows[0].hash.hex()}/retry"' in page
    assert "nobody took it" in page


@pytest.mark.parametrize("payload", [b"<html><script>alert(1)</script>", b"%PDF-1.4", b"\x00\x01"])
def test_a_payload_is_saved_and_never_shown(browser, node, payload):
    tx_hash = put(node, payload, content_type="text/html")

    answer = browser.get(f"{LIST}/{tx_hash.hex()}/payload")

    assert answer.data == payload
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{tx_hash.hex()}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_no_hash_is_400_and_what_is_not_here_404(browser):
    assert browser.get(f"{LIST}/xyz").status_code == 400
    assert browser.get(f"{LIST}/{'ab' * 32}/payload").status_code == 404


def test_a_large_payload_is_shown_by_its_beginning(browser, node):
    page = browser.get(f"{LIST}/{put(node, b'x' * 100_000).hex()}").text

    assert "the first 4 KiB of 97.7 KiB" in page
    assert len(page) < 40_000


# Submitting


def test_a_text_becomes_a_transaction_and_its_page_is_the_answer(browser, node):
    answer = browser.act("/admin/submit", text="one\r\ntwo", register="land", content_type="")

    [[submission]] = node.calls
    assert submission[1:] == (b"one\ntwo", "text/plain; charset=utf-8", "land")
    assert answer.location == f"{LIST}/{submission.tx_hash.hex()}"
    assert "Committed here" in browser.get(answer.location).text
    assert node.audited[-1][2:] == ("admin page from 127.0.0.1", "transaction.submit", submission.tx_hash.hex(), "queued")


def test_a_file_becomes_a_transaction_byte_for_byte(browser, node):
    file = (io.BytesIO(b"\x00\r\n\xff"), "../a.png", "image/png")

    answer = browser.post("/admin/submit", data={"csrf_token": browser.csrf, "file": file, "text": "not this"})

    [[submission]] = node.calls
    assert answer.status_code == 303
    assert (submission.payload, submission.content_type) == (b"\x00\r\n\xff", "image/png")


def test_the_content_type_that_is_typed_goes_before_that_of_the_file(browser, node):
    file = (io.BytesIO(b"a"), "a.bin", "application/octet-stream")

    browser.post("/admin/submit", data={"csrf_token": browser.csrf, "file": file, "content_type": "text/csv"})

    assert node.calls[0][0].content_type == "text/csv"


def test_a_file_that_is_too_large_is_refused_with_its_size(browser, node):
    file = (io.BytesIO(bytes(1_000_000)), "a.bin", "image/png")

    answer = browser.post("/admin/submit", data={"csrf_token": browser.csrf, "file": file})

    assert answer.status_code == 413
    assert "the transaction has 1000000 bytes; at most 1000 are allowed" in answer.text
    assert node.calls == []


def test_what_is_known_already_says_so(browser, node):
    browser.act("/admin/submit", text="a")

    assert "It was here already" in browser.get(browser.act("/admin/submit", text="a").location).text


@pytest.mark.parametrize(
    ("fields", "failure", "status", "says"),
    [
        ({"text": ""}, None, 400, "the transaction is empty"),
        ({"text": "x" * 1001}, None, 413, "at most 1000 are allowed"),
        ({"text": "a", "register": "r" * 65}, None, 400, "the register id has 65 characters"),
        ({"text": "a", "content_type": "a\x00b"}, None, 400, "characters that cannot be printed"),
        ({"text": "a"}, QueueFull("100 submissions wait, which is the most"), 429, "100 submissions wait, which is the most"),
        ({"text": "a"}, StoreError("the disk is full"), 503, "the disk is full"),
    ],
)
def test_what_is_refused_stays_in_the_form_below_the_reason(browser, node, fields, failure, status, says):
    def refuse(submissions):
        raise failure

    if failure:
        node.submit = refuse
    answer = browser.act("/admin/submit", **fields)

    assert answer.status_code == status
    assert "Nothing was submitted" in answer.text
    assert says in answer.text
    assert fields["text"] in answer.text
    assert node.audited[-1].outcome.startswith("failed: ")
    assert node.calls == []


def test_a_form_without_its_token_submits_nothing(browser, node):
    assert browser.post("/admin/submit", data={"text": "a"}).status_code == 400
    assert node.calls == []


def test_a_text_too_long_for_a_form_is_refused_as_a_page(browser, node):
    answer = browser.act("/admin/submit", text="x" * 600_000)

    assert answer.status_code == 413
    assert node.calls == []


def test_strangers_see_nothing(stranger):
    for path in (LIST, f"{LIST}/rows", f"{LIST}/{'ab' * 32}/payload", "/admin/submit", "/admin/queue", "/admin/events/rows"):
        assert stranger.get(path).location.startswith("/admin/login")


def test_peers_with_hostile_names_do_no_harm(node, monkeypatch):
    hostile = replace(LINKED, peer_id=PeerId("ef" * 20), name=f"{HOSTILE}\u202e")
    monkeypatch.setattr(node, "peers", lambda: [hostile])
    client = create_app(node, TOKEN).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    put(node, b"a")

    assert "<script>alert" not in client.get(LIST).text
