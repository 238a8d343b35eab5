"""Large transactions: whom to ask, whom to tell, whom to blame."""

from __future__ import annotations

import pytest
from swarm_parts import ANN, ASK_LIST, BOB, CAT, LISTED, OTHER, ROOT, STEP, TX, UNLISTED, Swarming

from sorcha_peer_core.model.events import FetchFailed
from sorcha_peer_core.model.messages import (
    Announced,
    Chunk,
    ChunkList,
    Have,
    SwarmsDue,
    TellChunks,
    WantChunkList,
    WantChunks,
)
from sorcha_peer_core.protocol.reputation import Deed
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost, Rejected


def test_the_list_is_asked_for_first_of_one_neighbour(swarming: Swarming):
    swarming.announce(ANN, BOB)

    assert swarming.host.take_sent() == [(ANN, ASK_LIST)]


def test_no_chunk_is_asked_for_before_the_envelope_is_verified(swarming: Swarming):
    swarming.announce(ANN, BOB)
    swarming.swarms.chunk_list(ANN, LISTED, 0.1)
    before = swarming.asked()

    swarming.verified()

    assert before == []
    assert [peer for peer, _ in swarming.asked()] == [ANN, ANN, BOB, BOB]


def test_two_chunks_are_under_way_from_each_neighbour(swarming: Swarming):
    swarming.begin(ANN, BOB)
    first = swarming.asked()

    swarming.deliver(first[:1])

    assert len(first) == len({index for _, index in first}) == 4
    assert [peer for peer, _ in swarming.asked()] == [first[0][0]]


def test_requests_name_the_list_they_go_by(swarming: Swarming):
    swarming.begin(ANN)

    wants = [message for _, message in swarming.host.take_sent() if isinstance(message, WantChunks)]

    assert {(want.chunks, want.root) for want in wants} == {(1, ROOT)}


def test_all_chunks_of_all_neighbours_make_the_whole(swarming: Swarming):
    swarming.begin(ANN, BOB, CAT)
    swarm = None
    while swarm is None:
        for peer, index in swarming.asked():
            data = TX.payload[index * STEP : (index + 1) * STEP]
            swarm = swarming.swarms.chunk(peer, Chunk(TX.hash, index * STEP, data), 1.0) or swarm

    assert swarm.push().transaction == TX
    swarming.swarms.arrived(TX.hash)
    swarming.swarms.verified(TX.hash)
    assert len(swarming.swarms) == 0


# What neighbours hear.


def test_neighbours_hear_of_new_chunks_together_after_a_moment_but_not_those_who_have_all(swarming: Swarming):
    swarming.begin(ANN)
    asked = swarming.asked()
    swarming.deliver(asked)
    told_at_once = [message for _, message in swarming.host.take_sent() if isinstance(message, Have)]
    [(delay_s, timer)] = swarming.host.take_timers(TellChunks)

    swarming.swarms.tell(timer)

    have = Have(TX.hash, len(TX.payload), tuple(index for _, index in asked))
    assert (told_at_once, delay_s) == ([], 0.02)
    assert [sent for sent in swarming.host.take_sent() if isinstance(sent[1], Have)] == [(BOB, have), (CAT, have)]


def test_a_new_neighbour_hears_of_all_chunks_that_are_here(swarming: Swarming):
    swarming.begin(ANN)
    asked = swarming.asked()
    swarming.deliver(asked)
    swarming.host.take_sent()
    swarming.swarms.link_down(CAT, 0.5)

    swarming.swarms.link_up(CAT)

    indexes = tuple(sorted(index for _, index in asked))
    assert swarming.host.take_sent() == [(CAT, Have(TX.hash, len(TX.payload), indexes))]


def test_chunks_that_are_here_are_passed_on_with_the_list(swarming: Swarming):
    swarming.begin(ANN)
    [(_, index), *_] = asked = swarming.asked()
    swarming.deliver(asked)

    want = WantChunks(TX.hash, index * STEP, 1, ROOT)

    assert swarming.swarms.envelope_of(TX.hash) == LISTED
    assert swarming.swarms.chunks_of(want) == [Chunk(TX.hash, index * STEP, TX.payload[index * STEP : (index + 1) * STEP])]
    assert swarming.swarms.chunks_of(want._replace(root=b"another")) == []
    assert swarming.swarms.chunks_of(want._replace(hash=OTHER.hash)) == []


def test_an_envelope_that_is_not_verified_is_not_passed_on(swarming: Swarming):
    swarming.announce(ANN)
    swarming.swarms.chunk_list(ANN, LISTED, 0.1)

    assert swarming.swarms.envelope_of(TX.hash) is None


def test_a_neighbour_with_a_part_is_asked_for_the_list_and_for_what_it_has(swarming: Swarming):
    swarming.swarms.offered(BOB, Announced(TX.hash, len(TX.payload)), (6,), 0.0)
    asked = swarming.host.take_sent()
    swarming.swarms.chunk_list(BOB, LISTED, 0.1)
    swarming.verified()

    assert asked == [(BOB, ASK_LIST)]
    assert swarming.asked() == [(BOB, 6)]
    assert swarming.swarms.sources_of(TX.hash) == []


