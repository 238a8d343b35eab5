"""What makes a transaction or a record valid."""

from __future__ import annotations

from math import nan

import pytest
from service_parts import NETWORK_ID, identity_of, record_of, sealed

from sorcha_peer_core.model.chunks import chunk_list, chunk_root
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.security import (
    CLOCK_TOLERANCE_MS,
    MAX_TTL_S,
    RECORD_DOMAIN,
    TRANSACTION_DOMAIN,
    TransactionRules,
    is_genuine,
    is_signed_by,
)

NOW_MS = 1_800_000_000_000.0
RULES = TransactionRules(NETWORK_ID, max_transaction_bytes=1000)


def test_a_sealed_transaction_is_valid():
    assert RULES.flaw(sealed(b"payload", created_ms=NOW_MS), NOW_MS) is None


FLAWS = [
    ({"network_id": "other"}, "it belongs to the network 'other'"),
    ({"payload_size": 8}, "its payload has 7 bytes, its envelope says 8"),
    ({"ttl_s": 0}, "its time to live is 0 s; 1 to 86400 are allowed"),
    ({"ttl_s": MAX_TTL_S + 1}, "its time to live is 86401 s; 1 to 86400 are allowed"),
    ({"created_ms": NOW_MS + CLOCK_TOLERANCE_MS + 5000}, "it was created 125 s in the future"),
    ({"created_ms": NOW_MS - 3_600_000 - CLOCK_TOLERANCE_MS - 5000}, "it expired 125 s ago"),
    ({"created_ms": nan}, "it was created at no time"),
    ({"payload_hash": tx_hash_of(b"another")}, "its payload does not have the hash its envelope names"),
    ({"origin_key": identity_of(2).public_key}, "its signature is not its origin's"),
    ({"origin_key": b"short"}, "its signature is not its origin's"),
    ({"content_type": "text/\x1b[2Jplain"}, "its content type holds characters that cannot be printed"),
    ({"register_id": "r" * 65}, "its register id has 65 characters; at most 64 are allowed"),
]


@pytest.mark.parametrize(("changes", "words"), FLAWS, ids=[words for _, words in FLAWS])
def test_every_flaw_is_said_in_words(changes, words):
    assert RULES.flaw(sealed(b"payload", **{"created_ms": NOW_MS, **changes}), NOW_MS) == words


def test_a_payload_over_the_limit_is_a_flaw():
    assert RULES.flaw(sealed(bytes(1001), created_ms=NOW_MS), NOW_MS) == "its payload has 1001 bytes; 1 to 1000 are allowed"


LISTED = b"0123456789" * 4000
LIST = {"chunk_bytes": 16_384, "chunk_root": chunk_root(chunk_list(LISTED, 16_384))}


@pytest.mark.parametrize(
    "changes",
    [{"chunk_root": b"r" * 32}, {"chunk_bytes": 32_768}, {"chunk_bytes": 0}, {"chunk_bytes": 1}],
    ids=repr,
)
def test_a_list_of_chunks_that_does_not_fit_is_a_flaw(changes):
    rules = TransactionRules(NETWORK_ID, max_transaction_bytes=50_000)
    good = sealed(LISTED, created_ms=NOW_MS, **LIST)
    bad = sealed(LISTED, created_ms=NOW_MS, **{**LIST, **changes})

    assert rules.flaw(good, NOW_MS) is None
    assert rules.flaw(bad, NOW_MS) == "its list of chunks is not of its payload"


def test_an_envelope_can_be_checked_before_its_payload_is_here():
    rules = TransactionRules(NETWORK_ID, max_transaction_bytes=50_000)
    envelope = sealed(LISTED, created_ms=NOW_MS, **LIST)._replace(payload=b"")

    assert rules.flaw(envelope, NOW_MS) is None
    assert rules.flaw(envelope._replace(signature=bytes(64)), NOW_MS) == "its signature is not its origin's"
    assert RULES.flaw(envelope, NOW_MS) == "its payload has 40000 bytes; 1 to 1000 are allowed"


def test_an_empty_payload_is_a_flaw():
    assert RULES.flaw(sealed(b"", created_ms=NOW_MS), NOW_MS) == "its payload has 0 bytes; 1 to 1000 are allowed"


@pytest.mark.parametrize("age_ms", [-CLOCK_TOLERANCE_MS, 0, 3_600_000 + CLOCK_TOLERANCE_MS])
def test_clocks_may_differ_by_the_tolerance(age_ms):
    assert RULES.flaw(sealed(b"payload", created_ms=NOW_MS - age_ms), NOW_MS) is None


def test_a_changed_payload_is_a_flaw():
    transaction = sealed(b"payload", created_ms=NOW_MS)._replace(payload=b"Payload")

    assert RULES.flaw(transaction, NOW_MS) == "its payload does not have the hash its envelope names"


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65)])
def test_a_signature_of_the_wrong_size_or_content_is_a_flaw(signature):
    transaction = sealed(b"payload", created_ms=NOW_MS)._replace(signature=signature)

    assert RULES.flaw(transaction, NOW_MS) == "its signature is not its origin's"


def test_bytes_added_to_a_signed_envelope_break_its_signature():
    transaction = sealed(b"payload", created_ms=NOW_MS)

    flaw = RULES.flaw(transaction._replace(header_bytes=transaction.header_bytes + b"\x98\x06\x01"), NOW_MS)

    assert flaw == "its signature is not its origin's"


def test_flaws_come_in_the_order_of_the_transactions():
    good, bad = sealed(b"good", created_ms=NOW_MS), sealed(b"bad", created_ms=NOW_MS, network_id="other")

    assert RULES.flaws([good, bad, good], NOW_MS) == [None, "it belongs to the network 'other'", None]


def test_a_signature_under_a_record_serves_no_transaction():
    identity = identity_of(1)
    transaction = sealed(b"payload", identity, created_ms=NOW_MS)
    forged = transaction._replace(signature=identity.sign(RECORD_DOMAIN + transaction.header_bytes))

    assert RULES.flaw(forged, NOW_MS) == "its signature is not its origin's"


def test_a_signature_under_a_transaction_serves_no_record():
    identity = identity_of(1)
    record = record_of(identity)

    assert is_genuine(record)
    signature = identity.sign(TRANSACTION_DOMAIN + record.signed)
    assert not is_signed_by(record.public_key, signature, RECORD_DOMAIN + record.signed)


def test_a_record_that_somebody_else_signed_is_not_genuine():
    from dataclasses import replace

    record = record_of(identity_of(1), (Endpoint("grpc", "a.example", 1),))

    assert not is_genuine(replace(record, signature=identity_of(2).sign(RECORD_DOMAIN + record.signed)))
