"""Names of peers and transactions."""

from __future__ import annotations

from hashlib import sha256

import pytest

from sorcha_peer_core.model.ids import hashes_with_prefix, parse_peer_id, parse_tx_hash, peer_id_of, short, tx_hash_of


def test_a_peer_is_named_by_the_first_half_of_the_hash_of_its_key():
    assert peer_id_of(b"k" * 32) == sha256(b"k" * 32).hexdigest()[:40]


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_no_key(length: int):
    with pytest.raises(ValueError, match=f"this one has {length}"):
        peer_id_of(b"k" * length)


def test_ids_are_read_as_people_write_them():
    assert parse_peer_id(" " + "AB" * 20 + "\n") == "ab" * 20
    assert parse_tx_hash(" " + "AB" * 32 + "\n") == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "ab" * 19, "ab" * 21, "xy" * 20, "\u0661" * 40])
def test_what_is_no_peer_id_is_refused_with_what_one_looks_like(text: str):
    with pytest.raises(ValueError, match="one has 40 hex digits"):
        parse_peer_id(text)


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "xy" * 32, "0x" + "ab" * 31])
def test_what_is_no_transaction_hash_is_refused_with_what_one_looks_like(text: str):
    with pytest.raises(ValueError, match="one has 64 hex digits"):
        parse_tx_hash(text)


def test_a_long_wrong_hash_is_not_repeated_in_full():
    with pytest.raises(ValueError) as caught:
        parse_tx_hash("z" * 100_000)

    assert len(str(caught.value)) < 200


def test_the_beginning_of_a_hash_stands_for_all_hashes_that_begin_so():
    assert hashes_with_prefix(" AbC\n") == (b"\xab\xc0" + bytes(30), b"\xab\xcf" + b"\xff" * 30)
    assert hashes_with_prefix("ab" * 32) == (b"\xab" * 32, b"\xab" * 32)


@pytest.mark.parametrize("text", ["", "xyz", "ab" * 32 + "a", "z" * 100_000])
def test_what_begins_no_hash_is_refused_briefly(text: str):
    with pytest.raises(ValueError, match="one has 64 hex digits") as caught:
        hashes_with_prefix(text)

    assert len(str(caught.value)) < 200


def test_a_transaction_is_named_by_its_payload():
    assert tx_hash_of(b"payload") == sha256(b"payload").digest()


def test_short_names_have_eight_digits():
    assert (short(b"\x01\x02\x03\x04\x05"), short("0123456789")) == ("01020304", "01234567")
