"""What foreign clients of the Sorcha protocol can ask."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from service_parts import identity_of, record_of

from sorcha_peer_core.interfaces.service import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services import peer_api as module
from sorcha_peer_core.services.peer_api import NodePeerApi

PAYLOADS = {tx_hash_of(b"stored"): b"stored"}
OWN = record_of(identity_of(1), (Endpoint("rest", "192.0.2.1", 5002), Endpoint("grpc", "192.0.2.1", 5001)))
LINKED = [record_of(identity_of(number), (Endpoint("grpc", "192.0.2.9", number),)) for number in (2, 3)]


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1_800_000_000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.fixture
def api(clock):
    return NodePeerApi(
        own=lambda: OWN, linked=lambda: LINKED, load=PAYLOADS.get, is_known=PAYLOADS.__contains__, max_transaction_bytes=1000
    )


def client(name: str, **changes) -> RegisteredPeer:
    return RegisteredPeer(name, "198.51.100.7", 80, ["Rest"], 0, False, False, 1000)._replace(**changes)


def test_the_node_describes_itself_by_its_grpc_endpoint(api, clock):
    own = api.own()

    assert (own.peer_id, own.address, own.port) == (OWN.peer_id, "192.0.2.1", 5001)
    assert own.protocols == ["Rest", "GrpcStream", "Grpc"]
    assert own.last_seen_at == clock.now


def test_a_peer_without_a_grpc_endpoint_has_no_address():
    api = NodePeerApi(lambda: record_of(identity_of(1)), lambda: [], PAYLOADS.get, PAYLOADS.__contains__, 1)

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


@pytest.mark.parametrize("changes", [{"peer_id": ""}, {"address": ""}])
def test_a_registration_needs_a_name_and_an_address(api, changes):
    assert api.register(client("foreign", **changes)) == (False, "peer_id and address are needed")


@pytest.mark.parametrize(
    "changes", [{"peer_id": "x" * 256}, {"address": "x" * 256}, {"protocols": ["x" * 256]}, {"protocols": ["x"] * 17}]
)
def test_a_registration_of_unreasonable_size_is_refused(api, changes):
    done, why = api.register(client("foreign", **changes))

    assert not done
    assert "at most 255 characters" in why


def test_a_full_list_takes_nobody_new_until_somebody_goes(api, clock, monkeypatch):
    monkeypatch.setattr(module, "_MOST_REGISTERED", 2)
    api.register(client("a"))
    api.register(client("b"))

    assert api.register(client("c")) == (False, "the list of registered clients is full")
    assert api.register(client("a"))[0], "who is listed may register again"

    clock.now += 4000
    assert api.register(client("c"))[0]


def test_a_payload_is_given_by_its_name(api):
    assert api.payload(tx_hash_of(b"stored").hex().upper()) == b"stored"
    assert api.payload(tx_hash_of(b"other").hex()) is None


@pytest.mark.parametrize("name", ["", "xyz", "ab" * 31, "ab" * 33])
def test_something_that_is_no_hash_is_an_error(api, name):
    with pytest.raises(ValueError, match="is not a transaction hash"):
        api.payload(name)
    with pytest.raises(ValueError, match="is not a transaction hash"):
        api.notify(name, "foreign", 1)


def test_a_notification_is_answered_with_whether_it_is_known(api):
    assert api.notify(tx_hash_of(b"stored").hex(), "foreign", 6) == NotifyAnswer(True, False)
    assert api.notify(tx_hash_of(b"other").hex(), "foreign", 5) == NotifyAnswer(False, False)


def test_it_tells_where_the_node_listens(api):
    assert list(api.listening()) == list(OWN.endpoints)
