"""The trace of one transaction as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import TraceView


def trace_json(trace: TraceView) -> dict[str, Any]:
    """Field by field; peers that nobody remembers are empty."""
    return {
        "hash": trace.tx_hash.hex(),
        "size": trace.size,
        "origin": trace.origin,
        "created_ms": trace.created_ms,
        "hops": trace.hops,
        "first_ms": trace.first_ms,
        "verified_after_ms": trace.verified_after_ms,
        "stored_after_ms": trace.stored_after_ms,
        "copies_received": trace.copies_received,
        "copies": [
            {
                "peer": copy.peer_id or "",
                "name": copy.name,
                "hop": copy.hop,
                "by": copy.by,
                "at_ms": round(trace.first_ms + copy.after_ms, 3),
                "after_ms": copy.after_ms,
                "also_from": list(copy.also_from),
            }
            for copy in trace.copies
        ],
        "passed_on": [
            {
                "peer": passed.peer_id or "",
                "name": passed.name,
                "by": passed.by,
                "at_ms": round(trace.first_ms + passed.after_ms, 3),
                "after_ms": passed.after_ms,
            }
            for passed in trace.passed_on
        ],
        "further_passed_on": trace.further_passed_on,
    }
