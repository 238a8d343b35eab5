"""Which batches are compressed, on whose word, and what becomes of those that lie."""

from __future__ import annotations

import zlib
from itertools import pairwise
from random import Random

import gevent
import pytest
from link_parts import linked, wait_until_linked
from service_parts import RecordingLink, identity_of, let_others_run, local_side, record_of, wait_until

from sorcha_peer_core.builtin.memory_transport import MemoryTransport
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.model.messages import Ping
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services.compression import LONGEST_REST, SMALL_BYTES, WORTH_PERCENT, CompressionCounters, Compressor
from sorcha_peer_core.services.peer_link import PeerLink
from sorcha_peer_core.services.session import Handshake
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.codec import decode_batch, encode_frame
from sorcha_peer_core.wire.compress import FORMS, compressed, plain

TEXT = b"every node gets every transaction; " * 400
NOISE = Random(1).randbytes(4096)

needs_zstd = pytest.mark.skipif(Form.ZSTD not in FORMS, reason="zstandard is not installed")


# The rule.


def test_a_batch_that_becomes_clearly_smaller_goes_compressed():
    compressor = Compressor(CompressionCounters())

    packed = compressor.pack(TEXT, Form.ZLIB)

    assert len(packed) < len(TEXT) / 10
    assert plain(packed, (Form.ZLIB,)) == TEXT


@pytest.mark.parametrize("size", [1, SMALL_BYTES, MAX_BATCH_BYTES + 1])
def test_a_small_batch_and_one_that_no_link_carries_stay_as_they_are(size: int):
    counters = CompressionCounters()
    batch = b"a" * size

    assert Compressor(counters).pack(batch, Form.ZLIB) is batch
    assert counters.unpaid == 0


def test_nothing_is_compressed_for_a_peer_that_takes_no_form():
    assert Compressor(CompressionCounters()).pack(TEXT, None) is TEXT


@pytest.mark.parametrize(
    ("form", "noise_bytes", "pays"),
    [
        (Form.ZLIB, 3000, True),
        (Form.ZLIB, 3400, False),
        pytest.param(Form.ZSTD, 3400, True, marks=needs_zstd),
        pytest.param(Form.ZSTD, 3900, False, marks=needs_zstd),
    ],
)
def test_what_saves_less_than_a_tenth_or_with_zlib_a_fifth_goes_as_it_is(form: Form, noise_bytes: int, pays: bool):
    batch = NOISE[:noise_bytes] + bytes(4096 - noise_bytes)

    packed = Compressor(CompressionCounters()).pack(batch, form)

    assert len(compressed(batch, form)) < 4096
    assert (packed is not batch) is pays
    assert not pays or len(packed) <= WORTH_PERCENT[form] / 100 * len(batch)


def tried(compressor: Compressor, counters: CompressionCounters, batches: int) -> list[int]:
    """The numbers of the batches of noise that were tried, in vain."""
    found = []
    for number in range(batches):
        before = counters.unpaid
        assert compressor.pack(NOISE, Form.ZLIB) is NOISE
        if counters.unpaid > before:
            found.append(number)
    return found


def test_after_batches_that_do_not_pay_the_link_rests_longer_and_longer():
    counters = CompressionCounters()

    attempts = tried(Compressor(counters), counters, 300)

    rests = [later - earlier - 1 for earlier, later in pairwise(attempts)]
    assert rests == [2, 4, 8, 16, 32, *[LONGEST_REST] * 3]


def test_a_batch_that_pays_ends_the_long_rests():
    counters = CompressionCounters()
    compressor = Compressor(counters)
    tried(compressor, counters, 1 + 2 + 1 + 4)

    paid = compressor.pack(TEXT, Form.ZLIB) is not TEXT

    assert paid
    assert tried(compressor, counters, 4) == [0, 3]


def test_a_rest_is_as_long_as_the_batches_that_were_tried_in_vain_are_large():
    counters = CompressionCounters()
    compressor = Compressor(counters)
    compressor.pack(NOISE[:1500], Form.ZLIB)

    rested = compressor.pack(TEXT, Form.ZLIB)
    after = compressor.pack(TEXT, Form.ZLIB)

    assert rested is TEXT
    assert after is not TEXT


def test_the_same_batches_are_always_treated_the_same():
    rng = Random(7)
    batches = [rng.choice((TEXT, NOISE, NOISE[:1500], TEXT[:900])) for _ in range(500)]

    def sizes() -> list[int]:
        compressor = Compressor(CompressionCounters())
        return [len(compressor.pack(batch, Form.ZLIB)) for batch in batches]

    assert sizes() == sizes()


# A peer's link.


@pytest.fixture
def sending():
    """A peer that sends over a link which agreed on zlib."""
    link, counters = RecordingLink(), CompressionCounters()
    peer = PeerLink(1, record_of(identity_of(1)), link, 1, form=Form.ZLIB, compression=counters)
    greenlet = gevent.spawn(peer.run)
    yield peer, link, counters
    greenlet.kill()


def put(peer: PeerLink, frame: bytes) -> None:
    peer.queue.put(frame, len(frame), Priority.RELAY)
    peer.wake()
    let_others_run()


def test_what_crossed_is_counted_before_and_after(sending):
    peer, link, counters = sending

    put(peer, TEXT)
    put(peer, b"small")

    [packed, small] = link.batches
    assert (plain(packed, FORMS), small) == (TEXT, b"small")
    assert peer.sent_bytes == len(packed) + 5
    assert (counters.sent_plain_bytes, counters.sent_bytes) == (len(TEXT), len(packed))


