"""How the classic services answer and refuse: gRPC status codes with a sentence, and nothing internal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from sorcha_transport_grpc.addresses import remote_of

log = logging.getLogger(__name__)

_INTERNAL = "internal error"


class Refused(Exception):
    """The call is answered with this status and sentence."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Places:
    """How many calls of a kind are answered at a time; entering beyond that raises Refused.

    Every call that is being answered holds a worker, and links need workers, too.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def __enter__(self) -> None:
        if self._left <= 0:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls of this kind at a time; try again")
        self._left -= 1

    def __exit__(self, *_: object) -> None:
        self._left += 1


def answering_caller(answer: Callable[[Any, str], Any]) -> Callable[[Any, Any], Any]:
    """The same as ``answering`` around a function of the request and the address that it came from."""

    def handle(request: Any, context: Any) -> Any:
        try:
            return answer(request, remote_of(context.peer()).host)
        except Exception as error:
            code, sentence = _status_of(error, answer)
        context.abort(code, sentence)

    return handle


def answering(answer: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """A handler of a unary method around a function of the request alone."""

    def handle(request: Any, context: Any) -> Any:
        try:
            return answer(request)
        except Exception as error:
            code, sentence = _status_of(error, answer)
        context.abort(code, sentence)

    return handle


def streaming(answer: Callable[[Any], Iterator[Any]]) -> Callable[[Any, Any], Iterator[Any]]:
    """The same for a method that answers with a stream."""

    def handle(request: Any, context: Any) -> Iterator[Any]:
        try:
            yield from answer(request)
            return
        except Exception as error:
            code, sentence = _status_of(error, answer)
        context.abort(code, sentence)

    return handle


def _status_of(error: Exception, answer: Callable[..., Any]) -> tuple[grpc.StatusCode, str]:
    if isinstance(error, Refused):
        return error.code, str(error)
    # PeerApi raises ValueError, and only that, for what a client got wrong; its text is meant for the client.
    if isinstance(error, ValueError):
        return grpc.StatusCode.INVALID_ARGUMENT, str(error)
    log.error("a client's call of %s failed here", answer.__qualname__, exc_info=error)
    return grpc.StatusCode.INTERNAL, _INTERNAL
