"""No input of a stranger does more than be refused: not by an error nobody expects, not by taking long, not by taking room."""

from __future__ import annotations

import logging
import typing
from random import Random

import fuzzer
import pytest
from decoders import DECODERS
from fuzz_messages import every_message
from fuzzer import Decoder, Flaw, fuzz
from mutations import inputs

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.handshake import Hello, Proof

INPUTS = 20_000
MANY = 1_000_000


@pytest.fixture(autouse=True)
def _quiet(caplog):
    # What is passed over is named in the log, and pytest keeps every record.
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("name", DECODERS)
def test_no_input_does_more_than_be_refused(name: str):
    report = fuzz(DECODERS[name], INPUTS, seed=2)

    assert INPUTS * 0.4 < report.refused < INPUTS


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DECODERS)
def test_none_of_a_million_inputs_does_more_than_be_refused(name: str):
    fuzz(DECODERS[name], MANY, seed=3)


@pytest.mark.parametrize("name", DECODERS)
def test_what_is_right_is_read(name: str):
    decoder = DECODERS[name]

    read = [sample for sample in decoder.samples() if _is_read(decoder, sample)]

    assert read


def _is_read(decoder: Decoder, sample: bytes) -> bool:
    try:
        decoder.read(sample)
    except decoder.refuses:
        return False
    return True


def test_the_same_seed_gives_the_same_inputs():
    samples = DECODERS["rest"].samples()

    first, second = (inputs(samples, Random(7)) for _ in range(2))

    assert [first() for _ in range(500)] == [second() for _ in range(500)]


def test_every_kind_of_message_is_among_the_samples():
    kinds = {*typing.get_args(m.Message), Hello, Proof}

    assert {type(message) for message in every_message()} == kinds


FLAWS = {
    "an unknown error": (lambda data: data[1000], "raises IndexError"),
    "slow": (lambda data: sum(range(100_000)), r"took \d"),
    "large": (lambda data: bytes(50_000_000), "takes 5000"),
}


@pytest.mark.parametrize("what", FLAWS)
def test_the_fuzzer_finds_what_it_looks_for(what: str, monkeypatch):
    read, flaw = FLAWS[what]
    if what == "slow":
        monkeypatch.setattr(fuzzer, "MOST_S", 0.0001)

    with pytest.raises(Flaw, match=flaw):
        fuzz(Decoder(read, lambda: [b"sample"], (ValueError,), 1000), 2, seed=1)
