"""The core: what happens to one transaction, and to one link."""

from __future__ import annotations

from random import Random

import pytest

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import chunk_list, chunk_root
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost, Rejected, Storing

ANN, BOB, CAT = 1, 2, 3
TX = make_transaction(b"payload")
LARGE = make_transaction(b"L" * 300_000)
LISTED = make_transaction(bytes(range(250)) * 600, chunk_bytes=50_000)
LIST = chunk_list(LISTED.payload, 50_000)


class SettableFilter:
    """Rules out everything but what a test put into ``maybe``."""

    def __init__(self) -> None:
        self.maybe: set[TxHash] = set()

    def add(self, tx_hash: TxHash, received_ms: float) -> None:
        self.maybe.add(tx_hash)

    def definitely_new(self, tx_hash: TxHash, created_ms: float | None = None) -> bool:
        return tx_hash not in self.maybe


class Node:
    """A core with three linked peers."""

    def __init__(self, host: RecordingHost, peers=(ANN, BOB, CAT), **config) -> None:
        self.host = host
        self.filter = SettableFilter()
        self.core = Core(CoreConfig(**config), host, Mesh(), self.filter, Random(1))
        self.core.start(0.0)
        while host.loads:
            host.play_loaded(self.core, 0.0)
        for peer in peers:
            self.link(peer)
        host.take_sent()

    def link(self, peer: int, now: float = 0.0) -> None:
        self.core.link_up(peer, m.Cursor(0, 0), now)

    def hear(self, peer: int, message: m.Message, now: float = 1.0) -> None:
        self.core.receive(peer, message, now)

    def accept(self, tx=TX, peer: int = ANN, now: float = 1.0) -> None:
        self.hear(peer, m.Push(tx, 0), now)
        self.host.play_verified(self.core, now)

    def flush(self, now: float = 2.0) -> list[tuple[int, m.Message]]:
        self.host.take_sent()
        self.core.timer(m.FlushAnnouncements(), now)
        return self.host.take_sent()


@pytest.fixture
def node(host: RecordingHost) -> Node:
    return Node(host)


def test_a_submission_is_pushed_to_everybody_and_stored(node: Node):
    node.core.submit(TX, 1.0)

    assert node.host.take_sent() == [(peer, m.Push(TX, 0, reach=3)) for peer in (ANN, BOB, CAT)]
    assert node.host.storing == [Storing(TX, 0, True)]


def test_a_submission_the_network_had_first_is_only_stored_to_end_its_outbox_row(node: Node):
    node.accept()
    node.host.take_sent()
    node.host.storing.clear()

    node.core.submit(TX, 2.0)

    assert node.host.take_sent() == []
    assert node.host.storing == [Storing(TX, 0, True)]


def test_a_submission_that_is_being_verified_as_somebodys_push_is_spread_and_stored_once(node: Node):
    node.hear(ANN, m.Push(TX, 0))

    node.core.submit(TX, 1.0)
    node.host.play_verified(node.core, 1.1)

    assert node.host.storing == [Storing(TX, 0, True)]
    assert node.host.receivers_of(m.Push) == [BOB, CAT]


def test_a_push_is_verified_before_anything_else_happens_to_it(node: Node):
    node.hear(ANN, m.Push(TX, 0))

    assert node.host.verifying == [TX]
    assert node.host.storing == []
    assert node.host.take_sent() == []


def test_a_verified_push_is_stored_and_announced_to_those_who_may_lack_it(node: Node):
    node.accept(peer=ANN)

    assert node.host.storing == [Storing(TX, 1, False)]
    assert node.flush() == [(BOB, m.Announce((m.Announced(TX.hash, 7),))), (CAT, m.Announce((m.Announced(TX.hash, 7),)))]


def test_who_announced_it_meanwhile_is_not_told(node: Node):
    node.accept(peer=ANN)
    node.hear(BOB, m.Announce((m.Announced(TX.hash, 7),)))

    assert [peer for peer, _ in node.flush()] == [CAT]


