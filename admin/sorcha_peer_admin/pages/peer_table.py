"""The table of peers: what is searched, filtered, sorted and shown of it, all of it said by the address of the page."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import PeerView

PAGE_ROWS = 50
_MOST_SEARCH_CHARS = 100
_STATUS_ORDER = {"linked": 0, "known": 1, "lost": 2, "banned": 3}


class Column(NamedTuple):
    """A column by which the table is sorted."""

    key: str
    label: str
    value: Callable[[PeerView], Any]
    """None comes last, whichever way the table is sorted."""
    is_number: bool = False
    falls_first: bool = False
    """The first click shows the largest first."""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


COLUMNS = (
    Column("name", "Peer", lambda peer: (not peer.name, _folded(peer.name), peer.peer_id)),
    Column("status", "Status", lambda peer: _STATUS_ORDER.get(peer.status, len(_STATUS_ORDER))),
    Column("address", "Address", lambda peer: _folded(peer.address) or None),
    Column("transport", "Transport", lambda peer: (peer.transport, peer.direction) if peer.transport else None),
    Column("latency", "Latency", lambda peer: peer.latency_ms, is_number=True),
    Column("seen", "Last seen", lambda peer: peer.last_seen_at or None, is_number=True, falls_first=True),
    Column("failures", "Failures", lambda peer: peer.failures, is_number=True, falls_first=True),
    Column("score", "Score", lambda peer: peer.score, is_number=True),
)
_COLUMNS = {column.key: column for column in COLUMNS}


class PeerQuery(NamedTuple):
    """What is asked of the table. Whatever is not understood counts as not said: an old bookmark still shows something."""

    text: str = ""
    status: str = ""
    transport: str = ""
    sort: str = "status"
    falling: bool = False
    page: int = 1

    @classmethod
    def of(cls, args: Mapping[str, str]) -> PeerQuery:
        """As the query string says."""
        page, sort = args.get("page", ""), args.get("sort", "")
        return cls(
            text=args.get("q", "").strip()[:_MOST_SEARCH_CHARS],
            status=args.get("status", "")[:_MOST_SEARCH_CHARS],
            transport=args.get("transport", "")[:_MOST_SEARCH_CHARS],
            sort=sort if sort in _COLUMNS else "status",
            falling=args.get("order") == "desc",
            page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
        )

    @property
    def narrows(self) -> bool:
        """Whether it leaves peers out."""
        return bool(self.text or self.status or self.transport)

    def string(self, **changes: Any) -> str:
        """The query string that says it, with these changes; what is as usual is left out."""
        other = self._replace(**changes)
        said = {
            "q": other.text,
            "status": other.status,
            "transport": other.transport,
            "sort": "" if other.sort == "status" else other.sort,
            "order": "desc" if other.falling else "",
            "page": "" if other.page == 1 else other.page,
        }
        return urlencode({key: value for key, value in said.items() if value})

    @property
    def order(self) -> str:
        """asc | desc"""
        return "desc" if self.falling else "asc"

    def sorted_by(self, key: str, order: str) -> str:
        """The query string of a click on the head of a column: the other ``order``, or at first the one that tells most."""
        falling = order == "desc" if key == self.sort else _COLUMNS[key].falls_first
        return f"?{self.string(sort=key, falling=falling, page=1)}"


class PeerTable(NamedTuple):
    """What a page shows."""

    query: PeerQuery
    peers: Sequence[PeerView]
    """Of this page."""
    matching: int
    total: int
    pages: int
    by_status: Mapping[str, int]
    """How many there are of each, whatever is asked."""
    transports: Sequence[str]
    """Those in use."""

    @property
    def first(self) -> int:
        """The place of the first line of this page, from 1; 0 when there is none."""
        return (self.query.page - 1) * PAGE_ROWS + 1 if self.peers else 0


def peer_table(peers: Sequence[PeerView], query: PeerQuery) -> PeerTable:
    """One page of ``peers``; a page beyond the last is the last."""
    found = found_peers(peers, query)
    pages = max(1, -(-len(found) // PAGE_ROWS))
    query = query._replace(page=min(query.page, pages))
    begin = (query.page - 1) * PAGE_ROWS
    by_status = Counter(peer.status for peer in peers)
    return PeerTable(
        query=query,
        peers=found[begin : begin + PAGE_ROWS],
        matching=len(found),
        total=len(peers),
        pages=pages,
        by_status={status: by_status[status] for status in sorted(by_status, key=lambda s: (_STATUS_ORDER.get(s, 9), s))},
        transports=sorted({peer.transport for peer in peers if peer.transport}),
    )


def found_peers(peers: Sequence[PeerView], query: PeerQuery) -> list[PeerView]:
    """All that are asked for, in the order asked."""
    return _sorted([peer for peer in peers if _matches(peer, query)], query)


def _matches(peer: PeerView, query: PeerQuery) -> bool:
    if query.status and peer.status != query.status:
        return False
    if query.transport and peer.transport != query.transport:
        return False
    if not query.text:
        return True
    wanted = _folded(query.text)
    return any(wanted in _folded(text) for text in (peer.name, peer.peer_id, peer.address, peer.software, *peer.addresses))


def _sorted(peers: list[PeerView], query: PeerQuery) -> list[PeerView]:
    value = _COLUMNS[query.sort].value
    # Equal ones by name, so that lines do not change places from one look to the next.
    peers = sorted(peers, key=_COLUMNS["name"].value)
    known = [(value(peer), peer) for peer in peers]
    unknown = [peer for found, peer in known if found is None]
    ranked = sorted((pair for pair in known if pair[0] is not None), key=lambda pair: pair[0], reverse=query.falling)
    return [*(peer for _, peer in ranked), *unknown]
