"""Discovery in real time: one greenlet owns the machine that decides, others carry out what it orders."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal

from sorcha_peer_core.errors import StoreError, TransportError
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Farewell, Message, Peers, PeersRequest
from sorcha_peer_core.model.peer import BootstrapEntry, Endpoint, PeerRecord, PeerRow
from sorcha_peer_core.protocol.discovery_host import Check, Contact, DiscoveryHost, Failure
from sorcha_peer_core.services.security import is_genuine
from sorcha_peer_core.services.session import Banned, DialledItself, EnoughLinks, HandshakeRefused

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.protocol.discovery import Discovery
    from sorcha_peer_core.protocol.membership import Membership
    from sorcha_peer_core.services.links import Links
    from sorcha_peer_core.services.looking import Looked
    from sorcha_peer_core.services.native import NativeThread
    from sorcha_peer_core.services.peer_link import PeerLink
    from sorcha_peer_core.services.schedule import Schedule
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

T = TypeVar("T")

_FEEL_INTERVAL_S = 15.0
_MAINTAIN_INTERVAL_S = 60.0
_SAVE_INTERVAL_S = 10.0
_BUSY = 2.0
"""The machine is, when limits of time are stretched by so much."""
_TURN_PAUSE_S = 0.05
_TURN_ITEMS = 256
"""Work done before other greenlets get a turn."""


class Disk(NamedTuple):
    """Where the peer table is kept; both calls block and may raise StoreError."""

    save: Callable[[Sequence[PeerRow]], None]
    forget: Callable[[Sequence[PeerId]], None]


class Limits(NamedTuple):
    """Of what is done at a time, and for how long."""

    look_timeout_s: float = 30.0
    most_dials: int = 10
    stretch: Callable[[], float] = lambda: 1.0
    """By how much limits of time are longer than usual: this machine may be slow."""


class DiscoveryService:
    """The machine's host: an inbox for what happens, a greenlet for each dial and look, signatures on a native thread."""

    def __init__(
        self,
        build: Callable[[DiscoveryHost], Discovery],
        links: Links,
        supervisor: Supervisor,
        thread: NativeThread,
        *,
        disk: Disk,
        emit: Callable[[Event], None],
        limits: Limits = Limits(),  # noqa: B008 - it is a constant
    ) -> None:
        """``build`` makes the machine for this host; ``thread`` checks signatures."""
        self._limits = limits
        self._stretch = limits.stretch
        self._dials = 0
        """Dials under way."""
        self._links = links
        self._supervisor = supervisor
        self._thread = thread
        self._disk = disk
        self._emit = emit
        self._machine = build(self)
        self._inbox: deque[Callable[[], None]] = deque()
        self._questions: deque[Callable[[], None]] = deque()
        """Commands whose outcome somebody waits for."""
        self._signal = Signal()
        self._owned = False
        """Whether the machine has its greenlet; before and after, whoever calls owns it."""
        self._stopping = False
        self._told = (0, 0)
        self.on_change: Callable[[], None] = lambda: None
        """Called when there are more or fewer peers that are linked or counted as alive."""
        self.on_false_records: Callable[[PeerId], None] = lambda peer_id: None
        """Called when records that a peer told turn out not to be signed by their keys; must not block."""
        self.rtt_of_link: Callable[[PeerLink], float | None] = lambda peer: None
        """The smoothed round trip of a link."""

    # Life.

    def start(
        self, rows: Sequence[PeerRow], schedule: Schedule, refresh_interval_s: float, anchors: Sequence[PeerId] = ()
    ) -> None:
        """Begin, with the peer table of an earlier run: with it a node rejoins without any bootstrap node."""
        schedule.every(refresh_interval_s, "refresh the peer list", lambda: self._ask_owner(self._machine.refresh))
        schedule.every(_FEEL_INTERVAL_S, "send feelers", lambda: self._ask_owner(self._feel))
        schedule.every(_MAINTAIN_INTERVAL_S, "maintain the peer table", lambda: self._ask_owner(self._maintain))
        schedule.every(_SAVE_INTERVAL_S, "save the peer table", self.save_table)
        self._machine.start(rows, time.monotonic(), _unix_s(), anchors)
        self._owned = True
        self._supervisor.spawn_vital("discovery", self._run)

    def stop(self) -> None:
        """Dial no more."""
        # Until now all that is linked was there.
        self.members.review(_unix_s())
        self._stopping = True
        self._signal.set()

    def save_table(self) -> None:
        """Write what changed in the peer table since the last time; blocks. What fails is tried next time. Raises StoreError."""
        rows, gone = self._ask_owner(lambda: self.members.take_changes(self.is_bootstrap))
        try:
            if rows:
                self._disk.save(rows)
            if gone:
                self._disk.forget(gone)
        except StoreError:
            self.members.not_saved(rows, gone)
            raise

    # What others read.

    @property
    def members(self) -> Membership:
        """Whom this node knows."""
        return self._machine.members

    @property
    def state(self) -> str:
        """online | degraded | offline"""
        return self._machine.standing.name

    @property
    def last_discovery_at(self) -> int | None:
        """Unix seconds at which a peer last told whom it knows."""
        return self._machine.last_discovery_at

    def last_seen_at(self, peer_id: PeerId) -> int:
        """Unix seconds of the last contact; now for a linked peer, 0 for one never met."""
        member = self.members.get(peer_id)
        if member is None:
            return 0
        return _unix_s() if member.linked else member.entry.last_seen_at

    def is_bootstrap(self, peer_id: PeerId) -> bool:
        """Whether this peer answered at a configured first contact."""
        return self._machine.bootstrap.is_first_contact(peer_id)

    @property
    def anchors(self) -> Sequence[PeerId]:
        """With whom to begin after a restart."""
        return self._machine.linking.anchors

    @property
    def has_place(self) -> bool:
        """Whether one more link would not be too many."""
        return self._machine.linking.has_place

    def coming(self) -> int:
        """How many links the dials under way may become."""
        return self._machine.linking.coming

    def newcomers(self) -> Sequence[PeerRecord]:
        """Whom to tell those for whom this node has no room."""
        return self._machine.telling.newcomers(time.monotonic(), _unix_s())

    @property
    def records_over_quota(self) -> int:
        """Records that were dropped because a peer told too many unasked, since the start."""
        return self._machine.checking.refused["beyond the quota"]

    def counters(self) -> dict[str, float]:
        """What was done, and what was not taken, since the start."""
        machine = self._machine
        refusals = (machine.checking.refused, machine.telling.refused, machine.members.refused)
        counts = machine.linking.counts
        return {
            "discovery_looks": counts["looks"],
            "discovery_links_shed": counts["shed"] + counts["improved"],
            "discovery_refused": sum(sum(reasons.values()) for reasons in refusals),
            "discovery_displaced": machine.members.displaced,
            "discovery_pauses": machine.pauses,
        }

    # What happens.

    def can_dial(self, schemes: Sequence[str]) -> None:
        """This node dials endpoints of these schemes and no others."""
        self._post(lambda: self.members.can_dial(schemes))

    def linked(self, peer: PeerLink) -> None:
        """A link came up; does not block."""
        record, host = peer.record, peer.link.remote.host
        self._post(lambda: self._machine.linked(record, host, time.monotonic(), _unix_s()))

    def unlinked(self, peer_id: PeerId, farewell: Farewell) -> None:
        """The last link to a peer is gone; does not block."""
        self._post(lambda: self._machine.unlinked(peer_id, farewell, time.monotonic(), _unix_s()))

    def knocked(self, record: PeerRecord, host: str) -> None:
        """Somebody wanted a link and found no place; does not block."""
        self._post(lambda: self._machine.knocked(record, host, time.monotonic(), _unix_s()))

    def received(self, peer_id: PeerId, message: Message) -> None:
        """A message about peers; does not block."""
        self._post(lambda: self._machine.received(peer_id, message, time.monotonic(), _unix_s()))

    def first_contacts(self, entries: Sequence[BootstrapEntry]) -> None:
        """A source told of first contacts; does not block."""
        self._post(lambda: self._machine.first_contacts(entries, time.monotonic()))

    def ban(self, peer_ids: Sequence[PeerId]) -> None:
        """Neither dial these nor tell of them any more, nor count them; does not block."""
        self._post(lambda: self._machine.ban(peer_ids))

    def unban(self, peer_id: PeerId) -> None:
        """It is one like all others again, and dialled soon if it is known; does not block."""
        self._post(lambda: self._machine.unban(peer_id, time.monotonic()))

    def avoid(self, peer_id: PeerId, for_s: float) -> None:
        """Neither dial this one for so long nor tell of it; does not block."""
        self._post(lambda: self._machine.avoid(peer_id, for_s, time.monotonic()))

    def remove(self, peer_id: PeerId) -> None:
        """Forget this peer, a linked one when its link ends. Blocks until it is done."""
        self._ask_owner(lambda: self._machine.remove(peer_id))

    def link_to(self, entry: BootstrapEntry, timeout_s: float) -> None:
        """Dial at once, beside all that the machine wants; whoever answers is known from then on. Blocks.

        Raises HandshakeRefused, TransportError; to have links enough is no failure.
        """
        contact = Contact((entry.endpoint,), entry.peer_id, timeout_s)
        try:
            self._links.dial(contact.endpoints, contact.expected, timeout_s)
        except EnoughLinks as enough:
            record, records = enough.record, enough.records
            self._post(lambda: self._machine.turned_away(contact, record, records, time.monotonic(), _unix_s()))

    def ping(self, peer_id: PeerId, endpoints: Sequence[Endpoint], timeout_s: float) -> Looked:
        """Look at a peer, and remember that it was there. Blocks. Raises HandshakeRefused, TransportError."""
        found = self._links.look(endpoints, peer_id, timeout_s=timeout_s)
        self._post(lambda: self._machine.pinged(found.record, found.host, found.rtt_s, time.monotonic(), _unix_s()))
        return found

    def hurry(self) -> None:
        """This machine is in another network than before: what failed until now says nothing any more."""
        self._post(lambda: self._machine.hurry(time.monotonic()))

    # DiscoveryHost.

    def dial(self, contact: Contact) -> None:
        """Dial in a greenlet of its own."""
        self._supervisor.spawn(_name_of("dial", contact), self._dial, contact)

    def look(self, contact: Contact, ask: int) -> None:
        """Look in a greenlet of its own."""
        self._supervisor.spawn(_name_of("look at", contact), self._look, contact, ask)

    def hang_up(self, peer_id: PeerId, reason: str, farewell: Farewell) -> None:
        """Say goodbye and close."""
        self._links.hang_up(peer_id, reason, farewell)

    def ask(self, peer_id: PeerId, most: int) -> None:
        """Queue the question."""
        self._links.send(peer_id, PeersRequest(most))

    def tell(self, peer_ids: Sequence[PeerId], records: Sequence[PeerRecord]) -> None:
        """Queue one frame, encoded once, for each of them."""
        message = Peers(tuple(records))
        for peer_id in peer_ids:
            self._links.send(peer_id, message)

    def check(self, check: Check) -> None:
        """Check signatures on the native thread."""
        self._supervisor.spawn("peer records", self._check, check)

    def learned(self, records: Sequence[PeerRecord]) -> None:
        """The links take over what linked peers say of themselves now."""
        self._links.learned(records)

    def rtt_s(self, peer_id: PeerId) -> float | None:
        """From the probes of the link."""
        peer = self._links.peers.get(peer_id)
        return None if peer is None else self.rtt_of_link(peer)

    def emit(self, event: Event) -> None:
        """Tell everybody who listens."""
        self._emit(event)

    # The greenlet that owns the machine.

    def _run(self) -> None:
        try:
            while not self._stopping:
                for _ in range(min(len(self._inbox), _TURN_ITEMS)):
                    self._inbox.popleft()()
                while self._questions:
                    self._questions.popleft()()
                self._machine.linking.stretch = self._stretch()
                due_s = self._machine.tick(time.monotonic(), _unix_s())
                self._tell_of_changes()
                if self._inbox or self._questions:
                    gevent.sleep(0)
                    continue
                self._signal.clear()
                self._signal.wait(max(0.0, due_s - time.monotonic()))
        finally:
            self._owned = False
            self._inbox.clear()
            while self._questions:
                self._questions.popleft()()

    def _tell_of_changes(self) -> None:
        now = len(self.members.linked), self.members.live
        if now != self._told:
            self._told = now
            self.on_change()

    def _post(self, command: Callable[[], None]) -> None:
        if not self._stopping:
            self._inbox.append(command)
            self._signal.set()

    def _ask_owner(self, command: Callable[[], T]) -> T:
        """Have the owner do it, and wait; without an owner it is done at once."""
        if not self._owned:
            return command()
        result: AsyncResult[T] = AsyncResult()

        def answer() -> None:
            try:
                result.set(command())
            except BaseException as error:
                result.set_exception(error)
                raise

        self._questions.append(answer)
        self._signal.set()
        return cast("T", result.get())

    def _feel(self) -> None:
        # On a machine that is busy a look measures the machine, and makes it busier.
        if self._stretch() < _BUSY:
            self._machine.feel(time.monotonic())

    def _maintain(self) -> None:
        self._machine.maintain(time.monotonic(), _unix_s())

    # Greenlets.

    def _dial(self, contact: Contact) -> None:
        machine = self._machine
        self._wait_for_turn()
        timeout_s = None if contact.timeout_s is None else contact.timeout_s * self._stretch()
        try:
            peer_id = self._links.dial(contact.endpoints, contact.expected, timeout_s)
        except EnoughLinks as enough:
            record, records = enough.record, enough.records
            self._post(lambda: machine.turned_away(contact, record, records, time.monotonic(), _unix_s()))
        except (TransportError, HandshakeRefused) as error:
            failure = self._failure(contact, error)
            self._post(lambda: machine.dial_failed(contact, failure, time.monotonic(), _unix_s()))
        else:
            self._post(lambda: machine.dialled(contact, peer_id, time.monotonic(), _unix_s()))
        finally:
            self._dials -= 1

    def _wait_for_turn(self) -> None:
        # Many handshakes side by side on a busy machine are all late; a few after the other are in time.
        while self._dials >= max(1, int(self._limits.most_dials / self._stretch())):
            gevent.sleep(_TURN_PAUSE_S)
        self._dials += 1

    def _look(self, contact: Contact, ask: int) -> None:
        machine = self._machine
        try:
            found = self._links.look(contact.endpoints, contact.expected, ask=ask, timeout_s=self._limits.look_timeout_s)
        except (TransportError, HandshakeRefused) as error:
            failure = self._failure(contact, error)
            self._post(lambda: machine.look_failed(contact, failure, time.monotonic(), _unix_s()))
        else:
            record, rtt_s, records = found.record, found.rtt_s, found.records
            self._post(lambda: machine.looked(contact, record, rtt_s, records, time.monotonic(), _unix_s()))

    def _failure(self, contact: Contact, error: TransportError | HandshakeRefused) -> Failure:
        if contact.expected is not None:
            log.debug("peer %s could not be reached: %s", short(contact.expected), error)
        itself = isinstance(error, DialledItself) or any(map(self._links.is_own, contact.endpoints))
        banned = error.peer_id if isinstance(error, Banned) else None
        return Failure(str(error), itself, getattr(error, "farewell", Farewell.UNSAID), banned)

    def _check(self, check: Check) -> None:
        genuine = self._thread.call(lambda: [is_genuine(record) for record in check.records])
        if not all(genuine):
            # Whoever tells of a peer has checked its signature before.
            self.on_false_records(check.source)
        self._post(lambda: self._machine.checked(check, genuine, time.monotonic(), _unix_s()))


def _unix_s() -> int:
    return int(time.time())


def _name_of(what: str, contact: Contact) -> str:
    return f"{what} {short(contact.expected) if contact.expected else contact.endpoints[0]}"
