"""Bounds of what may be submitted."""

from __future__ import annotations

import pytest

from sorcha_peer_core.errors import MetadataInvalid, PayloadEmpty, PayloadTooLarge, SubmissionRefused
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.transaction import submission_of


def test_a_submission_is_named_by_its_payload():
    submission = submission_of(b"payload", max_bytes=7, content_type="text/plain", register_id="r")

    assert submission == (tx_hash_of(b"payload"), b"payload", "text/plain", "r")


@pytest.mark.parametrize(
    ("payload", "metadata", "refusal", "code", "said"),
    [
        (b"", {}, PayloadEmpty, "empty", "at least 1 byte"),
        (b"x" * 11, {}, PayloadTooLarge, "too_large", "has 11 bytes; at most 10 are allowed"),
        (b"x", {"content_type": "t" * 256}, MetadataInvalid, "invalid_metadata", "256 characters; at most 255"),
        (b"x", {"content_type": "a\nb"}, MetadataInvalid, "invalid_metadata", "cannot be printed"),
        (b"x", {"register_id": "r" * 65}, MetadataInvalid, "invalid_metadata", "65 characters; at most 64"),
        (b"x", {"register_id": "\x1b[31m"}, MetadataInvalid, "invalid_metadata", "cannot be printed"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_bound(payload, metadata, refusal, code: str, said: str):
    with pytest.raises(refusal, match=said) as caught:
        submission_of(payload, max_bytes=10, **metadata)

    assert isinstance(caught.value, SubmissionRefused)
    assert caught.value.code == code


def test_the_bounds_themselves_are_allowed():
    submission = submission_of(b"x" * 10, max_bytes=10, content_type="t" * 255, register_id="r" * 64)

    assert len(submission.payload) == 10
