"""Discovery in real time: the machine's orders are carried out, and what comes of them is handed in."""

from __future__ import annotations

import time
from random import Random
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event as Signal
from service_parts import InlineThread, identities, let_others_run, record_of, wait_until

from sorcha_peer_core.errors import PeerUnreachable, StoreError
from sorcha_peer_core.model.events import BootstrapFailed, PeerLost, StateChanged
from sorcha_peer_core.model.messages import Farewell, Peers, PeersRequest
from sorcha_peer_core.model.peer import Endpoint, PeerRow, parse_bootstrap
from sorcha_peer_core.protocol.discovery import Discovery
from sorcha_peer_core.protocol.discovery_host import DiscoveryConfig
from sorcha_peer_core.protocol.peer_table import PeerTable
from sorcha_peer_core.services import discovery as module
from sorcha_peer_core.services.discovery import DiscoveryService, Disk
from sorcha_peer_core.services.looking import Looked
from sorcha_peer_core.services.schedule import Schedule
from sorcha_peer_core.services.session import DialledItself, EnoughLinks, HandshakeRefused
from sorcha_peer_core.services.supervisor import Supervisor

ME, *OTHERS = identities(12)
SIGNED_MS = int(time.time()) * 1000


def address_of(number: int) -> Endpoint:
    return Endpoint("grpc", "town", number)


def record(number: int, *, later_ms: int = 0, network_id: str = "test"):
    return record_of(OTHERS[number], (address_of(number),), seq=SIGNED_MS + later_ms, network_id=network_id)


class FakeLinks:
    """A town in which some addresses answer. A dial that succeeds links at once."""

    def __init__(self) -> None:
        self.at: dict[Endpoint, object] = {}
        self.own: set[Endpoint] = set()
        self.peers: dict[str, object] = {}
        self.dials: list[tuple[Endpoint, float | None]] = []
        self.looks: list[tuple[Endpoint, int]] = []
        self.sent: list[tuple[str, object]] = []
        self.hung_up: list[tuple[str, Farewell]] = []
        self.heard_of: list[object] = []
        self.doors = Signal()
        """While it is not set, nobody opens."""
        self.doors.set()
        self.linked = lambda peer: None
        self.unlinked = lambda peer_id, farewell: None

    def is_own(self, endpoint):
        return endpoint in self.own

    def dial(self, endpoints, expected, timeout_s=None):
        self.dials += [(endpoint, timeout_s) for endpoint in endpoints]
        found = self._find(endpoints)
        self.link(found)
        return found.peer_id

    def look(self, endpoints, expected, *, ask=0, timeout_s):
        self.looks += [(endpoint, ask) for endpoint in endpoints]
        return Looked(self._find(endpoints), 0.025, (record(9),) if ask else (), "")

    def _find(self, endpoints):
        self.doors.wait()
        found = next((self.at[endpoint] for endpoint in endpoints if endpoint in self.at), PeerUnreachable("nobody answers"))
        if isinstance(found, Exception):
            raise found
        return found

    def link(self, record):
        link = SimpleNamespace(remote=record.endpoints[0])
        self.peers[record.peer_id] = SimpleNamespace(peer_id=record.peer_id, record=record, link=link)
        self.linked(self.peers[record.peer_id])

    def unlink(self, peer_id, farewell=Farewell.UNSAID):
        del self.peers[peer_id]
        self.unlinked(peer_id, farewell)

    def hang_up(self, peer_id, reason, farewell):
        self.hung_up.append((peer_id, farewell))
        self.unlink(peer_id)

    def send(self, peer_id, message):
        self.sent.append((peer_id, message))

    def learned(self, records):
        self.heard_of = [*self.heard_of, *records]

    def told(self, peer_id) -> list[object]:
        return [found for to, message in self.sent if to == peer_id and isinstance(message, Peers) for found in message.records]

    def dials_to(self, number: int) -> int:
        return sum(endpoint == address_of(number) for endpoint, _ in self.dials)


