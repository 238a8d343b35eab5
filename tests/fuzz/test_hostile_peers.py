"""Whatever linked peers say, and in whatever order: a Core raises nothing, keeps little, and what honest peers have arrives."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from random import Random
from time import thread_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from message_strategies import KINDS, Parts, messages

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import CHUNK_BYTES_MIN
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import TxHash, tx_hash_of
from sorcha_peer_core.protocol import arriving
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.testing.network import Network
from sorcha_peer_core.testing.network_node import START_MS, World, make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost

CONFIG = CoreConfig(
    eager_max_bytes=1000, swarm_min_bytes=10_000, chunk_bytes=1000, chunk_window=4, sync_page_items=4, want_items=3,
    sync_interval_s=5.0, fetch_rounds=2, seen_entries=10, seen_rotate_s=20.0, recent_bytes=60_000, queue_items=100,
)  # fmt: skip
VICTIM, HONEST = 0, 1
HOSTILE = (2, 3)
PAYLOADS = [(b"%d/" % number).ljust(size, b".") for number, size in enumerate((20, 20, 20, 6000, 40_000))]
"""What the honest will submit; the hostile know it before."""
FORGED = [make_transaction(payload, 9, signature=b"bad") for payload in PAYLOADS]
FORGED += [transaction._replace(payload=b"something else") for transaction in FORGED]
OWN = [make_transaction(b"of the hostile %d" % number, 9) for number in range(3)]
HASHES = [tx_hash_of(payload) for payload in PAYLOADS] + [tx.hash for tx in OWN] + [TxHash(bytes([n]) * 32) for n in range(6)]


def _one_of(values: list[Any]) -> st.SearchStrategy[Any]:
    """As sampled_from, whose name would be as long as all of them."""
    return st.integers(0, len(values) - 1).map(values.__getitem__)


PARTS = Parts(
    hashes=st.sampled_from(HASHES),
    numbers=st.sampled_from((0, 1, 2, 4, 20, 1000, 4000, 6000, 40_000, int(START_MS), 2**31, 2**32 - 1, 2**63 - 1)),
    floats=st.sampled_from((0.0, 1.0, 10.0, -1.0, 1e15, -1e300, 1e300)),
    transactions=_one_of(FORGED + OWN),
)
SAID = st.one_of(*(messages(kind, PARTS) for kind in KINDS if kind not in (Hello, Proof)))
SCHEDULES = {
    "filter_helps": st.booleans(),
    "answers": st.lists(SAID, max_size=8),
    "steps": st.lists(
        st.one_of(
            st.tuples(st.just("say"), st.sampled_from(HOSTILE), SAID),
            st.tuples(st.just("submit"), st.sampled_from((VICTIM, HONEST)), _one_of(PAYLOADS)),
            st.tuples(st.just("run"), st.sampled_from((0.001, 0.03, 0.5, 4.0)), st.none()),
            st.tuples(st.sampled_from(("cut", "link")), st.sampled_from((HONEST, *HOSTILE)), st.none()),
        ),
        min_size=5,
        max_size=60,
    ),
}


class Siege:
    """Two real nodes, and two peers that answer pings, and anything else with whatever they were given to say."""

    def __init__(self, filter_helps: bool, answers: list[m.Message]) -> None:
        world = World(config=CONFIG, full_mesh_max_peers=0, filter_helps=filter_helps, chunk_bytes=CHUNK_BYTES_MIN)
        self.net = Network(2, world=world)
        self._answers = answers
        for _ in HOSTILE:
            self.net.add_script(self._answer)
        for peer in (HONEST, *HOSTILE):
            self.net.link(VICTIM, peer)

    @property
    def core(self) -> Any:
        return self.net.nodes[VICTIM].alive

    def _answer(self, _: int, message: m.Message) -> Iterable[m.Message]:
        if isinstance(message, m.Ping):
            return [m.Pong(message.nonce)]
        return [self._answers.pop()] if self._answers else []

    def play(self, steps: list[tuple]) -> set[TxHash]:
        """Returns what was submitted."""
        submitted = set()
        for what, who, argument in steps:
            match what:
                case "say":
                    self.net.say(who, VICTIM, argument)
                case "submit":
                    submitted.add(self.net.submit(who, argument))
                case "run":
                    self.net.run(who)
                case "cut":
                    self.net.cut(VICTIM, who)
                case "link":
                    self.net.link(VICTIM, who)
        return submitted


def entries(part: object, known: set[int]) -> int:
    """How much a part of the protocol holds: the entries of all its containers, and of those of its parts."""
    if id(part) in known:
        return 0
    known.add(id(part))
    if isinstance(part, dict | OrderedDict):
        return len(part) + sum(entries(value, known) for value in part.values())
    if isinstance(part, list | set | deque):
        return len(part) + sum(entries(value, known) for value in part)
    if not type(part).__module__.startswith("sorcha_peer_core.protocol"):
        return 0
    names = [name for kind in type(part).__mro__ for name in getattr(kind, "__slots__", ())]
    fields = [getattr(part, name) for name in names if hasattr(part, name)]
    return sum(entries(field, known) for field in (*fields, *getattr(part, "__dict__", {}).values()))


def _check(filter_helps: bool, answers: list[m.Message], steps: list[tuple]) -> None:
    siege = Siege(filter_helps, answers)
    before = entries(siege.core, set())

    submitted = siege.play(steps)
    siege.net.link(VICTIM, HONEST)
    logs = [siege.net.nodes[index].disk.transactions for index in (VICTIM, HONEST)]
    arrived = siege.net.run_until(lambda: all(set(log) >= submitted for log in logs), most_s=300.0, step_s=1.0)

    assert arrived, "what the honest have did not arrive"
    for peer in HOSTILE:
        siege.net.cut(VICTIM, peer)
    siege.net.run(120.0)
    assert siege.core.fetching == 0
    assert entries(siege.core, set()) < before + 40 * len(steps) + 200


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(**SCHEDULES)
def test_after_anything_hostile_peers_say_the_honest_have_everything_and_little_is_left(filter_helps, answers, steps):
    _check(filter_helps, answers, steps)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=2000, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(**SCHEDULES)
def test_after_thousands_of_such_schedules_the_honest_have_everything(filter_helps, answers, steps):
    _check(filter_helps, answers, steps)


# Floods: of one kind, as much as a link carries, while nobody answers.


class _Filter:
    def __init__(self, helps: bool) -> None:
        self._helps = helps

    def add(self, tx_hash: TxHash, received_ms: float) -> None:
        pass

    def definitely_new(self, tx_hash: TxHash, created_ms: float | None = None) -> bool:
        return self._helps


def _flooded(message_of, count: int, *, helps: bool) -> tuple[Core, RecordingHost]:
    host = RecordingHost()
    core = Core(CONFIG, host, Mesh(0, CONFIG.eager_max_bytes), _Filter(helps), Random(1))
    core.start(0.0)
    core.link_up(1, m.Cursor(0, 0), 0.0)
    for number in range(count):
        core.receive(1, message_of(number), 1.0)
    return core, host


def _announce(number: int, size: int = 500, **how: bool) -> m.Announce:
    return m.Announce(tuple(m.Announced(TxHash((1000 * number + at).to_bytes(32)), size) for at in range(1000)), **how)


FLOODS = {
    "announced": _announce,
    "announced as missed": lambda number: _announce(number, old=True),
    "announced, and receipts asked for": lambda number: _announce(number, asks=True),
    "large ones announced": lambda number: _announce(number, 100_000),
    "a page of a log": lambda number: m.SyncPage(7, _announce(number).items, number, True),
    "chunks held": lambda number: m.Have(TxHash(number.to_bytes(32)), 100_000, (0, 1)),
    "absent": lambda number: m.Absent(tuple(item.hash for item in _announce(number).items)),
    "receipts": lambda number: m.Receipt(tuple(item.hash for item in _announce(number).items)),
    "credit for a flush": lambda number: m.FlushGrant(2**32 - 1, 2**63 - 1, 1e300),
    "old marks": lambda number: m.DigestIds(m.Region(number, m.Slice(4000 * number, 4000)), tuple(range(1000))),
}
MOST_S = 0.03
"""Of processor time for a message of a thousand hashes: it takes a tenth of that."""
MOST_ENTRIES = 300_000
"""Of all containers together: 65,536 hashes in each of a few."""


@pytest.mark.parametrize("helps", [True, False], ids=["the filter helps", "the store is asked"])
@pytest.mark.parametrize("what", FLOODS)
def test_what_one_peer_says_again_and_again_fills_no_memory(what: str, helps: bool):
    core, _ = _flooded(FLOODS[what], 80, helps=helps)
    half, began_s = entries(core, set()), thread_time()

    for number in range(80, 160):
        core.receive(1, FLOODS[what](number), 2.0)

    assert thread_time() - began_s < 80 * MOST_S
    after = entries(core, set())
    assert after < MOST_ENTRIES
    assert after < 1.2 * half + 1000, f"it grows on and on: {half}, then {after}"


def test_payloads_that_wait_for_the_store_are_bounded_and_counted():
    payload = bytes(1_000_000)
    transaction = make_transaction(payload)

    def push(number: int) -> m.Push:
        header = transaction.header._replace(payload_hash=TxHash(number.to_bytes(32)))
        return m.Push(transaction._replace(header=header), 1)

    core, host = _flooded(push, 40, helps=False)

    assert len([load for load in host.loads if isinstance(load, m.LoadKnown)]) == 16
    assert core.counters.left_to_sync == 24
    host.play_loaded(core, 3.0)
    assert len(host.verifying) == 16
    core.receive(1, push(99), 4.0)
    assert core.counters.left_to_sync == 24


def test_a_peer_that_pushes_the_same_again_before_the_store_answers_counts_once():
    push = m.Push(make_transaction(b"payload"), 1)

    core, host = _flooded(lambda number: push, 10, helps=False)

    host.play_loaded(core, 3.0)
    assert host.verifying == [push.transaction]
    assert core.counters.duplicates == 9


def test_hashes_that_the_store_is_asked_about_are_bounded(monkeypatch):
    monkeypatch.setattr(arriving, "_MOST_ASKED", 1500)

    core, host = _flooded(_announce, 3, helps=False)

    assert len([load for load in host.loads if isinstance(load, m.LoadKnown)]) == 1500
    assert core.counters.left_to_sync == 1500
