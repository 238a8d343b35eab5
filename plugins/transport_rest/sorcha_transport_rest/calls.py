"""What both sides of the pipe over HTTP agree on.

A link is a series of requests that carry its token in a header. ``POST`` hands over one batch and is answered as soon as
that batch has a place on the other side; without a batch it opens the link, polls or closes it. ``GET`` is the poll: its
answer is held back, at most ``wait`` seconds, until a batch waits in the other direction. Bodies are the messages of
the unary gRPC pipe, PeerMessage and MessageAck; the token of the header stands for the one in the message.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES

TRANSPORT = "rest"
MESSAGES_PATH = "/api/v1/messages"
TOKEN_HEADER = "X-Link-Token"
TOKEN_BYTES = 16
POLL_WAIT_S = 25.0
"""Shorter than the idle limit of common proxies and address translators."""
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
BY_PEER = "the peer closed the link"
MAX_MESSAGE_BYTES = MAX_BATCH_BYTES + 64 * 1024
"""A serialised message around the largest batch."""
DATA_TIMEOUT_S = 60.0
"""How long a body may be under way, and its answer held up."""
KEEP_ALIVE_S = 75.0
"""A connection without a request is closed after so long."""


def token_text(token: bytes) -> str:
    """A token as it stands in the header, and in the JSON form of an answer.

    >>> parse_token(token_text(b"0123456789abcdef"))
    b'0123456789abcdef'
    """
    return b64encode(token).decode()


def parse_token(text: str) -> bytes:
    """Read a token. Raises RemoteProtocolError for what cannot be one."""
    try:
        token = b64decode(text, validate=True)
    except ValueError:
        token = b""
    if len(token) != TOKEN_BYTES:
        raise RemoteProtocolError(f"the header {TOKEN_HEADER} is no link token")
    return token