class World:
    def __init__(self, bootstrap=(), *, rows=(), max_peers=1000, **config) -> None:
        self.links = FakeLinks()
        self.supervisor = Supervisor()
        self.thread = InlineThread()
        self.schedule = Schedule()
        self.saved: dict[str, PeerRow] = {}
        self.forgotten: list[str] = []
        self.store_fails = False
        self.events: list[object] = []
        self.changes = 0
        self.rows = list(rows)
        knobs = DiscoveryConfig("test", **{"links_wanted": lambda live: live, "max_peers": max_peers, **config})
        table = PeerTable(b"a secret of this town", max_peers)
        entries = [parse_bootstrap(str(address_of(number))) for number in bootstrap]
        self.discovery = DiscoveryService(
            lambda host: Discovery(ME.peer_id, knobs, table, host, Random(1), entries),
            self.links, self.supervisor, self.thread, disk=Disk(self._save, self.forgotten.extend), emit=self.events.append,
        )  # fmt: skip
        self.links.linked, self.links.unlinked = self.discovery.linked, self.discovery.unlinked
        self.discovery.on_change = self._changed

    def start(self) -> None:
        self.discovery.start(self.rows, self.schedule, 900.0)

    def job(self, name: str) -> None:
        """Have this job run now, as its turn would."""
        self.schedule._scheduler.get_job(name).func(*self.schedule._scheduler.get_job(name).args)

    def of_kind(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]

    def _changed(self) -> None:
        self.changes += 1

    def _save(self, rows):
        if self.store_fails:
            raise StoreError("the disk is full")
        self.saved.update({row.record.peer_id: row for row in rows})


def row(number: int, **changes) -> PeerRow:
    at = int(time.time()) - 3600
    return PeerRow(record(number), **{"first_seen_at": at, "last_seen_at": at, "proved_at": at, **changes})


@pytest.fixture
def world():
    worlds = []

    def make(*args, **kwargs):
        worlds.append(World(*args, **kwargs))
        return worlds[-1]

    yield make
    for each in worlds:
        each.links.doors.set()
        each.discovery.stop()
        each.supervisor.stop(0.5)
        assert each.supervisor.failed == []


def test_a_bootstrap_node_is_dialled_for_three_seconds_at_most_and_asked_whom_it_knows(world):
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = record(1)

    town.start()

    wait_until(lambda: town.discovery.is_bootstrap(record(1).peer_id), "it is known as a first contact")
    assert town.links.dials == [(address_of(1), 3.0)]
    assert town.links.sent == [(record(1).peer_id, PeersRequest(1000))]
    assert town.of_kind(StateChanged) == [StateChanged("online", "1 of 1 needed peers are linked")]


def test_bootstrap_nodes_that_do_not_answer_are_tried_again_and_told_once(world):
    town = world(bootstrap=[1, 2], retry_most_s=0.02)

    town.start()
    wait_until(lambda: town.links.dials_to(1) == 4, "four dials")
    town.links.at[address_of(1)] = record(1)

    wait_until(lambda: town.links.peers, "it is linked in the end")
    assert [set(event.reasons) for event in town.of_kind(BootstrapFailed)] == [
        {"grpc://town:1: nobody answers", "grpc://town:2: nobody answers"}
    ]


@pytest.mark.parametrize("refusal", [HandshakeRefused("not you"), PeerUnreachable("gone")], ids=["refused", "unreachable"])
def test_a_bootstrap_node_that_refuses_is_tried_again_too(world, refusal):
    town = world(bootstrap=[1], retry_most_s=0.02)
    town.links.at[address_of(1)] = refusal

    town.start()

    wait_until(lambda: len(town.links.dials) == 3, "three dials")


@pytest.mark.parametrize(
    "answer", [DialledItself(), HandshakeRefused("it is this node itself")], ids=["it said so", "the address is its own"]
)
def test_a_bootstrap_entry_that_is_this_node_itself_is_left_alone(world, answer):
    town = world(bootstrap=[1], retry_most_s=0.001)
    if not isinstance(answer, DialledItself):
        town.links.own.add(address_of(1))
    town.links.at[address_of(1)] = answer

    town.start()

    wait_until(lambda: town.links.dials, "it is dialled once")
    gevent.sleep(0.02)
    assert len(town.links.dials) == 1
    assert town.of_kind(BootstrapFailed) == []


def test_a_bootstrap_node_that_has_no_place_tells_whom_to_dial_instead(world):
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = EnoughLinks("no room", record(1), (record(5),))
    town.links.at[address_of(5)] = record(5)

    town.start()

    wait_until(lambda: record(5).peer_id in town.links.peers, "it is linked to somebody else")
    assert town.links.dials_to(1) == 1
    assert town.discovery.is_bootstrap(record(1).peer_id)
    assert town.discovery.members.get(record(1).peer_id).entry.failures == 0


