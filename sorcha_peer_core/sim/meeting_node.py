"""A node that does nothing but meet others: a shipped discovery machine, its disk, and a host over virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import BootstrapFailed, Event, PeerLost, StateChanged
from sorcha_peer_core.model.ids import PeerId, peer_id_of
from sorcha_peer_core.model.messages import Farewell, Message, Peers, PeersRequest
from sorcha_peer_core.model.peer import BootstrapEntry, Endpoint, PeerRecord, PeerRow
from sorcha_peer_core.protocol.discovery import Discovery
from sorcha_peer_core.protocol.peer_table import PeerTable

if TYPE_CHECKING:
    from sorcha_peer_core.protocol.discovery_host import Check, Contact
    from sorcha_peer_core.sim.meeting import Meeting

EPOCH_AT = 1_800_000_000
"""Unix time at which the world begins."""
GENUINE = b"genuine"
"""Every other signature is forged."""
_CHECK_S = 0.001
_FEEL_S = 15.0
_MAINTAIN_S = 60.0
_SAVE_S = 10.0
_REFRESH_S = 900.0


class MeetingNode:
    """One node. It lives from ``boot`` to ``halt``, perhaps several times; its disk stays."""

    def __init__(self, meeting: Meeting, index: int, *, dial_only: bool) -> None:
        self.meeting = meeting
        self.index = index
        self.key = index.to_bytes(32, "big")
        self.peer_id: PeerId = peer_id_of(self.key)
        self.endpoint = Endpoint("grpc", f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}", 5001)
        self.endpoints = () if dial_only else (self.endpoint,)
        self.record = self._sign(0)
        self.disk: dict[PeerId, PeerRow] = {}
        self.machine: Discovery | None = None
        self.asleep_until_s = 0.0
        self.silent = False
        """It is down and does not even refuse: whoever dials it waits."""
        self.states: list[StateChanged] = []
        self.lost: list[tuple[float, PeerId]] = []
        """Whom it gave up, and when."""
        self.bootstrap_failures = 0
        self._backlog: list[Callable[[], object]] = []
        self._life = 0
        self._due_s = 0.0

    @property
    def alive(self) -> Discovery:
        """Its machine; only while it runs."""
        assert self.machine is not None, f"node {self.index} does not run"
        return self.machine

    @property
    def is_awake(self) -> bool:
        """Whether it runs and does not sleep."""
        return self.machine is not None and self.meeting.clock.now >= self.asleep_until_s

    # Life.

    def boot(self, entries: Sequence[BootstrapEntry]) -> None:
        """Start on what is on its disk, with a record signed anew."""
        meeting, now = self.meeting, self.meeting.clock.now
        self._life += 1
        rng = Random(f"{meeting.seed} {self.index} {self._life}")
        self.renew()
        table = PeerTable(self.key, meeting.world.max_peers)
        self.machine = Discovery(self.peer_id, meeting.world.config, table, self, rng, entries)
        rows = sorted(self.disk.values(), key=lambda row: -row.last_seen_at)
        self.machine.start(rows, now, self._at(now))
        self._due_s = now
        self._every(_FEEL_S, rng, lambda: self.alive.feel(meeting.clock.now))
        self._every(_MAINTAIN_S, rng, lambda: self.alive.maintain(meeting.clock.now, self._at(meeting.clock.now)))
        self._every(_SAVE_S, rng, self._save)
        self._every(_REFRESH_S, rng, self.alive.refresh)
        self.happens(lambda machine, now, at: None)

    def halt(self) -> None:
        """Run no more; what its greenlets were about to hand in is lost."""
        self.machine, self._backlog, self.asleep_until_s = None, [], 0.0

    def sleep(self, for_s: float) -> None:
        """Stand still: what happens meanwhile is heard of on waking."""
        clock = self.meeting.clock
        self.asleep_until_s = clock.now + for_s
        clock.after(for_s, self._wake)

    def renew(self) -> None:
        """Sign the record anew. Who is linked hears of it."""
        self.record = self._sign(int((EPOCH_AT + self.meeting.clock.now) * 1000))
        if self.machine is not None:
            self.tell(tuple(self.machine.members.linked), (self.record,))

    def happens(self, what: Callable[[Discovery, float, int], object]) -> None:
        """Something is handed to the machine, which then goes on; a node that does not run misses it."""
        life = self._life

        def hand_in() -> None:
            if self.machine is None or life != self._life:
                return
            now = self.meeting.clock.now
            what(self.machine, now, self._at(now))
            self._go_on()

        if self.machine is not None and not self.is_awake:
            self._backlog.append(hand_in)
        else:
            hand_in()

    # DiscoveryHost.

    def dial(self, contact: Contact) -> None:
        """See DiscoveryHost."""
        self.meeting.dial(self, contact)

    def look(self, contact: Contact, ask: int) -> None:
        """See DiscoveryHost."""
        self.meeting.look(self, contact, ask)

    def hang_up(self, peer_id: PeerId, reason: str, farewell: Farewell) -> None:
        """See DiscoveryHost."""
        self.meeting.hang_up(self, peer_id, farewell)

    def ask(self, peer_id: PeerId, most: int) -> None:
        """See DiscoveryHost."""
        self.meeting.send(self, peer_id, PeersRequest(most))

    def tell(self, peer_ids: Sequence[PeerId], records: Sequence[PeerRecord]) -> None:
        """See DiscoveryHost."""
        message = Peers(tuple(records))
        for peer_id in peer_ids:
            self.meeting.send(self, peer_id, message)

    def check(self, check: Check) -> None:
        """See DiscoveryHost."""
        genuine = [record.signature == GENUINE for record in check.records]
        self.later(_CHECK_S, lambda machine, now, at: machine.checked(check, genuine, now, at))

    def learned(self, records: Sequence[PeerRecord]) -> None:
        """See DiscoveryHost."""

    def rtt_s(self, peer_id: PeerId) -> float | None:
        """See DiscoveryHost."""
        return 2 * self.meeting.latency_s(self, self.meeting.by_id[peer_id])

    def emit(self, event: Event) -> None:
        """See DiscoveryHost."""
        if isinstance(event, StateChanged):
            self.states.append(event)
        elif isinstance(event, PeerLost):
            self.lost.append((self.meeting.clock.now, event.peer_id))
        elif isinstance(event, BootstrapFailed):
            self.bootstrap_failures += 1

    def later(self, delay_s: float, what: Callable[[Discovery, float, int], object]) -> None:
        """Hand something to the machine after a while, if it still is the same one."""
        life = self._life
        self.meeting.clock.after(delay_s, lambda: self.happens(what) if life == self._life else None)

    def received(self, peer_id: PeerId, message: Message) -> None:
        """A message has arrived."""
        self.happens(lambda machine, now, at: machine.received(peer_id, message, now, at))

    # Inside.

    def _go_on(self) -> None:
        clock = self.meeting.clock
        now = clock.now
        due_s = self.alive.tick(now, self._at(now))
        # A call that is scheduled already and comes first schedules the next one.
        if due_s < self._due_s or self._due_s <= now:
            self._due_s = due_s
            self.later(due_s - now, lambda machine, now, at: None)

    def _every(self, interval_s: float, rng: Random, job: Callable[[], object]) -> None:
        life, clock = self._life, self.meeting.clock

        def run() -> None:
            if life == self._life and self.machine is not None:
                self.happens(lambda machine, now, at: job())
                clock.after(interval_s, run)

        clock.after(interval_s * rng.random(), run)

    def _wake(self) -> None:
        backlog, self._backlog = self._backlog, []
        for hand_in in backlog:
            hand_in()

    def _save(self) -> None:
        rows, gone = self.alive.members.take_changes(self.alive.bootstrap.is_first_contact)
        self.disk.update((row.record.peer_id, row) for row in rows)
        for peer_id in gone:
            self.disk.pop(peer_id, None)

    def _sign(self, seq: int) -> PeerRecord:
        signed = b"%d %d" % (self.index, seq)
        return PeerRecord(
            self.peer_id, self.key, "sim", seq, self.endpoints, f"node {self.index}", "sim", signed, GENUINE
        )  # fmt: skip

    def _at(self, now: float) -> int:
        return EPOCH_AT + int(now)
