"""Finding peers and staying linked to them."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest
from service_parts import InlineThread, identities, let_others_run, record_of, wait_until

from sorcha_peer_core.config import PeerDiscoverySection
from sorcha_peer_core.errors import PeerUnreachable, StoreError
from sorcha_peer_core.model.messages import Goodbye, Peers, PeersRequest
from sorcha_peer_core.model.peer import Endpoint, PeerRow
from sorcha_peer_core.protocol.membership import Membership
from sorcha_peer_core.services import discovery as module
from sorcha_peer_core.services.discovery import Discovery, PeerTable
from sorcha_peer_core.services.session import DialledItself, HandshakeRefused
from sorcha_peer_core.services.supervisor import Supervisor

ME, *OTHERS = identities(12)


def address_of(number: int) -> Endpoint:
    return Endpoint("grpc", "town", number)


class FakeLinks:
    """A town in which some addresses answer. A dial that succeeds links at once."""

    network_id = "test"

    def __init__(self) -> None:
        self.at: dict[Endpoint, object] = {}
        self.own: set[Endpoint] = set()
        self.peers: dict[str, object] = {}
        self.dials: list[tuple[float, Endpoint]] = []
        self.sent: list[tuple[str, object]] = []
        self.told: list[tuple[object, tuple[str, ...]]] = []
        self.heard_of: list[object] = []
        self.linked = lambda peer: None
        self.unlinked = lambda peer_id: None

    def is_own(self, endpoint):
        return endpoint in self.own

    def dial(self, endpoints, expected):
        self.dials += [(time.monotonic(), endpoint) for endpoint in endpoints]
        for endpoint in endpoints:
            found = self.at.get(endpoint)
            if isinstance(found, Exception):
                raise found
            if found is not None:
                self.link(found)
                return found.peer_id
        raise PeerUnreachable("nobody answers")

    def link(self, record):
        self.peers[record.peer_id] = SimpleNamespace(peer_id=record.peer_id, record=record)
        self.linked(self.peers[record.peer_id])

    def unlink(self, peer_id):
        del self.peers[peer_id]
        self.unlinked(peer_id)

    def send(self, peer_id, message):
        self.sent.append((peer_id, message))

    def learned(self, records):
        self.heard_of = [*self.heard_of, *records]

    def broadcast(self, message, but=()):
        self.told.append((message, tuple(but)))

    def dials_to(self, endpoint):
        return [at for at, where in self.dials if where == endpoint]


class World:
    def __init__(self, bootstrap=(), *, links_wanted=lambda known: 32, rows=(), **config) -> None:
        self.links = FakeLinks()
        self.supervisor = Supervisor()
        self.thread = InlineThread()
        self.saved: dict[str, PeerRow] = {}
        self.forgotten: list[str] = []
        self.store_fails = False
        bootstrap_nodes = [str(address_of(number)) for number in bootstrap]
        section = PeerDiscoverySection.model_validate({"bootstrap_nodes": bootstrap_nodes, **config})
        self.membership = Membership(
            ME.peer_id, Random(1), most=section.max_peers_in_list, failure_threshold=3, retry_most_s=section.retry_interval_s
        )
        self.discovery = Discovery(
            section, self.membership, self.links, self.supervisor, self.thread,
            links_wanted=links_wanted, table=PeerTable(self._save, self.forgotten.extend), rng=Random(2),
        )  # fmt: skip
        self.links.linked, self.links.unlinked = self.discovery.linked, self.discovery.unlinked
        self.discovery.restore(list(rows))

    def _save(self, rows):
        if self.store_fails:
            raise StoreError("the disk is full")
        self.saved.update({row.record.peer_id: row for row in rows})


@pytest.fixture
def world():
    worlds = []

    def make(*args, **kwargs):
        worlds.append(World(*args, **kwargs))
        return worlds[-1]

    yield make
    for each in worlds:
        each.discovery.stop()
        each.supervisor.stop(0.5)
        assert each.supervisor.failed == []


def record(number: int, *, seq: int = 1, network_id: str = "test"):
    return record_of(OTHERS[number], (address_of(number),), seq=seq, network_id=network_id)


def test_a_bootstrap_node_is_dialled_and_asked_whom_it_knows(world):
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = record(1)

    town.discovery.start()

    wait_until(lambda: town.links.peers, "it is linked")
    assert town.links.sent == [(record(1).peer_id, PeersRequest(1000))]
    wait_until(lambda: town.discovery.is_bootstrap(record(1).peer_id), "it is known as a first contact")
    assert town.links.told == [(Peers((record(1),)), (record(1).peer_id,))]


def test_a_bootstrap_node_that_does_not_answer_is_tried_again_with_growing_pauses_and_told_once(world, monkeypatch, caplog):
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.02)
    town = world(bootstrap=[1])

    town.discovery.start()
    wait_until(lambda: len(town.links.dials) == 4, "four dials")
    town.links.at[address_of(1)] = record(1)

    wait_until(lambda: town.links.peers, "it is linked in the end")
    pauses = [later - at for (at, _), (later, _) in zip(town.links.dials, town.links.dials[1:], strict=False)]
    assert [pause > least for pause, least in zip(pauses, (0.01, 0.02, 0.04), strict=False)] == [True] * 3
    assert caplog.text.count("the bootstrap node grpc://town:1 does not answer (nobody answers); trying again until it does") == 1


def test_a_bootstrap_node_that_refuses_is_tried_again_too(world, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.005)
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = HandshakeRefused("no room")

    town.discovery.start()

    wait_until(lambda: len(town.links.dials) == 3, "three dials")


def test_a_bootstrap_entry_that_is_this_node_itself_is_left_alone(world, monkeypatch, caplog):
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.001)
    town = world(bootstrap=[1])
    town.links.own.add(address_of(1))
    town.links.at[address_of(1)] = HandshakeRefused("it is this node itself")

    town.discovery.start()

    wait_until(lambda: town.links.dials, "it is dialled once")
    let_others_run(50)
    assert len(town.links.dials) == 1
    assert "does not answer" not in caplog.text


def test_a_bootstrap_entry_that_names_this_node_otherwise_is_left_alone_once_it_answers(world, monkeypatch):
    """The same list on all nodes, with names where a node only knows its numbers."""
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.001)
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = DialledItself()

    town.discovery.start()

    wait_until(lambda: town.links.dials, "it is dialled once")
    let_others_run(50)
    assert len(town.links.dials) == 1


def test_first_contacts_are_dialled_again_when_nobody_is_left(world, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.005)
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = record(1)
    town.discovery.start()
    wait_until(lambda: town.links.peers, "it is linked")
    town.links.at[address_of(1)] = record(2)

    town.links.unlink(record(1).peer_id)

    wait_until(lambda: record(2).peer_id in town.links.peers, "whoever answers there now is linked")


def test_a_first_contact_is_not_dialled_again_while_somebody_is_linked(world, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.001)
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = record(1)
    town.discovery.start()
    wait_until(lambda: town.links.peers, "it is linked")

    town.links.link(record(2))
    town.links.unlink(record(1).peer_id)
    let_others_run()

    assert len(town.links.dials_to(address_of(1))) == 1


def test_peers_that_others_know_are_dialled(world):
    town = world()
    town.links.at[address_of(3)] = record(3)
    town.discovery.start()
    town.links.link(record(1))

    town.discovery.received(record(1).peer_id, Peers((record(3),)))

    wait_until(lambda: record(3).peer_id in town.links.peers, "it is linked")
    assert (Peers((record(3),)), (record(1).peer_id,)) in town.links.told, "others hear of it, but not who said it"
    assert town.discovery.last_discovery_at is not None


FOREIGN = [
    (replace(record(3), signature=bytes(64)), "signature"),
    (record(3, network_id="other"), "network"),
    (record_of(ME, (address_of(3),)), "own"),
]


@pytest.mark.parametrize("hearsay", [found for found, _ in FOREIGN], ids=[name for _, name in FOREIGN])
def test_records_that_are_not_genuine_foreign_or_its_own_are_ignored(world, hearsay):
    town = world()
    town.discovery.start()

    town.discovery.received(record(1).peer_id, Peers((hearsay,)))
    let_others_run()

    assert len(town.membership) == 0
    assert town.links.told == []
    assert town.links.dials == []


def test_what_is_known_already_is_neither_checked_nor_passed_on(world):
    town = world()
    town.discovery.received(record(1).peer_id, Peers((record(3),)))
    let_others_run()
    told, calls = len(town.links.told), town.thread.calls

    town.discovery.received(record(2).peer_id, Peers((record(3),)))
    let_others_run()

    assert (len(town.links.told), town.thread.calls) == (told, calls)


def test_records_beyond_what_a_list_holds_are_not_checked(world, monkeypatch):
    checked = []
    monkeypatch.setattr(module, "is_genuine", lambda found: checked.append(found) or False)
    town = world(max_peers_in_list=5)

    for number in range(2, 10):
        town.discovery.received(record(1).peer_id, Peers((record(number),)))
    let_others_run()
    assert len(checked) == 5

    town.discovery.received(record(1).peer_id, Peers((record(9),)))
    let_others_run()
    assert len(checked) == 6, "there is room again when they are done"


def test_who_asks_is_told_whom_this_node_knows_and_not_of_itself(world):
    town = world()
    for number in (1, 2, 3):
        town.links.link(record(number))
    town.links.sent.clear()

    town.discovery.received(record(1).peer_id, PeersRequest(100))

    [(to, answer)] = town.links.sent
    assert to == record(1).peer_id
    assert {found.peer_id for found in answer.records} == {record(2).peer_id, record(3).peer_id}


def test_a_list_travels_in_frames_of_a_bounded_size(world, monkeypatch):
    monkeypatch.setattr(module, "_RECORDS_PER_FRAME", 2)
    town = world()
    for number in range(6):
        town.links.link(record(number))
    town.links.sent.clear()

    town.discovery.received(record(0).peer_id, PeersRequest(100))

    assert [len(answer.records) for _, answer in town.links.sent] == [2, 2, 1]


def test_a_flood_of_questions_is_answered_once(world):
    town = world()
    town.links.link(record(1))
    town.links.link(record(2))
    town.links.sent.clear()

    for _ in range(1000):
        town.discovery.received(record(1).peer_id, PeersRequest(100))

    assert len(town.links.sent) == 1


def test_a_goodbye_is_noted(world, caplog):
    caplog.set_level("INFO")

    world().discovery.received(record(1).peer_id, Goodbye("maintenance"))

    assert f"peer {record(1).peer_id[:8]} says goodbye: maintenance" in caplog.text


def test_a_restored_table_is_enough_to_link_again(world):
    town = world(rows=[PeerRow(record(number), 100, 200) for number in (1, 2)])
    for number in (1, 2):
        town.links.at[address_of(number)] = record(number)

    town.discovery.start()

    wait_until(lambda: len(town.links.peers) == 2, "both are linked")
    assert town.discovery.last_seen_at(record(1).peer_id) > 200


def test_no_more_are_dialled_than_the_strategy_wants(world):
    town = world(rows=[PeerRow(record(number), 100, 200) for number in range(8)], links_wanted=lambda known: 3)
    for number in range(8):
        town.links.at[address_of(number)] = record(number)

    town.discovery.start()

    wait_until(lambda: len(town.links.peers) == 3, "three are linked")
    let_others_run()
    assert len(town.links.dials) == 3


def test_peers_that_are_not_needed_cost_no_busy_waiting(world):
    wanted = []
    town = world(
        rows=[PeerRow(record(number), 100, 200) for number in range(8)], links_wanted=lambda known: wanted.append(known) or 3
    )
    for number in range(8):
        town.links.at[address_of(number)] = record(number)
    town.discovery.start()
    wait_until(lambda: len(town.links.peers) == 3, "three are linked")
    let_others_run()
    looked = len(wanted)

    assert town.discovery._pause_s(time.monotonic()) > 1.0
    let_others_run(100)
    assert len(wanted) == looked


def test_another_is_dialled_when_one_is_lost(world):
    town = world(rows=[PeerRow(record(number), 100, 200) for number in range(4)], links_wanted=lambda known: 3)
    for number in range(4):
        town.links.at[address_of(number)] = record(number)
    town.discovery.start()
    wait_until(lambda: len(town.links.peers) == 3, "three are linked")

    town.links.unlink(next(iter(town.links.peers)))

    wait_until(lambda: len(town.links.peers) == 3 and len(town.links.dials) == 4, "the fourth is linked")


def test_what_changed_is_saved_with_what_this_node_has_seen(world):
    town = world(bootstrap=[1])
    town.links.at[address_of(1)] = record(1)
    town.discovery.start()
    wait_until(lambda: town.discovery.is_bootstrap(record(1).peer_id), "it is linked")

    town.discovery.save_table()

    row = town.saved[record(1).peer_id]
    assert (row.record, row.failures, row.is_bootstrap) == (record(1), 0, True)
    assert abs(row.last_seen_at - time.time()) < 5
    town.saved.clear()
    town.discovery.save_table()
    assert town.saved == {}, "nothing changed since"


def test_hearsay_alone_is_no_contact(world):
    town = world()
    town.discovery.received(record(1).peer_id, Peers((record(3),)))
    let_others_run()

    town.discovery.save_table()

    assert town.saved[record(3).peer_id].last_seen_at == 0


def test_a_table_that_could_not_be_saved_is_saved_next_time(world, caplog):
    town = world()
    town.links.link(record(1))
    town.store_fails = True
    town.discovery.save_table()
    assert "the peer table was not saved: the disk is full" in caplog.text

    town.store_fails = False
    town.discovery.save_table()

    assert record(1).peer_id in town.saved


def test_peers_that_fell_out_of_the_list_are_forgotten(world):
    town = world(rows=[PeerRow(record(1), 100, 200)], max_peers_in_list=1)
    for _ in range(3):
        town.membership.dial_failed(record(1).peer_id, time.monotonic())
    town.discovery.received(record(5).peer_id, Peers((record(2),)))
    let_others_run()

    town.discovery.save_table()

    assert town.forgotten == [record(1).peer_id]
    assert list(town.saved) == [record(2).peer_id]
    assert town.discovery.last_seen_at(record(1).peer_id) == 0


def test_a_refresh_asks_every_linked_peer(world):
    town = world()

    town.discovery.refresh()

    assert town.links.told == [(PeersRequest(1000), ())]


def test_after_a_stop_nobody_is_dialled(world):
    town = world()
    town.discovery.start()
    let_others_run()

    town.discovery.stop()
    town.discovery.received(record(1).peer_id, Peers((record(3),)))
    let_others_run()

    assert town.links.dials == []
