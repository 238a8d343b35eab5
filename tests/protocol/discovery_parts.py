"""What the tests of discovery build on: a host that only remembers, and a machine in the middle of its life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from peer_parts import NOW, SECRET, peer_id, record

from sorcha_peer_core.model.events import Event
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Farewell
from sorcha_peer_core.model.peer import BootstrapEntry, Endpoint, PeerRecord, PeerRow
from sorcha_peer_core.protocol.discovery import Discovery
from sorcha_peer_core.protocol.discovery_host import Check, Contact, DiscoveryConfig
from sorcha_peer_core.protocol.membership import Membership
from sorcha_peer_core.protocol.peer_table import PeerTable

ME = peer_id(0x8000)
"""Smaller than the peers from 0x8001 on, larger than those before."""
HOST = "192.0.2.1"


def living(number: int, *, age_s: float = 0.0, host: str = HOST) -> PeerRecord:
    """A record that was signed so long before ``NOW``; without a host nobody can dial it."""
    seq = int((NOW - age_s) * 1000)
    return replace(record(number, host, seq=seq), signed=b"%d %d" % (number, seq))


def entry(number: int, pinned: PeerId | None = None) -> BootstrapEntry:
    """A first contact."""
    return BootstrapEntry(Endpoint("grpc", f"first-{number}.example", 5001), pinned)


class Notes:
    """A DiscoveryHost that writes down what it is asked for."""

    def __init__(self) -> None:
        self.dials: list[Contact] = []
        self.looks: list[tuple[Contact, int]] = []
        self.hang_ups: list[tuple[PeerId, Farewell]] = []
        self.asks: list[tuple[PeerId, int]] = []
        self.told: list[tuple[tuple[PeerId, ...], tuple[PeerRecord, ...]]] = []
        self.checks: list[Check] = []
        self.learned_of: list[PeerRecord] = []
        self.events: list[Event] = []
        self.rtts_s: dict[PeerId, float] = {}

    def dial(self, contact: Contact) -> None:
        self.dials.append(contact)

    def look(self, contact: Contact, ask: int) -> None:
        self.looks.append((contact, ask))

    def hang_up(self, peer_id: PeerId, reason: str, farewell: Farewell) -> None:
        self.hang_ups.append((peer_id, farewell))

    def ask(self, peer_id: PeerId, most: int) -> None:
        self.asks.append((peer_id, most))

    def tell(self, peer_ids: Sequence[PeerId], records: Sequence[PeerRecord]) -> None:
        self.told.append((tuple(peer_ids), tuple(records)))

    def check(self, check: Check) -> None:
        self.checks.append(check)

    def learned(self, records: Sequence[PeerRecord]) -> None:
        self.learned_of += records

    def rtt_s(self, peer_id: PeerId) -> float | None:
        return self.rtts_s.get(peer_id)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def dialled(self) -> list[PeerId | None]:
        """Whom it was to dial, in order."""
        return [contact.expected for contact in self.dials]

    def told_to(self, peer: PeerId) -> list[PeerRecord]:
        """All records that one peer was told."""
        return [record for peers, records in self.told if peer in peers for record in records]


def members_of(*, most: int = 100, threshold: int = 3) -> Membership:
    """A list of peers, still empty, for a node that has just begun."""
    table = PeerTable(SECRET, most)
    members = Membership(ME, table, Random(1), failure_threshold=threshold, retry_most_s=300.0)
    members.awake(NOW)
    return members


def knows(members: Membership, *numbers: int, now: float = 0.0) -> None:
    """Some others told it of these peers."""
    for number in numbers:
        assert members.heard(living(number), peer_id(0x9999 + number // 32), HOST, now, NOW)


def is_linked(members: Membership, *numbers: int, now: float = 0.0) -> None:
    """Links to these peers came up."""
    for number in numbers:
        members.proved(living(number), HOST, now, NOW)
        members.linked_with(peer_id(number), now)


class Machine:
    """A Discovery, its host, and a clock for both that only moves when told to. What is to be checked is genuine."""

    def __init__(self, *, entries: Sequence[BootstrapEntry] = (), rows: Sequence[PeerRow] = (), seed: int = 1, **config) -> None:
        self.notes = Notes()
        self.now = 0.0
        self.skipped_s = 0
        knobs = DiscoveryConfig("sorcha", **{"links_wanted": lambda live: min(live, 32), **config})
        self.table = PeerTable(SECRET, knobs.max_peers)
        self.discovery = Discovery(ME, knobs, self.table, self.notes, Random(seed), entries)
        self.discovery.start(rows, self.now, self.at)
        self.due_s = self.discovery.tick(self.now, self.at)

    @property
    def at(self) -> int:
        return NOW + int(self.now) + self.skipped_s

    @property
    def members(self) -> Membership:
        return self.discovery.members

    def link(self, *numbers: int, **changes) -> None:
        for number in numbers:
            self.discovery.linked(living(number, **changes), HOST, self.now, self.at)
        self.tick()

    def unlink(self, number: int, farewell: Farewell = Farewell.UNSAID) -> None:
        self.discovery.unlinked(peer_id(number), farewell, self.now, self.at)
        self.tick()

    def hear(self, source: int, message) -> None:
        """A message comes, and what is in it turns out to be genuine."""
        self.discovery.received(peer_id(source), message, self.now, self.at)
        self.answer_checks()

    def answer_checks(self) -> None:
        checks, self.notes.checks = self.notes.checks, []
        for check in checks:
            self.discovery.checked(check, [True] * len(check.records), self.now, self.at)
        self.tick()

    def tick(self) -> None:
        self.due_s = self.discovery.tick(self.now, self.at)

    def pass_time(self, for_s: float) -> None:
        """Time passes, and each moment that the machine asked for is given to it."""
        end_s = self.now + for_s
        while self.due_s <= end_s:
            self.now = self.due_s
            self.tick()
        self.now = end_s
        self.tick()