def test_first_contacts_are_dialled_again_when_nobody_is_left(world):
    town = world(bootstrap=[1], retry_most_s=0.02)
    town.links.at[address_of(1)] = record(1)
    town.start()
    wait_until(lambda: town.links.peers, "it is linked")
    let_others_run()
    town.links.at[address_of(1)] = record(2)

    town.links.unlink(record(1).peer_id)

    wait_until(lambda: record(2).peer_id in town.links.peers, "whoever answers there now is linked")


def test_peers_that_others_know_are_dialled_and_told_to_others(world):
    town = world()
    town.links.at[address_of(8)] = record(8)
    town.start()
    town.links.link(record(1))
    town.links.link(record(2))
    let_others_run()

    town.discovery.received(record(1).peer_id, Peers((record(8),)))

    wait_until(lambda: record(8).peer_id in town.links.peers, "it is linked")
    wait_until(lambda: record(8) in town.links.told(record(2).peer_id), "others hear of it")
    assert record(8) not in town.links.told(record(1).peer_id), "but not who said it"
    assert town.links.heard_of == [record(8)]
    assert town.discovery.last_discovery_at is not None


def test_a_record_that_is_not_signed_by_its_key_is_not_taken(world):
    forged = record_of(OTHERS[3], (address_of(3),), seq=SIGNED_MS)
    town = world()
    town.start()
    town.links.link(record(1))

    forged = module.PeerRecord(*(getattr(forged, name) for name in forged.__slots__[:-2]), bytes(64))
    town.discovery.received(record(1).peer_id, Peers((forged, record(4))))

    wait_until(lambda: town.discovery.members.get(record(4).peer_id), "the genuine one is known")
    assert town.discovery.members.get(forged.peer_id) is None
    assert town.thread.calls == 1


def test_who_asks_is_told_whom_this_node_knows(world):
    town = world()
    town.start()
    for number in (1, 2, 3):
        town.links.link(record(number))
    let_others_run()

    town.discovery.received(record(1).peer_id, PeersRequest(100))

    wait_until(lambda: any(isinstance(message, Peers) for _, message in town.links.sent), "an answer")
    [(to, answer)] = [(to, message) for to, message in town.links.sent if isinstance(message, Peers)]
    assert to == record(1).peer_id
    assert {found.peer_id for found in answer.records} == {record(2).peer_id, record(3).peer_id}
    assert {found.peer_id for found in town.discovery.newcomers()} == {record(number).peer_id for number in (1, 2, 3)}


def test_a_restored_table_is_enough_to_link_again(world):
    town = world(rows=[row(1), row(2)])
    for number in (1, 2):
        town.links.at[address_of(number)] = record(number)

    town.start()

    wait_until(lambda: len(town.links.peers) == 2, "both are linked", 5.0)
    assert abs(town.discovery.last_seen_at(record(1).peer_id) - time.time()) < 5


def test_whoever_does_not_answer_is_given_up_and_that_is_an_event(world):
    town = world(rows=[row(1)], retry_most_s=0.01)

    town.start()

    wait_until(lambda: town.of_kind(PeerLost), "it is given up")
    assert town.of_kind(PeerLost) == [PeerLost(record(1).peer_id, 3)]
    assert town.discovery.members.live == 0


def test_a_peer_that_has_links_enough_is_told_goodbye_and_left_alone(world):
    town = world(rows=[row(1)])
    town.links.at[address_of(1)] = record(1)
    town.start()
    wait_until(lambda: town.links.peers, "it is linked")

    town.links.unlink(record(1).peer_id, Farewell.ENOUGH)
    gevent.sleep(0.4)

    assert town.links.dials_to(1) == 1


def test_a_look_measures(world):
    town = world(rows=[row(1), row(2)], links_wanted=lambda live: 0)
    for number in (1, 2):
        town.links.at[address_of(number)] = record(number)
    town.start()

    wait_until(lambda: town.job("send feelers") or town.links.looks, "somebody is looked at")

    wait_until(lambda: list(town.discovery.members.measured), "it is measured")
    [member] = town.discovery.members.measured
    assert member.rtt_s == 0.025
    assert town.discovery.counters()["discovery_looks"] == 1


