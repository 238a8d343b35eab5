"""The body of a request that is being read: what is left of it when the answer is out is not read for ever."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from gevent.pywsgi import Input

from sorcha_transport_rest.time_limit import TimeIsUp, time_limit

_MOST_DISCARDED_BYTES = 2 * 1024 * 1024
_DISCARD_S = 1.0
_PIECE_BYTES = 64 * 1024


class RequestBody(Input):
    """As pywsgi's, which would read a refused body to its end, however long that is."""

    _chunked_input_error: bool

    def __init__(self, body: Any) -> None:
        super().__init__(body.rfile, body.content_length, socket=body.socket, chunked_input=body.chunked_input)

    @property
    def unread(self) -> bool:
        """Whether the next byte on the connection still belongs to this body."""
        if self.chunked_input:
            return bool(self.chunk_length != 0)
        return bool(self.position < (self.content_length or 0))

    def _discard(self) -> None:
        # A connection that is closed over unread bytes is reset, and the answer may be lost: so some are read, for a while.
        # Nothing comes from a client that still waits to be told to go on.
        if self._chunked_input_error or not self.unread or self.socket is not None:
            return
        discarded_bytes = 0
        with suppress(TimeIsUp), time_limit(_DISCARD_S):
            while discarded_bytes < _MOST_DISCARDED_BYTES:
                piece = self.read(_PIECE_BYTES)
                if not piece:
                    break
                discarded_bytes += len(piece)
