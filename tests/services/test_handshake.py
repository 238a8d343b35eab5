"""Who is on the other side of a link, and is it really them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from service_parts import NETWORK_ID, identity_of, local_side, record_of

from sorcha_peer_core.model.handshake import Form, Hello, Proof, Purpose
from sorcha_peer_core.model.messages import Farewell, Goodbye, Ping
from sorcha_peer_core.services.session import Handshake, HandshakeRefused

ALICE, BOB, MALLORY = identity_of(1), identity_of(2), identity_of(3)


def side(identity, *, network_id: str = NETWORK_ID, record=None, **changes):
    record = record or record_of(identity, network_id=network_id)
    return local_side(identity, lambda: record, network_id=network_id, **changes)


def dialler(identity=ALICE, binding: bytes = b"channel", expected=None, observed_host="", **local) -> Handshake:
    return Handshake(side(identity, **local), True, binding, expected, observed_host=observed_host)


def listener(identity=BOB, binding: bytes = b"channel", observed_host="", admits=lambda _: True, **local) -> Handshake:
    return Handshake(side(identity, **local), False, binding, observed_host=observed_host, admits=admits)


def shake(alice: Handshake, bob: Handshake, *, rung: int = 0, linked: bool = False, purpose: Purpose = Purpose.LINK) -> None:
    answer = bob.receive(alice.first(rung, linked, purpose))
    assert isinstance(answer, Hello)
    proof = alice.receive(answer)
    assert isinstance(proof, Proof)
    assert bob.receive(proof) is None


def test_three_frames_prove_both_sides_to_each_other():
    alice, bob = dialler(), listener()

    shake(alice, bob)

    assert alice.done
    assert bob.done
    assert alice.remote.record.peer_id == BOB.peer_id
    assert bob.remote.record.peer_id == ALICE.peer_id
    assert bob.remote.log_epoch == 5


def test_the_listener_is_not_done_before_the_dialler_has_proved_itself():
    alice, bob = dialler(), listener()

    bob.receive(alice.first())

    assert not bob.done


@pytest.mark.parametrize(
    ("own", "others", "common"),
    [
        ((Form.ZLIB, Form.ZSTD), (Form.ZLIB, Form.ZSTD), Form.ZSTD),
        ((Form.ZLIB, Form.ZSTD), (Form.ZLIB,), Form.ZLIB),
        ((Form.ZLIB,), (), None),
        ((Form.ZLIB,), (Form.ZSTD,), None),
        ((), (), None),
    ],
)
def test_both_sides_find_the_same_best_form_of_compression(own, others, common):
    alice, bob = dialler(forms=own), listener(forms=others)

    shake(alice, bob)

    assert alice.form is bob.form is common


def test_features_of_later_versions_are_passed_over():
    alice, bob = dialler(forms=(Form.ZLIB,)), listener(forms=(Form.ZLIB,))

    bob.receive(alice.first()._replace(features=(900, 1, 7)))

    assert bob.form is Form.ZLIB


REFUSALS = [
    (lambda hello: hello._replace(version_min=2, version_max=3), "it speaks protocol 2 to 3, this node 1"),
    (lambda hello: hello._replace(network_id="other"), "it belongs to the network 'other', this node to 'test'"),
    (lambda hello: hello._replace(record=record_of(ALICE, network_id="x")), "it belongs to the network"),
    (lambda hello: hello._replace(nonce=b"short"), "its nonce has 5 bytes, not 32"),
    (lambda hello: hello._replace(record=record_of(BOB)), "it is this node itself"),
    (lambda hello: hello._replace(record=replace(hello.record, signature=bytes(64))), "is not signed by its key"),
    (lambda hello: hello._replace(record=replace(hello.record, signed=b"x")), "is not signed by its key"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSALS, ids=[reason for _, reason in REFUSALS])
def test_a_hello_that_breaks_the_rules_is_refused_for_a_reason(change, reason):
    bob = listener()

    with pytest.raises(HandshakeRefused, match=reason):
        bob.receive(change(dialler().first()))

    assert not bob.done
    assert bob.remote is None


def test_a_peer_that_is_not_allowed_is_refused():
    with pytest.raises(HandshakeRefused, match=r"is not among security\.allowed_peers"):
        listener(allowed=(MALLORY.peer_id,)).receive(dialler().first())


def test_a_peer_that_is_allowed_is_linked():
    shake(dialler(), listener(allowed=(ALICE.peer_id,)))


def test_a_dialler_that_expected_somebody_else_refuses():
    alice, bob = dialler(expected=MALLORY.peer_id), listener()

    with pytest.raises(HandshakeRefused, match=f"peer {BOB.peer_id[:8]} answers there, not {MALLORY.peer_id[:8]}"):
        alice.receive(bob.receive(alice.first()))


def test_a_refusal_of_the_other_side_ends_it_with_its_reason():
    with pytest.raises(HandshakeRefused, match="it was refused there: no room") as refused:
        dialler().receive(Goodbye("no room", Farewell.ENOUGH))

    assert refused.value.farewell is Farewell.ENOUGH


def test_a_refusal_of_this_side_asks_nothing_of_it():
    with pytest.raises(HandshakeRefused) as refused:
        listener().receive(Ping(1))

    assert refused.value.farewell is Farewell.UNSAID


@pytest.mark.parametrize("frame", [Ping(1), Proof(bytes(64))])
def test_no_other_frame_comes_before_the_hello(frame):
    with pytest.raises(HandshakeRefused, match=f"a {type(frame).__name__} frame in the middle of the handshake"):
        listener().receive(frame)


def test_no_other_frame_comes_before_the_proof():
    alice, bob = dialler(), listener()
    bob.receive(alice.first())

    with pytest.raises(HandshakeRefused, match="a Ping frame in the middle"):
        bob.receive(Ping(1))


def test_a_second_hello_is_refused():
    alice, bob = dialler(), listener()
    bob.receive(alice.first())

    with pytest.raises(HandshakeRefused, match="a Hello frame in the middle"):
        bob.receive(alice.first())


def test_a_dialler_takes_no_proof_from_a_listener():
    alice, bob = dialler(), listener()
    bob.receive(alice.first())

    with pytest.raises(HandshakeRefused, match="a Proof frame in the middle"):
        alice.receive(Proof(bytes(64)))


def test_a_reflected_hello_is_recognised():
    alice = dialler()

    with pytest.raises(HandshakeRefused, match="it is this node itself"):
        alice.receive(alice.first())


def test_a_proof_of_another_handshake_is_worth_nothing():
    first_alice, first_bob = dialler(), listener()
    old_proof = first_alice.receive(first_bob.receive(first_alice.first()))
    mallory, bob = dialler(), listener()
    bob.receive(mallory.first())

    with pytest.raises(HandshakeRefused, match="did not prove that it holds its key"):
        bob.receive(old_proof)

    assert not bob.done


def test_a_hello_with_a_proof_of_another_handshake_is_worth_nothing():
    first_alice, bob = dialler(), listener()
    old_answer = bob.receive(first_alice.first())

    with pytest.raises(HandshakeRefused, match="did not prove"):
        dialler().receive(old_answer)


def test_a_proof_for_another_channel_is_worth_nothing():
    """A man in the middle ends each TLS connection with a certificate of his own."""
    alice, bob = dialler(binding=b"to mallory"), listener(binding=b"to bob")

    with pytest.raises(HandshakeRefused, match="did not prove"):
        alice.receive(bob.receive(alice.first()))


def test_the_proof_of_a_dialler_for_another_channel_is_worth_nothing():
    alice, bob = dialler(binding=b"to mallory"), listener(binding=b"to bob")
    seen_by_alice = listener(binding=b"to mallory")
    seen_by_alice.nonce = bob.nonce
    proof = alice.receive(seen_by_alice.receive(alice.first()))
    bob.receive(alice.first())

    with pytest.raises(HandshakeRefused, match="did not prove"):
        bob.receive(proof)


def test_a_listeners_proof_does_not_serve_as_a_diallers():
    """Roles are signed: what Bob proves as a listener cannot be handed back to him as a dialler's proof."""
    alice, bob = dialler(), listener()
    answer = bob.receive(alice.first())

    with pytest.raises(HandshakeRefused, match="did not prove"):
        bob.receive(Proof(answer.proof))


