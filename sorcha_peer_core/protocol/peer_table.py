"""The peers a node knows: bounded in number, and hard to fill for somebody who lies.

The idea is that of Bitcoin's address manager. What others tell is hearsay and goes to the *new* buckets; a peer that finished
a handshake is proved and goes to the *tried* buckets. The bucket follows from a secret of this node, the group of addresses
(:func:`group_of`) that the news came from, and the peer's id, so that one group reaches only a few of the buckets, and nobody
can aim at a bucket. Whoever lies in a bucket gives way to something better, never to something that only came later:

* Hearsay displaces hearsay that failed to answer, and nothing else. Never does it displace a proved peer.
* A peer that is here itself (it is its own source) also displaces hearsay that nobody has tried yet, and a proved peer that
  fails and was not seen for 4 h.
* A proved peer whose tried bucket is full stays in the new buckets, where hearsay cannot touch it. The incumbent that was not
  seen for the longest time is looked at: if it does not answer, they change places.

How much one voice counts:

* A source may have ``max(64, 8 % of the table)`` records here that are **not proved yet**. As its peers answer, it regains
  its share: an honest source fills the table as fast as its word is checked, a liar never gets beyond the share.
* All sources of one group together reach new buckets for about twice that much.
* The private group reaches all buckets: in a local network everybody is in one group. The share of each source holds there too.
* What a trusted source tells (a node that the operator configured as first contact) reaches all buckets and has no share.
  So a private network whose nodes know one bootstrap node fills the table at once, however many peers that node tells of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.peer_buckets import BUCKET_PEERS, Buckets, Orders
from sorcha_peer_core.protocol.peer_entry import GOOD_S, PeerEntry, entry_of, is_old, worst_of
from sorcha_peer_core.protocol.peer_groups import PRIVATE, draw, group_of

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord, PeerRow

_NEW_BUCKETS = 256
_TRIED_BUCKETS = 64
_NEW_PER_BUCKET = 16
"""A larger table has more buckets: half full on average, so that hardly one of them overflows before the table is full."""
_TRIED_PER_BUCKET = 64
_TRIED_REACH = 8
"""One group of addresses reaches every eighth tried bucket."""
_LEAST_SHARE = 64
_SHARE_PERCENT = 8


class PeerTable:
    """All known peers. Time is given (Unix seconds), never read; each call costs one bucket at most, unless it says more."""

    def __init__(self, secret: bytes, most: int) -> None:
        """``secret``: 16 to 64 random bytes, kept as long as the table is; ``most``: peers that are remembered."""
        self._secret = secret
        self._most = most
        self._share = max(_LEAST_SHARE, most * _SHARE_PERCENT // 100)
        self._new_buckets = max(_NEW_BUCKETS, most // _NEW_PER_BUCKET)
        self._new_reach = 2 * self._share // BUCKET_PEERS
        self._tried_buckets = max(_TRIED_BUCKETS, most // _TRIED_PER_BUCKET)
        self._trusted: dict[PeerId, None] = {}
        self._entries: dict[PeerId, PeerEntry] = {}
        self._orders = Orders()
        self._new = Buckets()
        self._tried = Buckets()
        self._waiting: dict[PeerId, PeerId] = {}
        """Incumbent of a tried bucket that is to be looked at, and who gets its place if it does not answer."""
        self.refused: Counter[str] = Counter()
        """Records that were not taken, by reason."""
        self.displaced = 0
        """Peers that gave way to others."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, peer_id: object) -> bool:
        return peer_id in self._entries

    def __iter__(self) -> Iterator[PeerEntry]:
        """All entries, in the order in which they came; the table must not change meanwhile."""
        return iter(self._entries.values())

    def get(self, peer_id: PeerId) -> PeerEntry | None:
        """What is known of one peer."""
        return self._entries.get(peer_id)

    # What others tell.

    def trust(self, source: PeerId) -> None:
        """The operator configured this peer as a first contact: what it tells has no share."""
        self._trusted[source] = None

    def add(self, record: PeerRecord, source: PeerId | None, host_of_source: str, at: int) -> bool:
        """Take a genuine record; False when it is no news, its source has its share, or there is no room.

        ``source`` is who told it (the peer itself after a handshake with it, None for what no peer told) and
        ``host_of_source`` where that peer is. Of a known peer only the record is replaced, and only by a higher ``seq``.
        """
        known = self._entries.get(record.peer_id)
        if known is not None:
            return self._replace(known, record)
        entry = PeerEntry(record, source, host_of_source, at)
        if entry.teller is not None and entry.teller not in self._trusted and self._orders.told[entry.teller] >= self._share:
            self.refused["its source has its share"] += 1
            return False
        entry.bucket = self._new_bucket(entry)
        if not self._make_room(entry.bucket, at, own_word=entry.is_own_word):
            self.refused["nobody in the table is worse"] += 1
            return False
        self._put(entry)
        return True

    def restore(self, row: PeerRow) -> bool:
        """Take a row of an earlier run, best the most recently seen first; False when it is known or there is no room."""
        entry = entry_of(row)
        if entry.peer_id in self._entries or len(self) >= self._most:
            return False
        entry.bucket = self._tried_bucket(entry)
        entry.is_tried = not entry.is_hearsay and self._tried.has_room(entry.bucket)
        if not entry.is_tried:
            # What was here before may lie anywhere: whom this node trusts it only learns later.
            buckets = (self._new_bucket(entry), self._any_new_bucket(entry))
            entry.bucket = next(filter(self._new.has_room, buckets), -1)
            if entry.bucket < 0:
                return False
        self._put(entry)
        return True

    # What this node saw itself.

    def prove(self, peer_id: PeerId, at: int, host: str = "") -> PeerId | None:
        """A handshake succeeded with this peer, which was dialled at ``host`` or dialled from there.

        Returns the peer that should be looked at before this one may take its place, None when there is none. Both are kept;
        ``prove`` or ``failed`` for that other one decides.
        """
        entry = self._entries.get(peer_id)
        if entry is None:
            return None
        self._orders.take(entry)
        entry.proved_at, entry.last_seen_at, entry.failures = at, max(at, entry.last_seen_at), 0
        entry.seen_host = host or entry.seen_host
        self._orders.put(entry)
        self._waiting.pop(peer_id, None)
        return None if entry.is_tried else self._promote(entry, at)

    def seen(self, peer_id: PeerId, at: int) -> None:
        """This peer is linked, or was until now: it is not old. Means nothing for one that was never proved."""
        entry = self._entries.get(peer_id)
        if entry is not None and not entry.is_hearsay:
            self._orders.take(entry)
            entry.last_seen_at = max(at, entry.last_seen_at)
            self._orders.put(entry)

    def failed(self, peer_id: PeerId, at: int) -> None:
        """It did not answer, or somebody else did. Who waits for its place gets it, and it goes back to the new buckets."""
        entry = self._entries.get(peer_id)
        if entry is None:
            return
        entry.last_attempt_at = at
        self._set_failures(entry, entry.failures + 1)
        newcomer = self._take_waiting(entry)
        if newcomer is not None:
            self._change_places(entry, newcomer, at)

    def forgive(self, peer_id: PeerId) -> None:
        """What failed until now says nothing any more."""
        entry = self._entries.get(peer_id)
        if entry is not None:
            self._set_failures(entry, 0)

    def evict(self, peer_id: PeerId) -> None:
        """Take it out; who waits for its place gets it. Unknown ids are ignored."""
        entry = self._entries.get(peer_id)
        if entry is None:
            return
        newcomer = self._take_waiting(entry)
        self._remove(entry)
        if newcomer is not None:
            self._move_to_tried(newcomer, entry.bucket)

    def forget_old(self, at: int) -> list[PeerId]:
        """Take out whom it makes no sense to keep, and say who that was. Looks at all entries.

        Hearsay goes after 3 failures or 7 days. A proved peer goes when it was not seen for 7 days and failed since: where
        nothing failed, it was this node that was away, and it needs its peers to come back.
        """
        old = [entry.peer_id for entry in self._entries.values() if is_old(entry, at)]
        for peer_id in old:
            self.evict(peer_id)
        return old

    # Inside.

    def _replace(self, known: PeerEntry, record: PeerRecord) -> bool:
        if record.seq <= known.record.seq:
            return False
        moved = record.endpoints != known.record.endpoints
        known.record = record
        if moved:
            # What failed at the old address says nothing about the new one.
            self._set_failures(known, 0)
        return True

    def _set_failures(self, entry: PeerEntry, failures: int) -> None:
        if not entry.is_hearsay:
            # The proved are in the order in which they were seen, whatever fails.
            entry.failures = failures
            return
        self._orders.take(entry)
        entry.failures = failures
        self._orders.put(entry)

    def _new_bucket(self, entry: PeerEntry) -> int:
        group = group_of(entry.source_host)
        if group == PRIVATE or entry.source is None or entry.source in self._trusted:
            return self._any_new_bucket(entry)
        reached = draw(self._secret, self._new_reach, "reach", entry.peer_id)
        return draw(self._secret, self._new_buckets, "new", group, str(reached))

    def _any_new_bucket(self, entry: PeerEntry) -> int:
        return draw(self._secret, self._new_buckets, "new", entry.peer_id)

    def _tried_bucket(self, entry: PeerEntry) -> int:
        group = group_of(entry.host)
        if group == PRIVATE:
            return draw(self._secret, self._tried_buckets, "tried", entry.peer_id)
        reached = draw(self._secret, self._tried_buckets // _TRIED_REACH, "reach", entry.peer_id)
        return draw(self._secret, self._tried_buckets, "tried", group, str(reached))

    def _make_room(self, bucket: int, at: int, *, own_word: bool) -> bool:
        if self._new.has_room(bucket) and len(self) >= self._most:
            return self._displace(self._orders.first(), at, own_word=own_word)
        return self._make_room_in(bucket, at, own_word=own_word)

    def _make_room_in(self, bucket: int, at: int, *, own_word: bool) -> bool:
        return self._new.has_room(bucket) or self._displace(self._new.of(bucket), at, own_word=own_word)

    def _displace(self, entries: Collection[PeerEntry], at: int, *, own_word: bool) -> bool:
        worst = worst_of(entries, at, own_word=own_word)
        if worst is None:
            return False
        self.evict(worst.peer_id)
        self.displaced += 1
        return True

    def _promote(self, entry: PeerEntry, at: int) -> PeerId | None:
        bucket = self._tried_bucket(entry)
        if self._tried.has_room(bucket):
            self._move_to_tried(entry, bucket)
            return None
        incumbent = min(self._tried.of(bucket), key=lambda entry: entry.last_seen_at)
        waiting = self._waiting.get(incumbent.peer_id, entry.peer_id)
        if at - incumbent.last_seen_at < GOOD_S or (waiting != entry.peer_id and waiting in self._entries):
            return None
        self._waiting[incumbent.peer_id] = entry.peer_id
        return incumbent.peer_id

    def _take_waiting(self, incumbent: PeerEntry) -> PeerEntry | None:
        waiting = self._waiting.pop(incumbent.peer_id, None)
        newcomer = self._entries.get(waiting) if waiting is not None else None
        if newcomer is None or newcomer.is_tried or self._tried_bucket(newcomer) != incumbent.bucket:
            return None
        return newcomer

    def _change_places(self, incumbent: PeerEntry, newcomer: PeerEntry, at: int) -> None:
        self._tried.take(incumbent)
        self._move_to_tried(newcomer, incumbent.bucket)
        incumbent.bucket, incumbent.is_tried = self._new_bucket(incumbent), False
        if self._make_room_in(incumbent.bucket, at, own_word=True):
            self._new.put(incumbent)
        else:
            self._drop(incumbent)
            self.displaced += 1

    def _move_to_tried(self, entry: PeerEntry, bucket: int) -> None:
        self._new.take(entry)
        entry.bucket, entry.is_tried = bucket, True
        self._tried.put(entry)

    def _buckets_of(self, entry: PeerEntry) -> Buckets:
        return self._tried if entry.is_tried else self._new

    def _put(self, entry: PeerEntry) -> None:
        self._entries[entry.peer_id] = entry
        self._buckets_of(entry).put(entry)
        self._orders.put(entry)

    def _remove(self, entry: PeerEntry) -> None:
        self._buckets_of(entry).take(entry)
        self._drop(entry)

    def _drop(self, entry: PeerEntry) -> None:
        del self._entries[entry.peer_id]
        self._orders.take(entry)
        self._waiting.pop(entry.peer_id, None)
