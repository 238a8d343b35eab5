"""STUN messages, byte by byte; the samples are those of RFC 5769."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stun_fakes import PUBLIC, attribute, message, plain_address, success, xor_address

from sorcha_nat_stun.errors import NoAnswer, Refused
from sorcha_nat_stun.stun_message import CHANGE_PORT, Mapped, binding_request, read_answer

SAMPLE_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
SAMPLE_IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
SAMPLE_IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
ID = bytes(range(12))


def test_a_request_is_a_bare_binding_request_with_cookie_and_id():
    assert binding_request(ID) == bytes.fromhex("00010000" + "2112a442") + ID


def test_a_request_can_ask_for_the_answer_to_come_from_another_port():
    assert binding_request(ID, CHANGE_PORT) == bytes.fromhex("000100082112a442") + ID + bytes.fromhex("0003000400000002")


@pytest.mark.parametrize(
    ("sample", "host"), [(SAMPLE_IPV4, "192.0.2.1"), (SAMPLE_IPV6, "2001:db8:1234:5678:11:2233:4455:6677")], ids=["v4", "v6"]
)
def test_the_samples_of_the_standard_are_read_fingerprint_and_integrity_passed_over(sample, host):
    assert read_answer(sample, SAMPLE_ID).mapped == Mapped(ip_address(host), 32853)


def test_a_plain_address_counts_where_there_is_no_other():
    answer = read_answer(message(0x0101, ID, attribute(0x0001, plain_address(PUBLIC, 4000))), ID)

    assert answer.mapped == Mapped(ip_address(PUBLIC), 4000)


def test_the_xored_address_counts_where_both_are_there():
    plain, xored = attribute(0x0001, plain_address("10.0.0.1", 1)), attribute(0x0020, xor_address(PUBLIC, 4000, ID))

    assert read_answer(message(0x0101, ID, plain, xored), ID).mapped == Mapped(ip_address(PUBLIC), 4000)


def test_of_an_attribute_that_comes_twice_the_first_counts():
    first, second = (attribute(0x0020, xor_address(host, 4000, ID)) for host in (PUBLIC, "10.0.0.1"))

    assert read_answer(message(0x0101, ID, first, second), ID).mapped == Mapped(ip_address(PUBLIC), 4000)


@pytest.mark.parametrize("kind", [0x802C, 0x0005], ids=["RFC 5780", "RFC 3489"])
def test_the_second_address_of_a_server_is_read(kind):
    answer = read_answer(message(0x0101, ID, attribute(kind, plain_address("192.0.2.2", 3479))), ID)

    assert answer.other == Mapped(ip_address("192.0.2.2"), 3479)


def test_a_malformed_second_address_does_not_spoil_the_first():
    answer = read_answer(success(binding_request(ID), PUBLIC, 4000, attribute(0x802C, b"\0\1")), ID)

    assert (str(answer.mapped.address), answer.other) == (PUBLIC, None)


def test_what_may_be_passed_over_is_passed_over():
    assert read_answer(success(binding_request(ID), PUBLIC, 4000, attribute(0xBEEF, b"?")), ID).mapped.port == 4000


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (message(0x0101, ID)[:2] + b"\0\4" + message(0x0101, ID)[4:], "the length is wrong"),
        (message(0x0101, ID, b"\0\x20"), "an attribute is cut off"),
        (message(0x0101, ID, struct.pack("!HH", 0x0020, 8) + b"\0\1"), "an attribute is cut off"),
        (message(0x0101, ID, attribute(0x0020, b"\0\1\0\0\1\2\3")), "an address has the wrong length"),
        (message(0x0101, ID, attribute(0x0020, b"\0\3" + bytes(6))), "an address has the wrong length"),
        (message(0x0101, ID, attribute(0x0020, b"\0")), "an address has the wrong length"),
        (message(0x0101, ID, attribute(0x7FFF, b"")), r"an extension that is not known here \(0x7fff\)"),
    ],
)
def test_an_answer_that_breaks_the_rules_is_refused_with_the_reason(datagram, reason):
    with pytest.raises(Refused, match=reason):
        read_answer(datagram, ID)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0" * 19,
        message(0x0101, bytes(12)),
        message(0x0101, ID, cookie=0),
        binding_request(ID),
        message(0x0011, ID),
        message(0x0101 | 0x4000, ID),
    ],
    ids=["empty", "short", "another id", "no cookie", "a request", "an indication", "no STUN"],
)
def test_what_is_no_answer_to_this_request_is_told_apart_from_a_bad_answer(datagram):
    with pytest.raises(NoAnswer):
        read_answer(datagram, ID)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\0\0\4\x14Unknown attribute", "it answers with error 420 (Unknown attribute)"),
        (b"\0\0\4\x01bad\nline \x1b[31m\xff", "it answers with error 401 (badline [31m\N{REPLACEMENT CHARACTER})"),
        (b"\0\0\3\0" + b"x" * 500, f"it answers with error 300 ({'x' * 80})"),
        (b"\0\0\5\0", "it answers with error 500"),
        (b"", "it answers with an error"),
    ],
)
def test_the_reason_of_an_error_is_kept_short_and_on_one_line(value, reason):
    assert read_answer(message(0x0111, ID, attribute(0x0009, value)), ID).error == reason


BODIES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.builds(attribute, st.sampled_from([0x0001, 0x0009, 0x0020, 0x802C, 0x7FFF, 0x8028]), st.binary(max_size=24)),
    ),
    max_size=6,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=400)
@given(
    st.one_of(
        st.binary(max_size=200), st.builds(lambda kind, body: message(kind, ID, *body), st.sampled_from([0x0101, 0x0111]), BODIES)
    )
)
@example(message(0x0101, ID, struct.pack("!HH", 0x0020, 0xFFFF)))
def test_whatever_arrives_is_read_or_refused_and_nothing_else(datagram):
    try:
        answer = read_answer(datagram, ID)
    except (NoAnswer, Refused):
        return

    assert answer.error or answer.mapped is None or answer.mapped.address.version in (4, 6)