def test_a_second_copy_is_counted_and_nothing_else(node: Node):
    node.accept(peer=ANN)
    node.hear(BOB, m.Push(TX, 1))

    assert (node.core.counters.received, node.core.counters.duplicates) == (2, 1)
    assert node.host.verifying == []
    assert len(node.host.storing) == 1


def test_a_copy_that_comes_while_another_is_verified_is_not_verified(node: Node):
    node.hear(ANN, m.Push(TX, 0))
    node.hear(BOB, m.Push(TX, 0))

    assert node.host.verifying == [TX]
    assert node.core.counters.duplicates == 1


def test_a_push_that_does_not_verify_leaves_no_trace_but_the_blame(node: Node):
    node.hear(ANN, m.Push(TX, 0))
    node.host.play_verified(node.core, 1.0, reason="bad signature")

    node.hear(BOB, m.Push(TX, 0))

    assert node.host.rejections == [Rejected(ANN, TX.hash, "bad signature")]
    assert node.host.verifying == [TX]
    assert node.host.storing == []


def test_who_sent_the_same_while_a_forged_one_was_verified_is_asked_for_it(node: Node):
    node.hear(ANN, m.Push(TX._replace(signature=b"bad"), 1))
    node.hear(BOB, m.Push(TX, 1))
    node.host.play_verified(node.core, 1.0, reason="bad signature")

    assert node.host.take_sent() == [(BOB, m.Want((TX.hash,)))]


def test_hops_stay_a_small_number_whatever_a_peer_claims(node: Node):
    node.hear(ANN, m.Push(TX, 2**32 - 1))
    node.host.play_verified(node.core, 1.0)

    assert node.host.storing == [Storing(TX, 255, False)]


def test_an_announced_transaction_is_wanted_only_when_no_push_came_in_time(node: Node):
    node.hear(ANN, m.Announce((m.Announced(TX.hash, 7),)))
    [(_, timer)] = node.host.take_timers(m.FetchDue)
    node.accept(peer=BOB)

    node.core.timer(timer, 1.1)

    assert node.host.receivers_of(m.Want) == []
    assert node.core.fetching == 0


def test_an_announcement_of_an_impossible_size_is_passed_over(node: Node):
    too_large = CoreConfig().max_transaction_bytes + 1
    node.hear(ANN, m.Announce((m.Announced(TX.hash, 0), m.Announced(LARGE.hash, too_large))))

    assert node.core.fetching == 0


def test_a_hash_the_filter_cannot_rule_out_is_looked_up_once(node: Node):
    node.filter.maybe.add(TX.hash)

    node.hear(ANN, m.Announce((m.Announced(TX.hash, 7),)))
    node.hear(BOB, m.Push(TX, 1))

    assert node.host.loads == [m.LoadKnown((TX.hash,))]


def test_what_the_store_has_is_a_duplicate(node: Node):
    node.filter.maybe.add(TX.hash)
    node.hear(BOB, m.Push(TX, 1))
    node.host.play_loaded(node.core, 1.0, [TX])
    node.hear(CAT, m.Push(TX, 1))

    assert node.core.counters.duplicates == 2
    assert node.host.verifying == []


def test_what_the_store_has_not_goes_the_way_of_all_others(node: Node):
    node.filter.maybe |= {TX.hash, LARGE.hash}
    node.hear(ANN, m.Push(TX, 1))
    node.hear(BOB, m.Push(TX, 1))
    node.hear(BOB, m.Announce((m.Announced(LARGE.hash, 9000),)))
    node.host.play_loaded(node.core, 1.0)

    assert node.host.verifying == [TX]
    assert node.core.counters.duplicates == 1
    assert node.host.messages_to(BOB, m.Want) == [m.Want((LARGE.hash,))]


def test_what_arrived_while_the_store_was_asked_is_not_fetched_too(node: Node):
    node.filter.maybe.add(TX.hash)
    node.hear(ANN, m.Announce((m.Announced(TX.hash, 7),)))
    node.filter.maybe.clear()
    node.hear(BOB, m.Push(TX, 1))

    node.host.play_loaded(node.core, 1.0)

    assert (node.host.take_sent(), node.core.fetching) == ([], 0)


