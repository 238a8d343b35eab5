"""How the classic services answer and refuse: gRPC status codes with a sentence, and nothing internal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc

log = logging.getLogger(__name__)

_INTERNAL = "internal error"


class Refused(Exception):
    """The call is answered with this status and sentence."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


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