# What goes wrong.


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        (LISTED._replace(header=OTHER.header), "the envelope names another hash than its chunks"),
        (LISTED._replace(hashes=LISTED.hashes[:-32]), "its list of chunks is not the one its origin signed"),
        (LISTED._replace(hashes=bytes(len(LISTED.hashes))), "its list of chunks is not the one its origin signed"),
        (UNLISTED._replace(hashes=LISTED.hashes), "a list of chunks that its origin did not sign"),
        (LISTED._replace(header=TX.header._replace(payload_size=2**40)), f"its envelope speaks of {2**40} bytes"),
    ],
    ids=["another", "short", "forged", "unsigned", "too large"],
)
def test_a_false_list_is_blamed_on_its_sender_and_the_next_one_is_asked(swarming, envelope: ChunkList, words: str):
    swarming.announce(ANN, BOB)
    swarming.host.take_sent()

    swarming.swarms.chunk_list(ANN, envelope, 0.1)

    assert swarming.host.rejections == [Rejected(ANN, TX.hash, words)]
    # Its size is a matter of settings.
    assert swarming.host.deeds == ({} if "speaks of" in words else {(ANN, Deed.FALSE_CHUNK): 1})
    assert swarming.host.take_sent() == [(BOB, ASK_LIST)]


def test_an_envelope_that_does_not_verify_is_blamed_on_its_sender_and_the_next_one_is_asked(swarming: Swarming):
    swarming.announce(ANN, BOB)
    swarming.swarms.chunk_list(ANN, LISTED, 0.1)
    swarming.host.take_sent()

    swarming.verified("its signature is not its origin's")

    assert [rejected.peer for rejected in swarming.host.rejections] == [ANN]
    assert swarming.host.deeds == {(ANN, Deed.FORGED): 1}
    assert swarming.host.take_sent() == [(BOB, ASK_LIST)]


def test_a_wrong_chunk_is_blamed_on_its_sender_and_asked_of_another(swarming: Swarming):
    swarming.begin(ANN, BOB)
    asked = swarming.asked()
    wrong = asked[0][1]

    swarming.swarms.chunk(ANN, Chunk(TX.hash, wrong * STEP, b"x" * STEP), 0.3)
    swarming.deliver([pair for pair in asked if pair[0] == BOB])
    for _ in range(4):
        swarming.deliver(again := swarming.asked())
        asked += again

    assert swarming.host.rejections == [Rejected(ANN, TX.hash, "a chunk is not the one its list names")]
    assert swarming.swarms.refused == 1
    assert swarming.host.deeds == {(ANN, Deed.FALSE_CHUNK): 1}
    assert (BOB, wrong) in asked
    assert len([peer for peer, _ in asked if peer == ANN]) == 2


def test_a_list_nobody_asked_for_is_passed_over(swarming: Swarming):
    swarming.swarms.chunk_list(ANN, LISTED, 0.0)
    swarming.announce(ANN, BOB)

    swarming.swarms.chunk_list(BOB, LISTED, 0.1)

    assert swarming.host.verifying == []


def test_a_neighbour_that_does_not_send_the_list_is_passed_over(swarming: Swarming):
    swarming.announce(ANN, BOB)
    swarming.host.take_sent()

    swarming.due(0.3)

    assert swarming.host.take_sent() == [(BOB, ASK_LIST)]


def test_what_does_not_come_in_time_is_asked_of_others(swarming: Swarming):
    swarming.begin(ANN, BOB)
    asked = swarming.asked()
    for _ in range(6):
        swarming.deliver([pair for pair in asked if pair[0] == BOB])
        asked = swarming.asked()

    swarming.due(1.0)

    assert [peer for peer, _ in swarming.asked()] == [BOB, BOB]


def test_what_a_lost_neighbour_owed_is_asked_of_others_at_once(swarming: Swarming):
    swarming.begin(ANN, BOB)
    asked = swarming.asked()
    while asked := [pair for pair in asked if pair[0] == BOB]:
        swarming.deliver(asked)
        asked = swarming.asked()

    swarming.swarms.link_down(ANN, 1.0)

    assert [peer for peer, _ in swarming.asked()] == [BOB, BOB]


def test_who_has_another_list_is_not_asked_again_unless_this_one_was_false(swarming: Swarming):
    swarming.begin(ANN, BOB)
    swarming.host.take_sent()

    swarming.swarms.absent(BOB, [TX.hash], 0.3)
    swarming.due(5.0)

    assert {peer for peer, _ in swarming.asked()} == {ANN}
    assert swarming.swarms.sources_of(TX.hash) == [ANN, BOB]


