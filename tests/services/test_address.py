"""Where a node tells others to find it, and when it tells something else."""

from __future__ import annotations

import gevent
import pytest
from address_parts import EVERYWHERE, GLOBAL, HOME, OTHER_GLOBAL, Says, Tells, World
from gevent.event import Event as Signal
from service_parts import let_others_run

from sorcha_peer_core.model.events import AddressChanged, PeerLinked
from sorcha_peer_core.model.hosts import Scope
from sorcha_peer_core.model.messages import Peers
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.protocol.reachability import Verdict

OUTSIDE = EVERYWHERE._replace(host=GLOBAL)


@pytest.fixture
def world():
    worlds = []

    def make(*sources: Says, listening=(EVERYWHERE,), **changes) -> World:
        worlds.append(World(*sources, **changes))
        worlds[-1].service.start(listening)
        return worlds[-1]

    yield make
    for each in worlds:
        each.stop()


def prove(world: World, endpoint: Endpoint = OUTSIDE) -> None:
    world.service.proofs.checked(endpoint, Verdict(Scope.GLOBAL, {}, 2), world.clock())
    world.service.checked()


def see(world: World, host: str, *peers: str) -> None:
    for number, peer in enumerate(peers):
        world.links.link(peer, f"{20 + number}.1.1.1")
        world.service.observed(peer, host, outbound=True)


# At the start.


def test_what_is_certain_is_in_the_record_before_the_slow_sources_are_asked(world):
    stun = Says("stun", GLOBAL)
    home = world(Says("manual"), Says("interface", HOME), stun)

    assert (home.told, stun.asked) == ([HOME], 0)
    let_others_run()
    assert (home.told, stun.asked) == ([HOME], 1)
    assert home.links.told == [Peers((home.own.record,))]
    assert home.events == []


def test_a_node_does_not_wait_for_a_source_that_hangs(world):
    never = Signal()
    stun = Says("stun")
    stun.resolve = never.wait  # type: ignore[method-assign,assignment]  # it does not come to an answer
    http = Says("http", GLOBAL)

    home = world(Says("interface", HOME), stun, http)
    let_others_run()

    assert home.told == [HOME]
    home.stop()


def test_http_is_asked_only_when_stun_says_nothing(world):
    for stun, asked in ((Says("stun", GLOBAL), 0), (Says("stun"), 1), (Says("stun", error=OSError("no network")), 1)):
        http = Says("http", GLOBAL)
        home = world(Says("interface", HOME), stun, http)
        let_others_run()

        assert http.asked == asked
        assert [candidate.endpoint.host for candidate in home.service.candidates] == [GLOBAL, HOME]


def test_a_node_with_an_address_of_its_own_asks_nobody(world):
    stun = Says("stun", OTHER_GLOBAL)
    server = world(Says("interface", GLOBAL), stun)
    let_others_run()

    assert (server.told, stun.asked) == ([GLOBAL], 0)
    assert server.service.findings()["stun"] == {"not_asked": "there was nothing left to find"}


@pytest.mark.parametrize(("prefers_ipv6", "told"), [(False, [GLOBAL, "2a00:1450::5"]), (True, ["2a00:1450::5", GLOBAL])])
def test_the_preferred_family_comes_first(world, prefers_ipv6, told):
    assert world(Says("interface", GLOBAL, "2a00:1450::5"), prefers_ipv6=prefers_ipv6).told == told


def test_a_node_that_only_dials_tells_no_address(world):
    dialler = world(Says("manual", "node.example"), Says("interface", GLOBAL), listening=())
    let_others_run()

    assert (dialler.told, dialler.service.external, dialler.service.views()) == ([], "", [])


# When something changes.


def test_an_address_that_a_peer_reached_is_told_with_a_higher_seq(world):
    home = world(Says("interface", HOME), Says("stun", GLOBAL))
    let_others_run()
    before = home.own.record

    prove(home)

    assert home.told == [GLOBAL, HOME]
    assert home.own.record.seq > before.seq
    assert home.links.told == [Peers((before,)), Peers((home.own.record,))]
    assert home.events == [AddressChanged((f"grpc://{GLOBAL}:5001", f"grpc://{HOME}:5001"), "peers dialled back")]


def test_a_check_that_finds_nothing_new_tells_nothing(world):
    home = world(Says("interface", HOME), Says("stun", GLOBAL))
    let_others_run()
    prove(home)
    told = list(home.links.told)

    prove(home)

    assert (home.links.told, len(home.events)) == (told, 1)


def test_a_global_address_that_two_peers_do_not_reach_is_told_no_more_until_one_does(world):
    server = world(Says("interface", GLOBAL))

    server.service.proofs.checked(OUTSIDE, Verdict(None, {"a": "no answer", "b": "no answer"}, 2), 0.0)
    server.service.checked()
    without = server.told
    prove(server)

    assert (without, server.told) == ([], [GLOBAL])


