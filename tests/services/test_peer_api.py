"""What foreign clients of the Sorcha protocol can ask."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from service_parts import identity_of, record_of

from sorcha_peer_core.interfaces.peer_api import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services import peer_api as module
from sorcha_peer_core.services.peer_api import NodePeerApi
from sorcha_peer_core.services.registrations import Registrations

PAYLOADS = {tx_hash_of(b"stored"): b"stored"}
OWN = record_of(identity_of(1), (Endpoint("rest", "192.0.2.1", 5002), Endpoint("grpc", "192.0.2.1", 5001)))
LINKED = [record_of(identity_of(number), (Endpoint("grpc", "192.0.2.9", number),)) for number in (2, 3)]


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1_800_000_000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


class RecordedFetch:
    """Takes what it is told to take, and remembers it."""

    def __init__(self) -> None:
        self.takes = True
        self.taken = []
        self.prepared = []
        self.stopped = False

    def prepare(self, registration):
        self.prepared.append((registration.peer.peer_id, registration.caller))

    def take(self, tx_hash, offer):
        if self.takes:
            self.taken.append((tx_hash, offer.registration.peer.peer_id, offer.size_bytes, offer.register_id))
        return self.takes

    def stop(self):
        self.stopped = True


@pytest.fixture
def fetch():
    return RecordedFetch()


@pytest.fixture
def api(clock, fetch):
    return make_api(clock, fetch)


def make_api(clock, fetch, own=OWN, linked=LINKED):
    return NodePeerApi(
        own=lambda: own,
        linked=lambda: linked,
        load=PAYLOADS.get,
        is_known=PAYLOADS.__contains__,
        max_transaction_bytes=1000,
        fetch=fetch,
        registrations=Registrations(lambda: clock.now),
    )


def client(name: str, **changes) -> RegisteredPeer:
    return RegisteredPeer(name, "198.51.100.7", 80, ["Rest"], 0, False, False, 1000)._replace(**changes)


def test_the_node_describes_itself_by_its_grpc_endpoint(api, clock):
    own = api.own()

    assert (own.peer_id, own.address, own.port) == (OWN.peer_id, "192.0.2.1", 5001)
    assert own.protocols == ["Rest", "GrpcStream", "Grpc"]
    assert own.last_seen_at == clock.now


def test_a_peer_without_a_grpc_endpoint_has_no_address(clock, fetch):
    api = make_api(clock, fetch, own=record_of(identity_of(1)), linked=[])

    assert (api.own().address, api.own().port, api.own().protocols) == ("", 0, [])


def test_linked_peers_and_registered_clients_are_listed(api):
    api.register(client("foreign"))

    listed, total = api.peer_list("somebody", 0)

    assert [peer.peer_id for peer in listed] == [LINKED[0].peer_id, LINKED[1].peer_id, "foreign"]
    assert total == 3


def test_whoever_asks_is_not_told_of_itself(api):
    api.register(client("foreign"))

    assert [peer.peer_id for peer in api.peer_list("foreign", 0)[0]] == [record.peer_id for record in LINKED]


@pytest.mark.parametrize(("most", "listed"), [(1, 1), (0, 100), (-5, 100), (1 << 31, 100)])
def test_a_list_is_bounded_and_says_how_many_there_are(api, most, listed):
    for number in range(150):
        api.register(client(f"client {number}"))

    found, total = api.peer_list("", most)

    assert (len(found), total) == (listed, 152)


def test_a_registration_lasts_an_hour_and_a_ping_renews_it(api, clock):
    for name in ("quiet", "lively"):
        assert api.register(client(name)) == (True, "registered")
    clock.now += 3000
    api.ping("lively")
    api.ping("unknown")
    clock.now += 3000

    names = [peer.peer_id for peer in api.peer_list("", 0)[0]]

    assert "lively" in names
    assert "quiet" not in names
    assert "unknown" not in names


def test_the_time_of_a_registration_is_not_the_clients_word(api, clock):
    api.register(client("foreign", last_seen_at=9_999_999_999))

    assert api.peer_list("", 0)[0][-1].last_seen_at == clock.now


@pytest.mark.parametrize("peer_id", [OWN.peer_id, LINKED[0].peer_id])
def test_nobody_registers_under_the_id_of_a_node(api, peer_id):
    done, why = api.register(client(peer_id))

    assert not done
    assert "id of a node" in why


def test_a_registration_that_is_taken_is_dialled_back(api, fetch):
    api.register(client("foreign"), "198.51.100.7")
    api.register(client(""), "198.51.100.7")

    assert fetch.prepared == [("foreign", "198.51.100.7")]


def test_a_payload_is_given_by_its_name(api):
    assert api.payload(tx_hash_of(b"stored").hex().upper()) == b"stored"
    assert api.payload(tx_hash_of(b"other").hex()) is None


@pytest.mark.parametrize("name", ["", "xyz", "ab" * 31, "ab" * 33])
def test_something_that_is_no_hash_is_an_error(api, name):
    with pytest.raises(ValueError, match="is not a transaction hash"):
        api.payload(name)
    with pytest.raises(ValueError, match="is not a transaction hash"):
        api.notify(name, "foreign", 1)


def test_what_is_known_is_not_fetched(api, fetch):
    api.register(client("foreign"), "198.51.100.7")

    answer = api.notify(tx_hash_of(b"stored").hex(), "foreign", 6, caller="198.51.100.7")

    assert answer == NotifyAnswer(already_known=True, will_request=False)
    assert fetch.taken == []


def test_what_a_registered_client_notifies_is_fetched(api, fetch):
    api.register(client("foreign"), "198.51.100.7")

    answer = api.notify(tx_hash_of(b"other").hex(), "foreign", 5, register_id="r", caller="198.51.100.7")

    assert answer == NotifyAnswer(already_known=False, will_request=True)
    assert fetch.taken == [(tx_hash_of(b"other"), "foreign", 5, "r")]


def test_what_is_not_taken_is_answered_so(api, fetch):
    api.register(client("foreign"), "198.51.100.7")
    fetch.takes = False

    answer = api.notify(tx_hash_of(b"other").hex(), "foreign", 5, caller="198.51.100.7")

    assert answer == NotifyAnswer(already_known=False, will_request=False)


@pytest.mark.parametrize(("sender", "caller"), [("stranger", "198.51.100.7"), ("foreign", "198.51.100.8"), ("foreign", "")])
def test_nobody_notifies_in_the_name_of_another(api, fetch, sender, caller):
    api.register(client("foreign"), "198.51.100.7")

    answer = api.notify(tx_hash_of(b"other").hex(), sender, 5, caller=caller)

    assert answer == NotifyAnswer(already_known=False, will_request=False)
    assert fetch.taken == []


@pytest.mark.parametrize("register_id", ["x" * 65, "line\nbreak"])
def test_a_register_id_that_no_transaction_could_have_is_an_error(api, register_id):
    with pytest.raises(ValueError, match="register_id"):
        api.notify(tx_hash_of(b"other").hex(), "foreign", 5, register_id=register_id)


def test_a_stop_ends_the_fetches_and_tells_whoever_wants_to_know_once(api, fetch):
    told = []
    api.when_stopping(lambda: told.append("stopping"))

    api.stop()
    api.stop()

    assert fetch.stopped
    assert told == ["stopping"]


def test_it_tells_where_the_node_listens(api):
    assert list(api.listening()) == list(OWN.endpoints)
