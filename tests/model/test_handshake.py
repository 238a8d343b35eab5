"""What a peer signs to prove that it holds its key."""

from __future__ import annotations

from itertools import product

from sorcha_peer_core.model.handshake import proof_text

ONE, TWO = "a" * 40, "b" * 40


def test_a_proof_says_who_proves_what_to_whom_over_which_channel():
    texts = {
        proof_text(role, dialler, listener, nonce_a, nonce_b, binding)
        for role, dialler, listener, nonce_a, nonce_b, binding in product(
            ("dialler", "listener"), (ONE, TWO), (ONE, TWO), (b"1" * 32, b"2" * 32), (b"1" * 32, b"2" * 32), (b"", b"c" * 32)
        )
    }

    assert len(texts) == 2**6


def test_a_proof_has_the_bytes_it_always_had():
    assert proof_text("dialler", ONE, TWO, b"1" * 32, b"2" * 32, b"c") == (
        b"sorcha-peer-session:v1:dialler:" + b"a" * 40 + b":" + b"b" * 40 + b":" + b"1" * 32 + b"2" * 32 + b"c"
    )