def test_a_laptop_that_changes_networks_forgets_where_it_was_and_searches_anew(world):
    interface, stun = Says("interface", HOME, "127.0.0.1"), Says("stun", GLOBAL)
    laptop = world(interface, stun)
    let_others_run()
    prove(laptop)
    changes = []
    laptop.service.on_candidates = lambda: changes.append(laptop.service.candidates)

    interface.hosts, stun.hosts = ["10.0.0.7", "127.0.0.1"], [OTHER_GLOBAL]
    laptop.service.look_at_interfaces()
    at_once = laptop.told
    let_others_run()

    assert at_once == laptop.told == ["10.0.0.7", "127.0.0.1"]
    assert [candidate.endpoint.host for candidate in changes[-1]] == [OTHER_GLOBAL, "10.0.0.7", "127.0.0.1"]
    assert stun.asked == 2


def test_another_interface_is_told_and_nothing_is_forgotten(world):
    interface, stun = Says("interface", HOME), Says("stun", GLOBAL)
    home = world(interface, stun)
    let_others_run()
    prove(home)

    interface.hosts.append("172.17.0.1")
    home.service.look_at_interfaces()

    assert home.told == [GLOBAL, HOME, "172.17.0.1"]


def test_whoever_dials_hears_that_the_machine_is_in_another_network(world):
    interface, moves = Says("interface", HOME), []
    home = world(interface)
    home.service.on_moved = lambda: moves.append(1)

    home.service.look_at_interfaces()
    assert moves == []
    interface.hosts.append("172.17.0.1")
    home.service.look_at_interfaces()

    assert moves == [1]


def test_interfaces_that_stay_or_cannot_be_read_change_nothing(world):
    interface, stun = Says("interface", HOME), Says("stun", GLOBAL)
    home = world(interface, stun)
    let_others_run()

    home.service.look_at_interfaces()
    interface.error = OSError("not now")
    home.service.look_at_interfaces()
    let_others_run()

    assert (home.told, stun.asked, home.events) == ([HOME], 1, [])


def test_an_answer_of_the_network_before_is_not_believed(world):
    interface, stun = Says("interface", HOME), Says("stun", OTHER_GLOBAL)
    answered = Signal()
    real = stun.resolve

    def slowly() -> list[str]:
        first = real()
        if stun.asked == 1:
            answered.wait()
            return [GLOBAL]
        return first

    stun.resolve = slowly  # type: ignore[method-assign]  # the first answer comes late
    laptop = world(interface, stun)
    let_others_run()
    history = []
    laptop.service.on_candidates = lambda: history.append([c.endpoint.host for c in laptop.service.candidates])

    interface.hosts = ["10.0.0.7"]
    laptop.service.look_at_interfaces()
    answered.set()
    let_others_run()

    assert history == [["10.0.0.7"], [OTHER_GLOBAL, "10.0.0.7"]]


def test_without_the_source_nobody_looks_at_interfaces(world):
    node = world(Says("manual", "node.example"))

    node.service.look_at_interfaces()

    assert node.told == ["node.example"]


def test_the_record_is_signed_anew_as_a_sign_of_life(world):
    home = world(Says("interface", HOME))
    before = home.own.record

    home.service.renew()

    assert home.own.record.seq > before.seq
    assert home.own.record.endpoints == before.endpoints
    assert home.links.told[-1] == Peers((home.own.record,))


# What peers see.


def test_three_peers_make_a_candidate(world):
    home = world(Says("interface", HOME))
    changed = []
    home.service.on_candidates = lambda: changed.append(True)

    see(home, GLOBAL, "a", "b")
    two = [candidate.endpoint.host for candidate in home.service.candidates]
    see(home, GLOBAL, "c")

    assert two == [HOME]
    assert [candidate[:2] for candidate in home.service.candidates] == [
        (OUTSIDE, "peers"),
        (EVERYWHERE._replace(host=HOME), "interface"),
    ]
    assert (changed, home.told) == ([True], [HOME])
    assert home.service.findings()["peers"] == {GLOBAL: "3"}


def test_peers_behind_one_address_have_one_voice(world):
    home = world(Says("interface", HOME))
    for peer, host in (("a", "7.7.7.7"), ("b", "7.7.8.8"), ("c", "7.7.9.9"), ("d", "6.6.6.6")):
        home.links.link(peer, host)
        home.service.observed(peer, OTHER_GLOBAL if host.startswith("7.7") else GLOBAL, outbound=True)

    assert [candidate.source for candidate in home.service.candidates] == ["interface"]


