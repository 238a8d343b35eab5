"""Looks and goodbyes over every real transport, encrypted: what they show is true, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from time import monotonic

import gevent
import pytest
from far_relay import far_away
from fuzz_parts import Footprint
from link_parts import Side, wait_until_linked
from service_parts import NETWORK_ID, identities, identity_of, record_of, wait_until
from tls_worlds import TRANSPORTS

from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.model.messages import Farewell
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.session import EnoughLinks, HandshakeRefused
from sorcha_peer_core.services.tls.modes import open_network
from sorcha_peer_core.testing.transport_suite import transport_context

ONE_WAY_S = 0.06
OTHERS = [record_of(identity_of(number)) for number in range(100, 160)]

MakeSide = Callable[..., Side]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The name of a transport that is installed."""
    name: str = request.param
    pytest.importorskip(f"sorcha_transport_{name}")
    return name


@pytest.fixture
def real_side(transport: str, tmp_path: Path) -> Iterator[MakeSide]:
    """Makes the links of a node that speaks the transport, in mode open."""
    sides: list[Side] = []

    def make(number: int, host: str = "127.0.0.1", **changes: object) -> Side:
        identity = identities(9)[number]
        protection = open_network(tmp_path / str(number), NETWORK_ID, identity.peer_id)
        assert protection.credentials is not None
        at = f"[{host}]" if ":" in host else host
        settings = {"listen": f"{at}:0"} if transport == "rest" else {}
        context = transport_context(host=host, settings=settings, credentials=protection.credentials)
        made = import_module(f"sorcha_transport_{transport}.plugin").peer_transports()[0].build(context)
        keys = protection.credentials.tls_keys
        sides.append(Side(None, identity, transports=[made], trust=protection.trust, tls_keys=keys, **changes))
        return sides[-1]

    yield make
    gevent.joinall([gevent.spawn(side.stop) for side in sides], raise_error=True)
    assert [side.supervisor.failed for side in sides] == [[] for _ in sides]


def reached_at(side: Side, host: str) -> Endpoint:
    return side.endpoint._replace(host=host)


def test_a_look_shows_who_is_there_and_whom_it_knows(real_side: MakeSide):
    alice, bob = real_side(0), real_side(1)
    bob.links.newcomers = lambda: OTHERS

    looked = alice.look(bob, ask=50)

    assert looked.record == bob.record
    assert looked.records == tuple(OTHERS[:50])
    assert 0 < looked.rtt_s < 1.0


def test_many_looks_leave_nothing_behind(real_side: MakeSide):
    alice, bob = real_side(0), real_side(1)
    bob.links.newcomers = lambda: OTHERS

    def look_around() -> None:
        gevent.joinall([gevent.spawn(alice.look, bob, ask=5) for _ in range(4)], raise_error=True)

    look_around()
    wait_until(lambda: not alice.sessions and not bob.sessions, "the first are over")
    gevent.sleep(0.6)
    footprint = Footprint()
    for _ in range(6):
        look_around()

    wait_until(lambda: not alice.sessions and not bob.sessions, "all are over")
    wait_until(lambda: footprint.grown(4, 48 << 20) == "", "everything is gone", 10.0)
    assert (alice.driver.ups, bob.driver.ups, alice.events, bob.events) == (0, 0, [], [])


def test_the_round_trip_of_a_look_is_that_of_the_network_whatever_the_transport_does(real_side: MakeSide):
    alice, bob = real_side(0), real_side(1)
    alice.links._reaching._rung_timeout_s = lambda: 5.0

    rtts_s = []
    with far_away((bob.endpoint.host, bob.endpoint.port), ONE_WAY_S) as (_, port):
        seen_from_afar = bob.endpoint._replace(port=port)
        # A machine that is busy makes one of them longer; that each of them is makes it the transport.
        while len(rtts_s) < 5 and min(rtts_s, default=1.0) > 3 * ONE_WAY_S:
            rtts_s.append(alice.links.look([seen_from_afar], bob.peer_id, timeout_s=10.0).rtt_s)

    assert 2 * ONE_WAY_S <= min(rtts_s) < 3 * ONE_WAY_S


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_side_hears_the_address_that_the_other_sees(real_side: MakeSide, host: str):
    alice, bob = real_side(0, host="127.0.0.1"), real_side(1, host="::")

    looked = alice.links.look([reached_at(bob, host)], bob.peer_id, timeout_s=5.0)

    assert looked.observed_host == host
    assert alice.observed == [(bob.peer_id, host, True)]
    assert bob.observed == [(alice.peer_id, host, False)]


def test_a_newcomer_at_a_full_node_is_told_of_others(real_side: MakeSide):
    alice, bob, carol = real_side(0), real_side(1, max_connections=1), real_side(2)
    bob.links.newcomers = lambda: OTHERS
    alice.dial(bob, expected=bob.peer_id)
    wait_until_linked(alice, bob)

    with pytest.raises(EnoughLinks) as enough:
        carol.dial(bob, expected=bob.peer_id)

    assert enough.value.records == tuple(OTHERS[:50])
    assert enough.value.farewell is Farewell.ENOUGH
    wait_until(lambda: not carol.sessions and len(bob.sessions) == 1, "nothing stays behind")


def test_who_was_promised_a_link_and_comes_too_late_is_told_so(real_side: MakeSide):
    """It is unlinked, or refused where a transport closes before the dialler knows that its proof has arrived."""
    alice, bob, carol = real_side(0), real_side(1, max_connections=1), real_side(2)
    alice.dial(bob, expected=bob.peer_id)
    wait_until_linked(alice, bob)
    bob.links._handshakes._admits = lambda peer_id: True

    try:
        carol.dial(bob, expected=bob.peer_id)
        wait_until(lambda: carol.unlinked, "she is told")
        farewells = [farewell for _, farewell in carol.unlinked]
    except HandshakeRefused as refused:
        farewells = [refused.farewell]

    assert farewells == [Farewell.ENOUGH]
    assert list(bob.links.peers) == [alice.peer_id]


@pytest.mark.parametrize("dialler_leaves", [True, False])
def test_a_farewell_arrives_behind_what_was_sent_before(real_side: MakeSide, dialler_leaves: bool):
    alice, bob = real_side(0), real_side(1)
    alice.dial(bob, expected=bob.peer_id)
    wait_until_linked(alice, bob)
    leaver, left = (alice, bob) if dialler_leaves else (bob, alice)
    numbers = list(range(2000))

    leaver.say(left, *numbers)
    leaver.links.hang_up(left.peer_id, "enough of it", Farewell.ENOUGH)

    wait_until(lambda: left.unlinked and leaver.unlinked, "both are unlinked")
    assert left.pings == numbers
    assert left.unlinked == [(leaver.peer_id, Farewell.ENOUGH)]


def test_a_node_that_stops_says_so(real_side: MakeSide):
    alice, bob = real_side(0), real_side(1)
    alice.dial(bob, expected=bob.peer_id)
    wait_until_linked(alice, bob)

    bob.links.stop(2.0)

    wait_until(lambda: alice.unlinked, "it is told")
    assert alice.unlinked == [(bob.peer_id, Farewell.STOPPING)]


@pytest.mark.parametrize("host", ["255.255.255.255", "ff0e::1"])
def test_an_address_to_which_there_is_no_way_costs_no_time(real_side: MakeSide, host: str):
    """As one of a family that this machine does not have."""
    alice = real_side(0)
    begin_s = monotonic()

    with pytest.raises(PeerUnreachable):
        alice.links.look([reached_at(alice, host)._replace(port=5001)], None, timeout_s=10.0)

    assert monotonic() - begin_s < 5.0