def test_a_list_under_which_no_true_whole_came_together_is_not_taken_again(swarming: Swarming):
    swarming.begin(ANN, BOB)
    asked = swarming.asked()
    while asked:
        swarming.deliver(asked)
        asked = swarming.asked()
    swarming.swarms.arrived(TX.hash)

    swarming.swarms.forged(TX.hash, None, 1.0)
    [(peer, _)] = swarming.host.take_sent()
    swarming.swarms.chunk_list(peer, LISTED, 1.1)

    assert swarming.host.rejections == [Rejected(peer, TX.hash, "its list of chunks is known to be false")]
    assert swarming.host.deeds == {}


def test_while_a_push_of_it_is_being_verified_nobody_is_asked(swarming: Swarming):
    swarming.begin(ANN, BOB)
    asked = swarming.asked()

    swarming.swarms.arrived(TX.hash)
    swarming.deliver(asked)
    swarming.due(1.0)
    while_verified = swarming.asked()
    swarming.swarms.forged(TX.hash, CAT, 1.0)

    assert while_verified == []
    assert TX.hash in swarming.swarms


# The end.


@pytest.mark.parametrize("how", ["absent", "lost", "silent"])
def test_what_nobody_has_is_given_up(host: RecordingHost, how: str):
    swarming = Swarming(host, fetch_rounds=2)
    swarming.announce(ANN)

    match how:
        case "absent":
            swarming.swarms.absent(ANN, [TX.hash], 0.1)
        case "lost":
            swarming.swarms.link_down(ANN, 0.1)
        case _:
            for now in (1.0, 3.0, 9.0):
                swarming.due(now)

    assert (swarming.given_up, len(swarming.swarms)) == ([TX.hash], 0)
    assert host.events == ([FetchFailed(TX.hash, 1)] if how == "silent" else [])
    assert host.take_timers(SwarmsDue) == [] or how != "silent"


def test_without_any_progress_it_is_left_to_sync(swarming: Swarming):
    swarming.begin(ANN)

    swarming.due(29.0)
    before = list(swarming.given_up)
    swarming.due(31.0)

    assert (before, swarming.given_up) == ([], [TX.hash])


def test_one_neighbour_cannot_offer_without_end(host: RecordingHost):
    swarming = Swarming(host, swarm_items=3, lists_per_source=2)

    for number in range(10):
        swarming.announce(ANN, tx=make_transaction(b"%d" % number * STEP * 2))

    assert len(swarming.swarms) == 3
    assert len(host.take_sent()) == 2
    swarming.announce(BOB)
    assert (BOB, ASK_LIST) in host.take_sent()


def test_large_ones_beyond_what_memory_allows_wait_for_their_turn(host: RecordingHost):
    swarming = Swarming(host, swarm_bytes=12 * STEP)
    swarming.begin(ANN)
    swarming.announce(ANN, tx=OTHER)
    swarming.due(0.5)
    waiting = [message for _, message in host.take_sent() if isinstance(message, WantChunkList)]

    swarming.swarms.verified(TX.hash)
    swarming.due(1.0)

    assert WantChunkList(OTHER.hash) not in waiting
    assert (ANN, WantChunkList(OTHER.hash)) in host.take_sent()


def test_one_timer_watches_over_all_of_them_and_none_when_there_are_none(swarming: Swarming):
    swarming.announce(ANN)
    swarming.announce(BOB, tx=OTHER)
    timers = swarming.host.take_timers(SwarmsDue)

    for tx in (TX, OTHER):
        swarming.swarms.verified(tx.hash)
    swarming.due(0.25)

    assert timers == [(0.25, SwarmsDue())]
    assert swarming.host.take_timers(SwarmsDue) == []


# Envelopes without a list.


def test_without_a_list_one_neighbour_is_asked_for_a_window_of_chunks(host: RecordingHost):
    swarming = Swarming(host, chunk_window=3)
    swarming.begin(ANN, BOB, envelope=UNLISTED)

    wants = [(peer, message) for peer, message in host.take_sent() if isinstance(message, WantChunks)]

    assert wants == [(ANN, WantChunks(TX.hash, index * STEP, 1)) for index in range(3)]
    assert host.take_timers(TellChunks) == []


def test_without_a_list_it_goes_on_where_it_was_with_the_next_one(host: RecordingHost):
    swarming = Swarming(host, chunk_window=3)
    swarming.begin(ANN, BOB, envelope=UNLISTED)
    swarming.deliver(swarming.asked()[:2])
    swarming.host.take_sent()

    swarming.swarms.link_down(ANN, 1.0)

    asked = swarming.asked()
    assert [peer for peer, _ in asked] == [BOB] * 3
    assert {0, 1}.isdisjoint(index for _, index in asked)


def test_without_a_list_a_favourite_that_is_late_is_changed_for_another(host: RecordingHost):
    swarming = Swarming(host, chunk_window=3)
    swarming.begin(ANN, BOB, envelope=UNLISTED)
    host.take_sent()

    swarming.due(1.0)

    assert {peer for peer, _ in swarming.asked()} == {BOB}
