"""Down the ladder and up again: what is tried, in which order, and what is held against whom. Nothing is dialled for real."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import pytest
from service_parts import identity_of, record_of

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, NotOffered, PeerUnreachable, TransportError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.services import dialling as module
from sorcha_peer_core.services.dialling import Dialling
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.session import EnoughLinks, HandshakeRefused
from sorcha_peer_core.testing.manual_clock import ManualClock

BOB, CAROL = identity_of(2), identity_of(3)
GRPC, REST, LAN = Endpoint("grpc", "192.0.2.1", 5001), Endpoint("rest", "192.0.2.1", 5002), Endpoint("grpc", "10.0.0.1", 5001)
PUBLIC = Endpoint("grpc", "8.8.8.8", 5001)
RESET_S = 300.0
DAY_S = 86_400.0


class World:
    """Who answers: ``meets`` has the failure of each transport, or of one address."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.events: list[object] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.meets: dict[object, Exception] = {}
        self.takes_s = 0.0
        self.called: list[tuple[str, Endpoint, int]] = []
        self.shares_s: list[float] = []
        """How much time each attempt was given."""
        self.own_hosts = ["192.168.1.7"]
        transports = [
            SimpleNamespace(name=name, schemes=(scheme,))
            for name, scheme in (("grpcstream", "grpc"), ("grpc", "grpc"), ("rest", "rest"))
        ]
        self.dialling = Dialling(
            transports, BreakerConfig(2, RESET_S), self.call, bus,
            timeout_s=30.0, own_hosts=lambda: self.own_hosts, clock=self.clock,
        )  # fmt: skip

    def call(self, transport, endpoint, expected, rung, share_s):
        self.called.append((transport.name, endpoint, rung))
        self.shares_s.append(share_s)
        self.clock.advance(min(self.takes_s, share_s))
        failure = self.meets.get(endpoint) or self.meets.get(transport.name)
        if failure is not None:
            raise failure
        return expected or BOB.peer_id

    def dial(self, *endpoints, expected=BOB.peer_id):
        """Returns the names of the transports that were tried; a dial that fails is fine."""
        before = len(self.called)
        with suppress(TransportError, HandshakeRefused):
            self.dialling.dial(endpoints or (GRPC, REST), expected)
        return [name for name, _, _ in self.called[before:]]

    def rung(self, name):
        return next(rung for rung in self.dialling.rungs(BOB.peer_id) if rung.transport == name)

    def breakers(self):
        return {rung.transport: rung.breaker for rung in self.dialling.rungs(BOB.peer_id)}


def linked_by(transport, endpoints=(GRPC, REST)):
    """Bob, over a link that uses this transport."""
    return SimpleNamespace(peer_id=BOB.peer_id, link=SimpleNamespace(transport=transport), record=record_of(BOB, endpoints))


@pytest.fixture
def world():
    return World()


def test_the_best_transport_is_enough_when_it_works(world):
    assert world.dialling.dial((GRPC, REST), BOB.peer_id) == BOB.peer_id

    assert world.called == [("grpcstream", GRPC, 0)]


@pytest.mark.parametrize("failure", [PeerUnreachable("refused"), LinkTimeout("late"), NotOffered("no"), LinkClosed("gone")])
def test_the_next_rung_is_tried_whatever_kept_the_one_above(world, failure):
    world.meets = {"grpcstream": failure, "grpc": failure}

    assert world.dialling.dial((GRPC, REST), BOB.peer_id) == BOB.peer_id

    assert world.called == [("grpcstream", GRPC, 0), ("grpc", GRPC, 1), ("rest", REST, 2)]


def test_addresses_are_tried_only_by_transports_that_can_dial_them(world):
    assert world.dial(REST) == ["rest"]