def test_a_batch_that_changes_links_is_sent_in_a_form_of_the_new_one(sending):
    peer, link, counters = sending
    link.close("cut")
    put(peer, TEXT)
    other = RecordingLink()

    peer.switch(other)
    let_others_run()

    assert other.batches == [TEXT]
    assert counters.sent_bytes == 0


# Between nodes.


def talk(side, own: tuple[Form, ...], others: tuple[Form, ...]):
    """Two linked sides that take these forms, after one told the other much."""
    alice, bob = side(0, forms=own), side(1, forms=others)
    alice.dial(bob)
    wait_until_linked(alice, bob)
    for teller, listener in ((alice, bob), (bob, alice)):
        teller.say(listener, *range(2**40, 2**40 + 500))
        wait_until(lambda heard=listener: heard.pings == list(range(2**40, 2**40 + 500)), "all have arrived, in order")
    return alice, bob


BOTH = [Form.ZLIB, Form.ZSTD]


@pytest.mark.parametrize(
    ("own", "others", "form"),
    [
        ((Form.ZLIB,), (Form.ZLIB,), Form.ZLIB),
        pytest.param(BOTH, BOTH, Form.ZSTD, marks=needs_zstd),
        pytest.param(BOTH, (Form.ZLIB,), Form.ZLIB, marks=needs_zstd),
        pytest.param((Form.ZLIB,), BOTH, Form.ZLIB, marks=needs_zstd),
    ],
)
def test_a_link_is_compressed_in_the_best_form_that_both_sides_take(side, own, others, form):
    alice, bob = talk(side, tuple(own), tuple(others))

    assert alice.links.peers[bob.peer_id].form is bob.links.peers[alice.peer_id].form is form
    for one, other in ((alice, bob), (bob, alice)):
        sent, heard = one.links.compression, other.links.compression
        assert 0 < sent.sent_bytes == heard.received_bytes
        assert sent.sent_bytes < 0.9 * sent.sent_plain_bytes
        assert sent.sent_plain_bytes == heard.received_plain_bytes
        assert one.links.traffic()[0] == other.links.traffic()[1] < sent.sent_plain_bytes


@pytest.mark.parametrize(("own", "others"), [((), ()), (tuple(FORMS), ()), ((), tuple(FORMS))])
def test_nothing_is_compressed_where_one_side_takes_no_form(side, own, others):
    alice, bob = talk(side, own, others)

    for one in (alice, bob):
        assert one.links.compression == CompressionCounters()
    assert alice.links.traffic()[0] == 500 * len(encode_frame(Ping(2**40)))


def saying(form: int, size: int, data: bytes) -> bytes:
    """A compressed batch that says of itself what it is told to say."""
    return pb.Batch(frames=[pb.Frame(compressed=pb.Compressed(form=form, size=size, data=data))]).SerializeToString()


DATA = zlib.compress(TEXT)
LIES = {
    "it is longer than it says": (saying(1, len(TEXT) - 1, DATA), "and has more"),
    "it is shorter than it says": (saying(1, len(TEXT) + 1, DATA), f"and has {len(TEXT)}"),
    "it is larger than a batch may be": (saying(1, MAX_BATCH_BYTES + 1, DATA), "are allowed"),
    "it is in an unknown form": (saying(5, len(TEXT), DATA), "form 5, which was not agreed upon"),
    "it is cut off": (saying(1, len(TEXT), DATA[:-20]), "is cut off"),
    "it goes on": (saying(1, len(TEXT), DATA + b"more"), "4 bytes behind its end"),
    "it is no data": (saying(1, len(TEXT), NOISE), "cannot be expanded"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_batch_that_lies_ends_its_link_with_a_reason_and_is_counted(side, lie: str):
    alice, bob = side(0, forms=(Form.ZLIB,)), side(1, forms=(Form.ZLIB,))
    alice.dial(bob)
    wait_until_linked(alice, bob)

    batch, reason = LIES[lie]

    alice.link_to(bob).send(batch)

    wait_until(lambda: not linked(alice, bob), "the link has ended")
    [gone] = bob.told(e.PeerUnlinked)
    assert reason in gone.reason
    assert bob.links.compression.refused == 1
    assert bob.pings == []


def test_what_was_not_agreed_upon_ends_the_link(side):
    alice, bob = side(0, forms=(Form.ZLIB,)), side(1)
    alice.dial(bob)
    wait_until_linked(alice, bob)

    alice.link_to(bob).send(compressed(encode_frame(Ping(1)) * 100, Form.ZLIB))

    wait_until(lambda: not linked(alice, bob), "the link has ended")
    assert bob.pings == []
    assert bob.links.compression.refused == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_nothing_is_expanded_for_a_stranger(side, network, at_once: bool):
    bob = side(1, forms=(Form.ZLIB,))
    stranger = MemoryTransport(network, "stranger")
    heard: list[object] = []

    class Ears:
        def received(self, link, batch):
            heard.extend(decode_batch(batch))

        def closed(self, link, reason):
            heard.append(reason)

    link = stranger.dial(bob.endpoint, Ears(), 1.0)
    if not at_once:
        own = local_side(identity_of(77), lambda: record_of(identity_of(77)), forms=(Form.ZLIB,))
        link.send(encode_frame(Handshake(own, True, b"").first()))
    link.send(compressed(encode_frame(Ping(1)) * 100, Form.ZLIB))

    wait_until(lambda: any("not agreed upon" in str(word) for word in heard), "it is told why, and closed")
    assert bob.links.compression.refused == 1
    stranger.stop(0.1)