def test_what_a_peer_says_before_it_is_linked_counts_once_it_is(world):
    home = world(Says("interface", HOME))

    home.service.observed("a", GLOBAL, outbound=True)
    before = home.service.seen_by("a")
    home.links.link("a")
    home.service.happened(PeerLinked("a", "grpc", True, "grpc://7.7.7.7:5001"))

    assert (before, home.service.seen_by("a")) == (None, GLOBAL)


def test_whoever_only_looks_has_no_vote_and_is_soon_forgotten(world):
    home = world(Says("interface", HOME))
    for number in range(100):
        home.service.observed(f"looker {number}", GLOBAL, outbound=False)

    for number in range(100):
        home.links.link(f"looker {number}", f"{number + 1}.2.3.4")
        home.service.happened(PeerLinked(f"looker {number}", "grpc", False, ""))

    assert home.service.findings()["peers"] == {GLOBAL: "64"}


def test_a_peer_that_sees_the_node_elsewhere_is_a_reason_to_search_but_not_all_the_time(world):
    stun = Says("stun", GLOBAL)
    home = world(Says("interface", HOME), stun)
    let_others_run()

    for passed_s in (10.0, 10.0, 50.0, 10.0):
        home.clock.advance(passed_s)
        see(home, OTHER_GLOBAL, "a")
        let_others_run()

    assert stun.asked == 2


def test_a_peer_that_sees_it_where_it_is_is_none(world):
    stun = Says("stun", GLOBAL)
    home = world(Says("interface", HOME), stun)
    let_others_run()
    home.clock.advance(1000.0)

    see(home, GLOBAL, "a")
    see(home, HOME, "b")
    let_others_run()

    assert stun.asked == 1


def test_a_search_that_is_asked_for_twice_runs_once(world):
    stun = Says("stun", GLOBAL)
    home = world(Says("interface", HOME), stun)
    let_others_run()

    home.service.search()
    home.service.search()
    let_others_run()

    assert stun.asked == 2


# For people.


def test_the_external_address_is_the_best_that_is_proved(world):
    home = world(Says("interface", HOME), Says("stun", GLOBAL))
    let_others_run()
    nothing = home.service.external

    prove(home, EVERYWHERE._replace(host=HOME))
    near = home.service.external
    prove(home)

    assert (nothing, near, home.service.external) == ("", f"{HOME}:5001", f"{GLOBAL}:5001")


def test_a_proof_next_door_is_worth_less_than_the_operators_word(world):
    server = world(Says("manual", "node.example"), Says("interface", HOME))

    prove(server, EVERYWHERE._replace(host=HOME))

    assert server.service.external == "node.example:5001"


def test_what_is_kept_back_is_not_shown_as_the_external_address(world):
    server = world(Says("interface", GLOBAL))

    server.service.proofs.checked(OUTSIDE, Verdict(None, {"a": "no answer", "b": "no answer"}, 2), 0.0)
    server.service.checked()

    assert server.service.external == ""


@pytest.mark.parametrize(
    ("sources", "external"),
    [
        ([Says("manual", "node.example"), Says("interface", HOME)], "node.example:5001"),
        ([Says("interface", "2a00:1450::5", HOME)], "[2a00:1450::5]:5001"),
        ([Says("interface", HOME)], ""),
        ([Says("interface", HOME), Says("stun", GLOBAL)], ""),
    ],
)
def test_before_anything_is_proved_it_is_what_the_operator_says_or_a_global_one(world, sources, external):
    assert world(*sources).service.external == external


def test_people_see_every_candidate_with_its_source_state_and_age(world):
    home = world(Says("manual"), Says("interface", HOME), Tells("stun", GLOBAL))
    let_others_run()
    home.clock.advance(5.0)
    home.service.proofs.checked(OUTSIDE, Verdict(None, {"a": "no answer"}, 1), home.clock())
    home.service.checked()
    home.clock.advance(2.0)

    outside, near = home.service.views()

    assert (outside.address, outside.source, outside.state) == (f"grpc://{GLOBAL}:5001", "stun", "not reached")
    assert (outside.age_s, outside.told, outside.reason) == (2.0, False, "no answer")
    assert (near.address, near.source, near.state) == (f"grpc://{HOME}:5001", "interface", "unproved")
    assert (near.age_s, near.told, near.reason) == (7.0, True, "")
    assert home.service.findings() == {"manual": {}, "interface": {}, "stun": {"nat_type": "full cone"}}


def test_a_node_that_stops_leaves_nothing_running(world):
    home = world(Says("interface", HOME), Says("stun", GLOBAL))

    home.service.stop()
    gevent.sleep(0)

    home.supervisor.stop(0.0)
    assert home.supervisor.failed == []
