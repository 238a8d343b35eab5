"""Which addresses of a peer record are believed to be addresses."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.records import decode_record, encode_record

GOOD = Endpoint("grpc", "::1", 5001)


def endpoints_after_the_way(*endpoints: Endpoint) -> tuple[Endpoint, ...]:
    return decode_record(encode_record(b"k" * 32, "net", 1, endpoints, "n", "s"), b"s" * 64).endpoints


def test_an_address_of_a_transport_that_is_not_known_here_is_kept():
    mailbox = Endpoint("mailbox", "relay.example", 7)

    assert endpoints_after_the_way(mailbox, GOOD) == (mailbox, GOOD)


@pytest.mark.parametrize("scheme", ["", "GRPC", "line\nbreak", "a" * 33])
def test_an_address_whose_scheme_is_none_is_passed_over(scheme: str):
    assert endpoints_after_the_way(GOOD._replace(scheme=scheme), GOOD) == (GOOD,)