def test_wants_are_answered_from_memory_or_from_the_store(node: Node):
    other = make_transaction(b"other")
    missing = make_transaction(b"missing")
    node.accept()
    node.host.take_sent()

    node.hear(BOB, m.Want((TX.hash, other.hash, missing.hash)))
    node.host.play_loaded(node.core, 1.0, [other])

    assert node.host.take_sent() == [
        (BOB, m.Push(TX, 1, reach=3)),
        (BOB, m.Push(other, 1, reach=3)),
        (BOB, m.Absent((missing.hash,))),
    ]


def test_more_wants_than_anybody_honest_has_do_not_reach_the_store(node: Node):
    hashes = tuple(TxHash(bytes([number % 256, number // 256]) * 16) for number in range(1000))

    node.hear(ANN, m.Want(hashes))

    [question] = node.host.loads
    assert question.hashes == hashes[:128]


def test_a_large_transaction_is_announced_and_answered_in_chunks(node: Node):
    node.core.submit(LARGE, 1.0)
    announced = node.host.receivers_of(m.Announce)
    node.host.take_sent()

    node.hear(ANN, m.WantChunks(LARGE.hash, 0, 2))
    node.hear(ANN, m.WantChunks(LARGE.hash, 65_536, 2**32 - 1))
    chunks = node.host.messages_to(ANN, m.Chunk)

    assert announced == [ANN, BOB, CAT]
    assert [chunk.offset for chunk in chunks] == list(range(0, 300_000, 32_768))
    assert b"".join(chunk.data for chunk in chunks) == LARGE.payload
    assert {sent.priority for sent in node.host.sent} == {Priority.RELAY}


def test_the_envelope_of_a_large_one_comes_with_the_list_of_its_chunks(node: Node):
    for tx in (LARGE, LISTED):
        node.core.submit(tx, 1.0)
    node.host.take_sent()

    node.hear(ANN, m.WantChunkList(LARGE.hash))
    node.hear(ANN, m.WantChunkList(LISTED.hash))

    assert node.host.take_sent() == [
        (ANN, m.ChunkList(LARGE.hash, LARGE.header, LARGE.header_bytes, LARGE.signature, b"", 0, 3)),
        (ANN, m.ChunkList(LISTED.hash, LISTED.header, LISTED.header_bytes, LISTED.signature, LIST, 0, 3)),
    ]


def test_an_old_large_one_is_read_from_the_store(node: Node):
    node.hear(ANN, m.WantChunkList(LISTED.hash))
    node.hear(ANN, m.WantChunks(LISTED.hash, 100_000, 1, LISTED.header.chunk_root))
    node.hear(ANN, m.WantChunkList(TX.hash))

    node.host.play_loaded(node.core, 1.0, [LISTED])

    assert [message for _, message in node.host.take_sent()] == [
        m.ChunkList(LISTED.hash, LISTED.header, LISTED.header_bytes, LISTED.signature, LIST, 1, 3),
        m.Chunk(LISTED.hash, 100_000, LISTED.payload[100_000:200_000]),
        m.Absent((TX.hash,)),
    ]


@pytest.mark.parametrize("root", [b"r" * 32, chunk_root(b"")])
def test_who_asks_by_another_list_is_told_that_this_one_is_not_here(node: Node, root: bytes):
    node.core.submit(LISTED, 1.0)
    node.host.take_sent()

    node.hear(ANN, m.WantChunks(LISTED.hash, 0, 1, root))

    assert node.host.take_sent() == [(ANN, m.Absent((LISTED.hash,)))]


@pytest.mark.parametrize(
    "want", [m.WantChunks(LARGE.hash, 300_000, 1), m.WantChunks(LARGE.hash, 2**63, 16), m.WantChunks(LARGE.hash, 0, 0)]
)
def test_chunks_beyond_the_end_are_not_there(node: Node, want: m.WantChunks):
    node.core.submit(LARGE, 1.0)
    node.host.take_sent()

    node.hear(ANN, want)

    assert node.host.take_sent() == []


def test_only_what_fits_into_a_batch_is_sent_whole_however_this_node_fetches_itself(node: Node):
    too_large = make_transaction(b"T" * 1_000_001)
    node.core.submit(LARGE, 1.0)
    node.core.submit(too_large, 1.0)
    node.host.take_sent()

    node.hear(ANN, m.Want((LARGE.hash, too_large.hash)))

    assert node.host.take_sent() == [(ANN, m.Push(LARGE, 0, reach=3)), (ANN, m.Absent((too_large.hash,)))]


@pytest.fixture
def chunking(host: RecordingHost) -> Node:
    return Node(host, swarm_min_bytes=100_000)


def test_a_large_one_is_fetched_in_chunks_verified_as_a_whole_and_passed_on(chunking: Node):
    chunking.hear(ANN, m.Announce((m.Announced(LISTED.hash, 150_000),)))
    chunking.hear(ANN, m.ChunkList(LISTED.hash, LISTED.header, LISTED.header_bytes, LISTED.signature, LIST, 2, 5))
    envelope = list(chunking.host.verifying)
    chunking.host.play_verified(chunking.core, 1.0)
    for offset in (0, 50_000, 100_000):
        chunking.hear(ANN, m.Chunk(LISTED.hash, offset, LISTED.payload[offset : offset + 50_000]))
    whole = list(chunking.host.verifying)
    chunking.host.take_sent()

    chunking.host.play_verified(chunking.core, 2.0)

    assert (envelope, whole) == ([LISTED._replace(payload=b"")], [LISTED])
    assert chunking.host.storing == [Storing(LISTED, 3, False)]
    assert (chunking.core.counters.received, chunking.core.fetching) == (1, 0)
    assert [peer for peer, message in chunking.flush() if isinstance(message, m.Announce)] == [BOB, CAT]


def test_a_neighbour_with_a_part_is_asked_for_it_but_is_told_when_the_whole_is_here(chunking: Node):
    chunking.hear(ANN, m.Have(LISTED.hash, 150_000, (1,)))
    chunking.hear(BOB, m.Announce((m.Announced(LISTED.hash, 150_000),)))
    chunking.hear(ANN, m.ChunkList(LISTED.hash, LISTED.header, LISTED.header_bytes, LISTED.signature, LIST))
    chunking.host.play_verified(chunking.core, 1.0)
    asked = [(peer, message.offset) for peer, message in chunking.host.take_sent() if isinstance(message, m.WantChunks)]
    for peer, offset in [*asked, (BOB, 150_000)]:
        chunking.hear(peer, m.Chunk(LISTED.hash, offset, LISTED.payload[offset : offset + 50_000]))

    chunking.host.play_verified(chunking.core, 2.0)

    assert sorted(asked) == [(ANN, 50_000), (BOB, 0), (BOB, 100_000)]
    assert [peer for peer, message in chunking.flush() if isinstance(message, m.Announce)] == [ANN, CAT]


@pytest.mark.parametrize("where", ["here", "being verified", "perhaps in the store", "too large"])
def test_chunks_of_what_is_not_wanted_are_not_asked_for(chunking: Node, where: str):
    size = 150_000
    match where:
        case "here":
            chunking.core.submit(LISTED, 1.0)
        case "being verified":
            chunking.hear(BOB, m.Push(LISTED, 1))
        case "perhaps in the store":
            chunking.filter.maybe.add(LISTED.hash)
        case _:
            size = 2**40
    chunking.host.take_sent()

    chunking.hear(ANN, m.Have(LISTED.hash, size, (1,)))

    assert chunking.host.take_sent() == []
    assert chunking.core.fetching == 0


def test_a_push_without_a_payload_is_refused(node: Node):
    node.hear(ANN, m.Push(TX._replace(payload=b""), 1))

    assert node.host.verifying == []
    assert [rejected.peer for rejected in node.host.rejections] == [ANN]


def test_nobody_is_blamed_for_chunks_of_several_senders_and_the_next_try_takes_all_from_one(host: RecordingHost):
    node = Node(host, chunk_bytes=150_000, chunk_window=2)
    for peer in (ANN, BOB):
        node.hear(peer, m.Announce((m.Announced(LARGE.hash, 300_000),)))
    unlisted = m.ChunkList(LARGE.hash, LARGE.header, LARGE.header_bytes, LARGE.signature, b"")
    node.hear(ANN, unlisted)
    host.play_verified(node.core, 1.0)
    node.hear(ANN, m.Chunk(LARGE.hash, 0, b"x" * 150_000))
    node.core.link_down(ANN, 1.0)
    node.link(ANN, 1.0)
    node.hear(ANN, m.Announce((m.Announced(LARGE.hash, 300_000),)))
    node.hear(BOB, m.Chunk(LARGE.hash, 150_000, LARGE.payload[150_000:]))
    host.take_sent()

    host.play_verified(node.core, 2.0, reason="wrong payload")

    assert host.rejections == []
    assert node.core.counters.rejected == 1
    [(peer, _)] = host.take_sent()
    node.hear(peer, unlisted)
    host.play_verified(node.core, 3.0)
    node.hear(peer, m.Chunk(LARGE.hash, 0, b"x" * 150_000))
    host.take_sent()
    node.core.link_down(peer, 3.0)
    assert [message.offset for _, message in host.take_sent() if isinstance(message, m.WantChunks)] == [0, 150_000]


def test_a_new_link_hears_what_no_log_has_yet(host: RecordingHost):
    node = Node(host, peers=(ANN,))
    committed, waiting = make_transaction(b"committed"), make_transaction(b"waiting")
    node.core.submit(committed, 1.0)
    host.play_stored(node.core, 1.0)
    node.core.submit(waiting, 1.0)

    node.link(BOB, 1.1)

    assert host.messages_to(BOB, m.Announce) == [m.Announce((m.Announced(waiting.hash, 7),))]


def test_a_message_of_somebody_who_is_not_linked_is_passed_over(node: Node):
    node.core.link_down(ANN, 1.0)

    node.hear(ANN, m.Push(TX, 0))

    assert node.host.verifying == []


def test_messages_that_are_not_the_cores_concern_are_passed_over(node: Node):
    node.hear(ANN, m.PeersRequest(5))

    assert node.host.take_sent() == []


def test_a_log_is_answered_in_pages(node: Node):
    node.hear(ANN, m.SyncSince(1, 0))
    node.host.play_loaded(node.core, 1.0, [TX, LARGE])

    page = m.SyncPage(1, (m.Announced(TX.hash, 7), m.Announced(LARGE.hash, 300_000)), 2, False)
    assert node.host.take_sent() == [(ANN, page)]


def test_a_page_of_a_log_is_fetched_at_once_and_moves_the_cursor_when_it_is_here(node: Node):
    node.hear(ANN, m.SyncPage(9, (m.Announced(TX.hash, 7),), 1, False))
    wanted = node.host.messages_to(ANN, m.Want)

    node.accept(peer=ANN)

    assert wanted == [m.Want((TX.hash,))]
    assert node.host.remembered == [(ANN, m.Cursor(9, 1))]
    assert node.core.counters.synced == 1


def test_a_page_of_what_the_store_has_moves_the_cursor_without_fetching(node: Node):
    node.filter.maybe.add(TX.hash)

    node.hear(ANN, m.SyncPage(9, (m.Announced(TX.hash, 7),), 1, False))
    node.host.play_loaded(node.core, 1.0, [TX])

    assert node.host.messages_to(ANN, m.Want) == []
    assert node.host.remembered == [(ANN, m.Cursor(9, 1))]


def test_what_expired_in_a_peers_log_does_not_hold_up_what_comes_after_it(node: Node):
    other = make_transaction(b"other")
    node.hear(ANN, m.SyncPage(9, (m.Announced(TX.hash, 7), m.Announced(other.hash, 5)), 2, True))
    node.hear(ANN, m.Push(TX, 1))
    node.host.play_verified(node.core, 1.0, reason="it expired")
    node.host.take_sent()
    node.accept(other)

    assert node.host.remembered == [(ANN, m.Cursor(9, 2))]
    assert node.host.messages_to(ANN, m.SyncSince) == [m.SyncSince(9, 2)]
    assert node.core.fetching == 0


def test_a_page_nobody_asked_for_fetches_nothing(node: Node):
    node.hear(ANN, m.SyncPage(9, (), 0, False))

    node.hear(ANN, m.SyncPage(9, (m.Announced(TX.hash, 7),), 1, False))

    assert node.core.fetching == 0


def test_a_ping_is_answered_at_once(node: Node):
    node.hear(ANN, m.Ping(5))

    assert node.host.sent == [(ANN, m.Pong(5), Priority.CONTROL)]


def test_a_link_that_says_nothing_to_three_probes_is_ended(host: RecordingHost):
    node = Node(host, peers=())
    node.link(ANN)
    due = m.ProbeDue(ANN, 1)

    for number in range(1, 4):
        node.core.timer(due, 2.0 * number)

    assert len(host.messages_to(ANN, m.Ping)) == 3
    assert [peer for peer, _ in host.unlinked] == [ANN]


def test_while_no_transaction_is_about_a_link_that_answers_rests(host: RecordingHost):
    node = Node(host, peers=())
    node.link(ANN)
    [(first_s, due)] = host.take_timers(m.ProbeDue)
    node.hear(ANN, m.Pong(host.messages_to(ANN, m.Ping)[0].nonce), now=1.0)
    host.take_sent()

    node.core.timer(due, 2.0)
    [(rest_s, due)] = host.take_timers(m.ProbeDue)
    pings_before_rest = host.take_sent()
    node.core.timer(due, 2.0 + rest_s)
    [(wait_s, _)] = host.take_timers(m.ProbeDue)

    assert pings_before_rest == []
    assert (first_s, wait_s) == (2.0, 2.0)
    assert 4.0 <= rest_s <= 8.0
    assert len(host.messages_to(ANN, m.Ping)) == 1


def test_a_resting_link_that_fell_silent_is_ended_after_three_more_probes(host: RecordingHost):
    node = Node(host, peers=())
    node.link(ANN)
    now = 0.0
    while not host.unlinked:
        [(wait_s, due)] = host.take_timers(m.ProbeDue)
        node.hear(ANN, m.Ping(1), now=now) if now == 0.0 else None
        now += wait_s
        node.core.timer(due, now)

    assert 2.0 + 4.0 + 3 * 2.0 <= now <= 2.0 + 8.0 + 3 * 2.0


@pytest.mark.parametrize(("pause_s", "rests"), [(59.0, False), (61.0, True)])
def test_while_transactions_are_about_no_link_rests(host: RecordingHost, pause_s: float, rests: bool):
    node = Node(host, peers=(ANN,))
    host.take_timers(m.ProbeDue)
    node.hear(ANN, m.Push(TX, 1), now=1.0)

    node.core.timer(m.ProbeDue(ANN, 1), 1.0 + pause_s)

    [(wait_s, _)] = host.take_timers(m.ProbeDue)
    assert (wait_s > 2.0) == rests


def test_the_probe_of_an_earlier_link_is_stale(host: RecordingHost):
    node = Node(host, peers=())
    node.link(ANN)
    node.core.link_down(ANN, 1.0)
    node.link(ANN, 1.5)
    host.take_sent()
    host.take_timers(m.ProbeDue)

    node.core.timer(m.ProbeDue(ANN, 1), 2.0)

    assert host.take_sent() == []
    assert host.take_timers(m.ProbeDue) == []


def test_a_round_trip_is_measured(host: RecordingHost):
    node = Node(host, peers=())
    node.link(ANN)
    [ping] = host.messages_to(ANN, m.Ping)

    node.hear(ANN, m.Pong(ping.nonce), now=0.25)

    assert node.core.rtt_s(ANN) == 0.25
    assert node.core.rtt_s(BOB) is None


def test_what_comes_from_a_peer_with_fewer_links_is_pushed_on(node: Node):
    node.core.known_peers(3)
    node.host.take_sent()

    node.hear(ANN, m.Push(TX, 0, reach=1))
    node.core.verified(TX, None, 1.0)

    assert node.host.take_sent() == [(peer, m.Push(TX, 1, reach=3)) for peer in (BOB, CAT)]
