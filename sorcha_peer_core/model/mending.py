"""What became of a database that was damaged."""

from __future__ import annotations

from typing import NamedTuple


class Mended(NamedTuple):
    """What a store did about damage: it works again."""

    aside: str
    """Where the damaged data is kept; empty when nothing had to be put aside."""
    submissions: int
    """Accepted submissions that could be taken over."""
    transactions: int
    """Lines of the arrival log that could be taken over."""
    lost_submissions: tuple[str, ...]
    """Hashes, in hex, of submissions that are named in the damaged data and cannot be read any more."""
    unread: str
    """What else could not be read, in words; empty when everything could."""
    is_new_log: bool
    """Whether the arrival log has another epoch now: everything that counted on the old one has to begin anew."""

    def sentence(self, cause: str) -> str:
        """All of it, for people."""
        parts = [f"{cause}. Taken over: {self.submissions} submissions, {self.transactions} transactions"]
        if self.lost_submissions:
            parts.append(f"lost: {len(self.lost_submissions)} submissions ({', '.join(self.lost_submissions[:3])})")
        if self.unread:
            parts.append(f"not read: {self.unread}")
        if self.is_new_log:
            parts.append("what other nodes have is fetched from them")
        if self.aside:
            parts.append(f"the damaged file is kept as {self.aside}")
        return "; ".join(parts)
