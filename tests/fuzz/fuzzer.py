"""One decoder under so many inputs: it refuses as it says, quickly, and in little memory.

By hand: ``python tests/fuzz/fuzzer.py --inputs 1000000 --decoder batch`` (without ``--decoder``: all of them).
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "services")]

from decoders import DECODERS, Decoder
from mutations import inputs

MOST_S = 1.0
"""Of processor time for one input."""
_SAMPLED = 1000
"""Of so many inputs the memory of one is measured."""
_SLACK_BYTES = 64 * 1024
_SHOWN_BYTES = 2000


class Report(NamedTuple):
    """What came of it."""

    inputs: int
    refused: int
    slowest_s: float
    peak_bytes: int
    """The most that Python took for one of those that were sampled."""
    took_s: float


class Flaw(AssertionError):
    """What no input may do."""


def fuzz(decoder: Decoder, count: int, seed: int) -> Report:
    """Give it so many inputs. Raises Flaw, which names the input."""
    one = inputs(decoder.samples(), Random(seed))
    refused, slowest_s, peak_bytes, began_s = 0, 0.0, 0, time.perf_counter()
    for number in range(count):
        data = one()
        if number % _SAMPLED == 0:
            peak_bytes = max(peak_bytes, _peak(decoder, data, number))
        before_s = time.thread_time()
        refused += _is_refused(decoder, data, number)
        slowest_s = max(slowest_s, time.thread_time() - before_s)
        if slowest_s > MOST_S:
            raise Flaw(f"input {number} took {slowest_s:.1f} s: {_shown(data)}")
    return Report(count, refused, slowest_s, peak_bytes, time.perf_counter() - began_s)


def _is_refused(decoder: Decoder, data: bytes, number: int) -> bool:
    try:
        decoder.read(data)
    except decoder.refuses:
        return True
    except BaseException as error:
        raise Flaw(f"input {number} raises {type(error).__name__}: {error}; it is {_shown(data)}") from error
    return False


def _peak(decoder: Decoder, data: bytes, number: int) -> int:
    _is_refused(decoder, data, number)
    tracemalloc.start()
    try:
        _is_refused(decoder, data, number)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > 2 * decoder.most_bytes + _SLACK_BYTES:
        raise Flaw(f"input {number} takes {peak} bytes: {_shown(data)}")
    return peak


def _shown(data: bytes) -> str:
    return f"{len(data)} bytes, {data[:_SHOWN_BYTES].hex()}"


def _main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--decoder", choices=DECODERS, action="append")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    logging.disable()
    for name in chosen.decoder or DECODERS:
        found = fuzz(DECODERS[name], chosen.inputs, chosen.seed)
        print(
            f"{name:12} {found.inputs:>9,} inputs  {found.refused:>9,} refused  slowest {found.slowest_s * 1000:7.1f} ms"
            f"  peak {found.peak_bytes / 1024:8.0f} KiB  {found.took_s:6.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    _main(sys.argv[1:])