def test_a_look_that_fails_is_a_failure(world):
    town = world(rows=[row(1)], links_wanted=lambda live: 0)
    town.start()

    wait_until(lambda: town.job("send feelers") or town.links.looks, "somebody is looked at")

    wait_until(lambda: town.discovery.members.get(record(1).peer_id).entry.failures, "it is counted")


def test_in_another_network_those_that_failed_are_tried_at_once(world):
    town = world(rows=[row(10)])
    town.start()
    wait_until(lambda: town.discovery.members.get(record(10).peer_id).entry.failures == 2, "it failed twice", 10.0)
    town.links.at[address_of(10)] = record(10)

    town.discovery.members.rest(record(10).peer_id, 3600.0, time.monotonic())
    town.discovery.hurry()

    wait_until(lambda: town.links.peers, "it is linked", 7.0)


def test_changes_of_the_number_of_peers_are_told(world):
    town = world()
    town.start()
    let_others_run()
    before = town.changes

    town.links.link(record(1))
    let_others_run()
    town.discovery.received(record(1).peer_id, PeersRequest(1))
    let_others_run()

    assert town.changes == before + 1


# The disk.


def test_what_changed_is_saved_once_with_what_this_node_has_seen(world):
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = record(1)
    town.start()
    wait_until(lambda: town.discovery.is_bootstrap(record(1).peer_id), "it is linked")

    town.discovery.save_table()

    saved = town.saved[record(1).peer_id]
    assert (saved.record, saved.failures, saved.is_bootstrap) == (record(1), 0, True)
    assert abs(saved.last_seen_at - time.time()) < 5
    town.saved.clear()
    town.discovery.save_table()
    assert town.saved == {}, "nothing changed since"


def test_hearsay_alone_is_no_contact(world):
    town = world()
    town.start()
    town.links.link(record(1))
    town.discovery.received(record(1).peer_id, Peers((record(3),)))
    wait_until(lambda: town.discovery.members.get(record(3).peer_id), "it is known")

    town.discovery.save_table()

    assert town.saved[record(3).peer_id].last_seen_at == 0
    assert town.discovery.last_seen_at(record(3).peer_id) == 0


def test_a_table_that_could_not_be_saved_is_saved_next_time_and_the_job_says_so(world):
    town = world()
    town.start()
    town.links.link(record(1))
    let_others_run()
    town.store_fails = True

    town.job("save the peer table")
    [job] = [job for job in town.schedule.jobs() if job.name == "save the peer table"]
    town.store_fails = False
    town.job("save the peer table")

    assert job.last_error == "the disk is full"
    assert record(1).peer_id in town.saved


def test_peers_that_fell_out_of_the_table_are_forgotten(world):
    town = world(rows=[row(1, proved_at=0, last_seen_at=0, failures=3)], max_peers=1)
    town.start()

    town.links.link(record(2))
    town.job("maintain the peer table")
    town.discovery.save_table()

    assert town.forgotten == [record(1).peer_id]
    assert list(town.saved) == [record(2).peer_id]


# The end.


def test_after_a_stop_nobody_is_dialled_and_the_table_can_still_be_saved(world):
    town = world(rows=[row(1)])
    town.start()
    town.links.link(record(2))
    let_others_run()
    dials = len(town.links.dials)

    town.discovery.stop()
    town.discovery.received(record(2).peer_id, Peers((record(3),)))
    let_others_run()
    town.discovery.save_table()

    assert len(town.links.dials) == dials
    assert town.saved[record(2).peer_id].last_seen_at > 0


def test_a_node_that_never_began_can_be_stopped_and_saved(world):
    town = world()

    town.discovery.stop()
    town.discovery.save_table()

    assert town.saved == {}


def test_a_dial_that_ends_after_the_stop_is_nobodys_business(world):
    town = world(rows=[row(10)])
    town.links.doors.clear()
    town.start()
    wait_until(lambda: town.links.dials, "it is dialled", 5.0)

    town.discovery.stop()
    town.links.doors.set()
    let_others_run()

    assert town.discovery.members.get(record(10).peer_id).entry.failures == 0


def test_the_jobs_have_names_and_intervals(world):
    town = world()

    town.start()

    assert {job.name: job.interval_s for job in town.schedule.jobs()} == {
        "refresh the peer list": 900.0, "send feelers": 15.0, "maintain the peer table": 60.0, "save the peer table": 10.0,
    }  # fmt: skip
