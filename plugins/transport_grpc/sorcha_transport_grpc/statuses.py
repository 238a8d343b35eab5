"""gRPC status codes in the words of the core, and a time limit for what gRPC gives none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import grpc

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable, TransportError
from sorcha_peer_core.model.peer import Endpoint

_LEAST_S = 0.1
_NOT_SPOKEN = (
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
)


def details_of(error: Any) -> str:
    """The sentence that came with a failed call; the name of its code when there was none."""
    details: str = error.details() or ""
    return details or error.code().name


def dial_error(endpoint: Endpoint, error: Any) -> TransportError:
    """What a failed first call to a peer means to the one who dials; ``error`` is the call or the RpcError."""
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return LinkTimeout(f"{endpoint} did not answer in time")
    if code in _NOT_SPOKEN:
        return NotOffered(f"{endpoint} does not offer this transport: {details_of(error)}")
    return PeerUnreachable(f"{endpoint} cannot be reached: {details_of(error)}")


def time_left_s(began_s: float, timeout_s: float) -> float:
    """Of a dial that began at this moment of the monotonic clock, after the look at the server's certificate."""
    return max(_LEAST_S, timeout_s - (time.monotonic() - began_s))


@contextmanager
def time_limit(endpoint: Endpoint, timeout_s: float) -> Iterator[None]:
    """Raise LinkTimeout inside the block when it takes longer."""
    timer = gevent.Timeout(timeout_s)
    try:
        with timer:
            yield
    except gevent.Timeout as expired:
        if expired is not timer:
            raise
        raise LinkTimeout(f"{endpoint} did not answer within {timeout_s:g} s") from None
