"""Messages of every kind, made from their annotations: a new kind, or a new field, is tried without a word here."""

from __future__ import annotations

import typing
from enum import IntEnum
from typing import Any, NamedTuple

from hypothesis import strategies as st
from service_parts import identity_of, record_of

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.wire.codec import encode_header
from sorcha_peer_core.wire.digests import MOST_DEPTH

KINDS: tuple[type, ...] = (*typing.get_args(m.Message), Hello, Proof)
_U32 = st.integers(0, 2**32 - 1)
_MOST_ITEMS = 8

ENDPOINTS = st.builds(
    Endpoint, st.sampled_from(("grpc", "rest", "mailbox")), st.sampled_from(("::1", "node.example")), st.integers(1, 65535)
)
RECORDS = st.builds(
    record_of,
    st.sampled_from([identity_of(number) for number in range(1, 5)]),
    st.lists(ENDPOINTS, max_size=8).map(tuple),
    seq=st.integers(0, 2**63 - 1),
)
MARKS = st.just(m.Mark(0, 0)) | st.builds(m.Mark, st.integers(1, 2**32 - 1), st.integers(0, 2**64 - 1))


@st.composite
def _regions(draw: Any) -> m.Region:
    depth = draw(st.integers(0, MOST_DEPTH))
    return m.Region(draw(_U32), draw(st.builds(m.Slice, _U32, _U32)), draw(st.integers(0, 16**depth - 1)), depth)


class Parts(NamedTuple):
    """What stands for the simple annotations."""

    hashes: st.SearchStrategy[TxHash] = st.binary(min_size=32, max_size=32).map(TxHash)
    numbers: st.SearchStrategy[int] = _U32
    floats: st.SearchStrategy[float] = st.floats(0, 1e15)
    texts: st.SearchStrategy[str] = st.text(alphabet=st.characters(categories=("L", "N", "P")), max_size=40)
    some_bytes: st.SearchStrategy[bytes] = st.binary(max_size=64)
    transactions: st.SearchStrategy[Transaction] | None = None
    """Without them, such as nobody would take for valid."""


def messages(kind: type, parts: Parts = Parts()) -> st.SearchStrategy[Any]:  # noqa: B008 - a frozen value
    """Right messages of one kind."""
    made = _by_fields(kind, parts)
    if kind is m.ChunkList and parts.transactions is None:
        return made.map(lambda c: c._replace(header_bytes=encode_header(c.header)))
    if kind is m.DialledBack:
        return made.map(lambda d: d._replace(reached=d.reached and not d.refused))
    return made


def _by_fields(kind: type, parts: Parts) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: _of(hint, parts) for name, hint in hints.items()})


def _of(hint: Any, parts: Parts) -> st.SearchStrategy[Any]:
    simple = {
        TxHash: parts.hashes,
        bool: st.booleans(),
        int: parts.numbers,
        float: parts.floats,
        str: parts.texts,
        bytes: parts.some_bytes,
        Endpoint: ENDPOINTS,
        PeerRecord: RECORDS,
        m.Region: _regions(),
        m.Mark: MARKS,
    }
    if hint in simple:
        return simple[hint]
    if hint is Transaction:
        return _envelopes(parts) if parts.transactions is None else parts.transactions
    if typing.get_origin(hint) is tuple:
        return st.lists(_of(typing.get_args(hint)[0], parts), max_size=_MOST_ITEMS).map(tuple)
    if issubclass(hint, IntEnum):
        return st.sampled_from(hint)
    return _by_fields(hint, parts)


def _envelopes(parts: Parts) -> st.SearchStrategy[Transaction]:
    headers = _by_fields(Header, parts)
    return st.builds(
        lambda header, signature, payload: Transaction(header, encode_header(header), signature, payload),
        headers, parts.some_bytes, parts.some_bytes,
    )  # fmt: skip