def test_when_nobody_reaches_the_peer_the_last_failure_is_the_reason(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": LinkTimeout("late"), "rest": PeerUnreachable("nobody is there")}

    with pytest.raises(PeerUnreachable, match="nobody is there"):
        world.dialling.dial((GRPC, REST), BOB.peer_id)


def test_a_peer_that_is_down_says_nothing_about_its_transports(world):
    world.meets = {"grpcstream": NotOffered("no"), "grpc": LinkTimeout("late"), "rest": PeerUnreachable("refused")}
    for _ in range(10):
        world.dial()

    assert {rung.last_error for rung in world.dialling.rungs(BOB.peer_id)} == {""}
    assert world.dial() == ["grpcstream", "grpc", "rest"]


def test_a_rung_is_blamed_when_another_reaches_the_peer(world):
    world.meets = {"grpcstream": LinkTimeout("no answer within 2 s")}

    world.dial()
    world.clock.advance(5.0)

    assert world.rung("grpcstream") == ("grpcstream", "closed", "no answer within 2 s", 5.0)
    assert world.rung("grpc").last_error == ""


def test_the_rung_that_worked_is_tried_first_the_next_time(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": LinkTimeout("late")}
    world.dial()

    assert world.dial() == ["rest"]


def test_what_is_known_of_one_peer_is_not_held_against_another(world):
    world.meets = {"grpcstream": LinkTimeout("late")}
    world.dial()
    world.meets = {}

    assert world.dial(expected=CAROL.peer_id) == ["grpcstream"]


def test_a_first_contact_teaches_something_about_whoever_answered(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": LinkTimeout("late")}

    world.dial(expected=None)

    assert world.rung("grpcstream").last_error == "late"
    assert world.dial() == ["rest"]


def open_the_stream(world):
    """Let the stream fail as often as its breaker takes; the remembered rung fails too, or the stream would not be tried."""
    world.meets = {"grpcstream": LinkTimeout("late")}
    world.dial()
    world.meets["grpc"] = LinkTimeout("late")
    world.dial()
    world.meets.pop("grpc")


def test_a_breaker_opens_at_the_threshold_and_half_opens_after_its_time(world):
    open_the_stream(world)
    states = [world.breakers()["grpcstream"]]
    for pause_s in (RESET_S - 1.0, 1.0):
        world.clock.advance(pause_s)
        states.append(world.breakers()["grpcstream"])

    assert states == ["open", "open", "half-open"]


def test_an_open_rung_is_not_dialled(world):
    open_the_stream(world)
    world.meets = {"grpc": LinkTimeout("late"), "rest": LinkTimeout("late")}

    assert "grpcstream" not in world.dial()


def test_a_half_open_rung_that_works_is_closed_again(world):
    open_the_stream(world)
    world.clock.advance(RESET_S)
    world.meets = {"grpc": LinkTimeout("late"), "rest": LinkTimeout("late")}

    assert world.dial()[-1] == "grpcstream"

    assert world.breakers()["grpcstream"] == "closed"


def test_a_half_open_rung_that_fails_is_open_again(world):
    open_the_stream(world)
    world.clock.advance(RESET_S)
    world.meets = {"rest": LinkTimeout("late"), "grpcstream": LinkTimeout("late")}

    assert world.dial() == ["rest", "grpcstream", "grpc"]

    assert world.breakers()["grpcstream"] == "open"


def test_with_every_rung_open_nothing_is_dialled(world):
    open_the_stream(world)
    for _ in range(2):
        world.dialling.fell_silent(linked_by("grpc"), "silent")
        world.dialling.fell_silent(linked_by("rest"), "silent")

    with pytest.raises(PeerUnreachable, match="no transport of this node can dial its addresses now"):
        world.dialling.dial((GRPC, REST), BOB.peer_id)


def test_a_transport_that_is_not_offered_rests_for_a_day(world):
    world.meets = {"grpcstream": NotOffered("UNIMPLEMENTED")}
    world.dial()

    states = []
    for pause_s in (0.0, DAY_S - 1.0, 1.0):
        world.clock.advance(pause_s)
        states.append(world.breakers()["grpcstream"])

    assert states == ["open", "open", "half-open"]


def test_a_stranger_at_one_address_who_offers_less_does_not_close_a_transport_for_a_day(world):
    world.meets = {LAN: NotOffered("a printer"), "grpcstream": LinkTimeout("late")}

    world.dial(LAN, GRPC, REST)

    assert world.breakers()["grpcstream"] == "closed"


def test_many_addresses_that_fail_are_one_failure(world):
    world.meets = {"grpcstream": LinkTimeout("late")}

    world.dial(LAN, GRPC, Endpoint("grpc", "10.0.0.2", 5001), REST)

    assert world.breakers()["grpcstream"] == "closed"


def test_a_transport_that_reaches_the_peer_at_its_second_address_is_not_blamed(world):
    world.meets = {LAN: LinkTimeout("late")}

    assert world.dial(LAN, GRPC) == ["grpcstream", "grpcstream"]

    assert world.rung("grpcstream").last_error == ""


def test_who_is_refused_at_an_address_does_not_knock_there_again(world):
    world.meets = {GRPC: HandshakeRefused("not allowed")}

    assert world.dial(GRPC) == ["grpcstream"]


def test_who_is_refused_at_an_address_tries_the_others(world):
    world.meets = {LAN: HandshakeRefused("somebody else answers there")}

    assert world.dialling.dial((LAN, GRPC), BOB.peer_id) == BOB.peer_id

    assert [endpoint for _, endpoint, _ in world.called] == [LAN, GRPC]


def test_a_dial_ends_when_its_time_is_over_and_every_transport_has_had_its_share(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": LinkTimeout("late")}
    world.takes_s = 10.0
    hosts = [Endpoint("grpc", f"192.0.2.{number}", 5001) for number in range(8)]

    with pytest.raises(LinkTimeout, match="late"):
        world.dialling.dial(hosts, BOB.peer_id)

    assert [name for name, _, _ in world.called] == ["grpcstream"] * 2 + ["grpc"] * 2
    assert world.clock() == pytest.approx(30.0)


def test_a_dial_may_have_less_time_than_others(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": LinkTimeout("late"), "rest": LinkTimeout("late")}
    world.takes_s = 10.0

    with pytest.raises(LinkTimeout, match="late"):
        world.dialling.dial((GRPC, REST), BOB.peer_id, timeout_s=3.0)

    assert world.clock() == pytest.approx(3.0)


def test_what_time_there_is_is_shared_by_the_transports_that_are_left(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": PeerUnreachable("refused")}
    world.takes_s = 0.5

    world.dialling.dial((GRPC, REST), BOB.peer_id, timeout_s=3.0)

    assert world.shares_s == pytest.approx([1.0, 1.25, 2.0])


def test_only_transports_that_can_dial_the_peer_share_the_time(world):
    world.dialling.dial((REST,), BOB.peer_id, timeout_s=3.0)

    assert world.shares_s == [3.0]


def test_a_peer_that_has_no_room_is_not_asked_over_another_transport(world):
    world.meets = {"grpcstream": EnoughLinks("full", record_of(BOB), (record_of(CAROL),))}

    with pytest.raises(EnoughLinks) as enough:
        world.dialling.dial((GRPC, REST), BOB.peer_id)

    assert [record.peer_id for record in enough.value.records] == [CAROL.peer_id]
    assert [name for name, _, _ in world.called] == ["grpcstream"]


def test_that_a_peer_has_no_room_says_who_answered_and_by_which_transport(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": EnoughLinks("full", record_of(BOB), ())}

    world.dial()

    assert world.rung("grpcstream").last_error == "late"
    assert world.dial() == ["grpc"]


def test_a_look_goes_down_the_ladder_and_teaches_nothing(world):
    world.meets = {"grpcstream": NotOffered("no")}
    looked = world.dialling.look((GRPC, REST), BOB.peer_id, world.call, 3.0)

    assert looked == BOB.peer_id
    assert [name for name, _, _ in world.called] == ["grpcstream", "grpc"]
    assert BOB.peer_id not in world.dialling._ladders
    assert world.dialling.errors == {("grpcstream", "NotOffered"): 1}
    assert world.events == []


def test_a_look_begins_with_what_worked_for_a_dial(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": LinkTimeout("late")}
    world.dial()
    world.called.clear()

    world.dialling.look((GRPC, REST), BOB.peer_id, world.call, 3.0)

    assert [name for name, _, _ in world.called] == ["rest"]


def test_local_addresses_of_a_peer_that_has_public_ones_are_tried_last(world):
    world.meets = dict.fromkeys((PUBLIC, LAN), LinkTimeout("late"))

    world.dial(LAN, PUBLIC)

    assert [endpoint for name, endpoint, _ in world.called if name == "grpcstream"] == [PUBLIC, LAN]


def test_local_addresses_are_not_tried_from_outside_of_local_networks(world):
    world.own_hosts = ["8.8.4.4"]

    world.dial(LAN, PUBLIC)
    world.meets = {PUBLIC: LinkTimeout("late")}
    world.dial(LAN, PUBLIC)

    assert {endpoint for _, endpoint, _ in world.called} == {PUBLIC}


def test_failed_dials_are_counted_and_told(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": NotOffered("no")}

    world.dial()

    assert world.dialling.errors == {("grpcstream", "LinkTimeout"): 1, ("grpc", "NotOffered"): 1}
    assert world.events == [e.DialFailed(str(GRPC), "grpcstream", "late"), e.DialFailed(str(GRPC), "grpc", "no")]


def test_what_shares_the_address_of_a_silent_link_is_passed_over_at_the_next_dial(world):
    world.dial()

    world.dialling.fell_silent(linked_by("grpcstream"), "no answer to 3 probes")

    assert world.dial() == ["rest"]
    assert [world.rung(name).last_error for name in ("grpcstream", "grpc", "rest")] == ["no answer to 3 probes"] * 2 + [""]


def test_a_link_of_a_transport_that_this_node_does_not_dial_may_fall_silent(world):
    world.dialling.fell_silent(linked_by("pigeon"), "silent")

    assert world.dial() == ["grpcstream"]


def test_a_climb_tries_only_what_is_above(world):
    world.meets = {"grpcstream": LinkTimeout("late")}

    assert world.dialling.climb(linked_by("rest")) is True

    assert [name for name, _, _ in world.called] == ["grpcstream", "grpc"]


def test_a_climb_that_fails_leaves_everything_as_it_was(world):
    world.meets = {"grpcstream": LinkTimeout("late"), "grpc": HandshakeRefused("no room")}
    world.dialling.fell_silent(linked_by("grpcstream"), "silent")

    assert world.dialling.climb(linked_by("rest")) is False

    assert world.rung("grpcstream").last_error == "silent"
    assert world.breakers()["grpcstream"] == "closed"


def test_a_climb_passes_over_what_is_not_offered(world):
    world.meets = {"grpcstream": NotOffered("UNIMPLEMENTED")}
    world.dial()
    world.called.clear()

    world.dialling.climb(linked_by("rest"))

    assert [name for name, _, _ in world.called] == ["grpc"]


@pytest.mark.parametrize(
    ("transport", "endpoints", "best"),
    [
        ("grpcstream", (GRPC, REST), True),
        ("grpc", (GRPC, REST), False),
        ("rest", (GRPC, REST), False),
        ("rest", (REST,), True),
        ("rest", (), True),
    ],
)
def test_nothing_is_better_where_the_peer_does_not_listen_for_it(world, transport, endpoints, best):
    assert world.dialling.is_best(linked_by(transport, endpoints)) is best


def test_to_look_at_a_peer_teaches_nothing(world):
    assert [rung.breaker for rung in world.dialling.rungs(CAROL.peer_id)] == ["closed"] * 3

    assert CAROL.peer_id not in world.dialling._ladders


def test_the_oldest_ladder_makes_room_for_a_new_one(world, monkeypatch):
    monkeypatch.setattr(module, "_MOST_LADDERS", 1)
    world.meets = {"grpcstream": LinkTimeout("late")}
    world.dial()

    world.dial(expected=CAROL.peer_id)

    assert list(world.dialling._ladders) == [CAROL.peer_id]
    assert world.rung("grpcstream").last_error == ""
