"""Peers for tests of pages, and what such a test reads out of one."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

from admin_fakes import LINKED

from sorcha_peer_core.interfaces.views import PeerView
from sorcha_peer_core.model.ids import PeerId

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}\u202egnp.exe"
_STATUSES = ("linked", "known", "known", "lost")


def peer(number: int, **changes: Any) -> PeerView:
    """A linked peer, unless ``changes`` say otherwise."""
    addresses = (f"grpc://192.0.2.{number % 256}:5001",)
    usual: dict[str, Any] = {
        "peer_id": PeerId(f"{number:040x}"), "name": f"node {number}", "address": addresses[0].partition("://")[2],
        "addresses": addresses, "is_bootstrap": False,
    }  # fmt: skip
    return replace(LINKED, **(usual | changes))


def unlinked(number: int, status: str = "known", **changes: Any) -> PeerView:
    """One without a link."""
    return peer(
        number, **({"status": status, "transport": "", "direction": "", "link_age_s": None, "latency_ms": None} | changes)
    )


def many(count: int) -> list[PeerView]:
    """A quarter of them linked, as different from each other as those of a real network."""
    return [
        peer(number, latency_ms=number % 97 + 0.5, queued_bytes=number % 5 * 1000)
        if _STATUSES[number % 4] == "linked"
        else unlinked(number, _STATUSES[number % 4], last_seen_at=1_700_000_000 - 60 * number, failures=number % 4)
        for number in range(count)
    ]


def names_in(page: str) -> list[str]:
    """The names of the peers in a table, from the top."""
    return [unescape(name) for name in re.findall(r"<bdi>([^<]*)</bdi></a>", page)]


def text_of(page: str) -> str:
    """The words of a page, one space between them."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def messages_in(page: str) -> list[str]:
    """What the page says about the action before."""
    return [unescape(found) for found in re.findall(r'<p class="message (?:done|failed)">([^<]*)</p>', page)]