def test_somebody_who_shows_the_record_of_another_cannot_prove_to_be_it():
    mallory, bob = dialler(MALLORY, record=record_of(ALICE)), listener()
    answer = bob.receive(mallory.first())

    with pytest.raises(HandshakeRefused, match="did not prove"):
        bob.receive(mallory.receive(answer))


def test_nonces_are_never_used_twice():
    assert len({dialler().first().nonce for _ in range(50)}) == 50


def test_the_record_is_the_one_of_the_moment():
    records = [record_of(ALICE, seq=1)]
    alice = local_side(ALICE, lambda: records[-1])
    records.append(record_of(ALICE, seq=2))

    assert Handshake(alice, True, b"").first().record.seq == 2


def test_both_sides_know_what_the_dialler_says_of_its_links():
    alice, bob = dialler(), listener()

    shake(alice, bob, rung=2, linked=True)

    assert (alice.rung, alice.linked) == (bob.rung, bob.linked) == (2, True)


def test_what_a_listener_says_of_its_links_does_not_count():
    alice, bob = dialler(), listener()
    hello = bob.receive(alice.first(rung=1))

    alice.receive(hello._replace(rung=0, linked=True))

    assert (alice.rung, alice.linked) == (1, False)


def test_a_link_is_no_look():
    alice, bob = dialler(), listener()

    shake(alice, bob)

    assert not alice.is_look
    assert not bob.is_look


@pytest.mark.parametrize("has_room", [True, False])
def test_both_sides_know_that_a_look_is_one(has_room):
    alice, bob = dialler(), listener(admits=lambda _: has_room)

    shake(alice, bob, purpose=Purpose.LOOK)

    assert alice.is_look
    assert bob.is_look
    assert not alice.is_turned_away
    assert not bob.is_turned_away


def test_both_sides_know_that_a_link_finds_no_room():
    asked = []

    def admits(peer_id):
        asked.append(peer_id)
        return False

    alice, bob = dialler(), listener(admits=admits)

    shake(alice, bob)

    assert alice.is_look
    assert bob.is_look
    assert alice.is_turned_away
    assert bob.is_turned_away
    assert asked == [ALICE.peer_id]


def test_each_side_says_where_it_sees_the_other():
    alice, bob = dialler(observed_host="192.0.2.1"), listener(observed_host="2001:db8::1")

    shake(alice, bob)

    assert alice.remote.observed_host == "2001:db8::1"
    assert bob.remote.observed_host == "192.0.2.1"
