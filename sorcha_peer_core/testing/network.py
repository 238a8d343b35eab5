"""A small network of real Cores in virtual time: deterministic, in memory, for tests of what nodes do together.

Links are reliable pipes with a latency and a rate, emptied from the shipped send queues; what is in flight when one is cut is
lost. A node that crashes loses its Core and what its store had not committed; log, outbox and cursors survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.sendqueue import SendQueue
from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.testing.network_node import Node, World, make_transaction, size_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.host import Priority

Answering = Callable[[int, m.Message], Iterable[m.Message]]
"""What a scripted peer says when it is sent a message."""


class _Pipe:
    """One direction of a link."""

    def __init__(self, net: Network, link: _Link, source: int, target: int) -> None:
        self._net = net
        self._link = link
        self._source = source
        self._target = target
        self._queue: SendQueue[m.Message] = SendQueue(net.world.queue_limit_bytes)
        self._busy = False

    def put(self, message: m.Message, priority: Priority) -> None:
        self._net.dropped += self._queue.put(message, size_of(message), priority)
        if not self._busy:
            self._busy = True
            self._net.after(0.0, self._drain)

    def _drain(self) -> None:
        self._busy = bool(self._queue) and self._link.up
        if not self._busy:
            return
        batch = self._queue.take(self._net.world.batch_bytes)
        took_s = sum(map(size_of, batch)) / self._net.world.bytes_per_s
        self._net.after(took_s + self._link.latency_s, lambda: self._deliver(batch))
        self._net.after(took_s, self._drain)

    def _deliver(self, batch: list[m.Message]) -> None:
        for message in batch:
            if self._link.up and not self._net.loses():
                self._net.deliver(self._source, self._target, message)


class _Link:
    def __init__(self, net: Network, one: int, two: int, latency_s: float) -> None:
        self.up = True
        self.latency_s = latency_s
        self.pipes = {one: _Pipe(net, self, one, two), two: _Pipe(net, self, two, one)}


class Network:
    """Nodes, links and a clock. The same seed and the same calls give the same trace."""

    def __init__(
        self, count: int, seed: int = 1, world: World | None = None, strategy: Callable[[], Strategy] | None = None
    ) -> None:
        self.world = world or World()
        self._strategy = strategy or self._mesh
        self.seed = seed
        self.now = 0.0
        self.dropped = 0
        self.trace: list[tuple[float, int, int, str]] = []
        self._rng = Random(seed)
        self._order = 0
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._links: dict[tuple[int, int], _Link] = {}
        self._wanted_links: dict[tuple[int, int], float] = {}
        self._scripts: dict[int, Answering] = {}
        self.on_deliver: Callable[[int, int, m.Message], None] | None = None
        self.nodes = [Node(self, index) for index in range(count)]
        for node in self.nodes:
            node.boot(self._strategy())

    def add_script(self, answering: Answering) -> int:
        """A peer without a Core: whatever it is sent, it says what ``answering(sender, message)`` returns."""
        index = len(self.nodes) + len(self._scripts)
        self._scripts[index] = answering
        return index

    # Links.

    def link_all(self) -> None:
        """Everybody with everybody, and each knows it."""
        members = [node.index for node in self.nodes] + list(self._scripts)
        for at, one in enumerate(members):
            for two in members[at + 1 :]:
                self.link(one, two)

    def link_some(self, each: int) -> None:
        """A connected random graph: a ring, and links to random others until everybody has about ``each``."""
        count = len(self.nodes)
        for one in range(count):
            self.link(one, (one + 1) % count)
            for two in self._rng.sample(range(count), max(0, each // 2 - 1)):
                if one != two:
                    self.link(one, two)

    def link(self, one: int, two: int) -> None:
        """Make a link, now and whenever both are up again."""
        self._wanted_links.setdefault(_pair(one, two), self._rng.uniform(*self.world.latency_s))
        self.dial(one, two)

    def cut(self, one: int, two: int) -> None:
        """End a link for as long as nobody calls ``link`` again; what is in flight is lost."""
        self._wanted_links.pop(_pair(one, two), None)
        self.drop_link(one, two)

    def dial(self, one: int, two: int) -> None:
        """Bring a wanted link up if both sides run."""
        pair = _pair(one, two)
        latency_s = self._wanted_links.get(pair)
        if latency_s is None or pair in self._links or not (self._runs(one) and self._runs(two)):
            return
        self._links[pair] = _Link(self, *pair, latency_s)
        for here, there in (pair, pair[::-1]):
            if here not in self._scripts:
                node = self.nodes[here]
                self._count_known(node)
                node.alive.link_up(there, node.disk.cursors.get(there, m.Cursor(0, 0)), self.now)

    def drop_link(self, one: int, two: int) -> None:
        """A link breaks; both sides notice at once."""
        link = self._links.pop(_pair(one, two), None)
        if link is None:
            return
        link.up = False
        for here, there in ((one, two), (two, one)):
            core = None if here in self._scripts else self.nodes[here].core
            if core is not None:
                core.link_down(there, self.now)

    # Nodes.

    def crash(self, index: int) -> None:
        """kill -9."""
        self.nodes[index].die()
        for pair in [pair for pair in self._links if index in pair]:
            self.drop_link(*pair)

    def restart(self, index: int) -> None:
        """Start again on the same disk and link as before; nothing happens to a node that runs."""
        if self.nodes[index].core is None:
            self.nodes[index].boot(self._strategy())
            for pair in [pair for pair in self._wanted_links if index in pair]:
                self.dial(*pair)

    def submit(self, index: int, payload: bytes) -> TxHash:
        """A submission: committed to the outbox and released at once."""
        node = self.nodes[index]
        transaction = make_transaction(payload, index, created_ms=node.unix_ms(), chunk_bytes=self.world.chunk_bytes)
        if transaction.hash not in node.disk.transactions:
            node.disk.outbox[transaction.hash] = transaction
            node.alive.submit(transaction, self.now)
        return transaction.hash

    def holders(self, tx_hash: TxHash) -> list[int]:
        """The nodes that have it in their logs."""
        return [node.index for node in self.nodes if tx_hash in node.disk.transactions]

    # Time.

    def after(self, delay_s: float, call: Callable[[], object]) -> None:
        """Schedule a call; calls of the same moment run in the order in which they were scheduled."""
        self._order += 1
        heappush(self._events, (self.now + delay_s, self._order, call))

    def run(self, for_s: float) -> None:
        """Let virtual time pass."""
        end = self.now + for_s
        while self._events and self._events[0][0] <= end:
            self.now, _, call = heappop(self._events)
            call()
        self.now = end

    def run_until(self, happened: Callable[[], bool], most_s: float, step_s: float = 0.05) -> bool:
        """Let time pass until something has happened; False when it did not within ``most_s``."""
        end = self.now + most_s
        while not happened() and self.now < end:
            self.run(step_s)
        return happened()

    def send(self, source: int, target: int, message: m.Message, priority: Priority) -> None:
        """Put a message into a link's send queue; without a link it is lost."""
        link = self._links.get(_pair(source, target))
        if link is not None:
            link.pipes[source].put(message, priority)

    def deliver(self, source: int, target: int, message: m.Message) -> None:
        """A message arrives."""
        self.trace.append((self.now, source, target, type(message).__name__))
        if self.on_deliver is not None:
            self.on_deliver(source, target, message)
        if target in self._scripts:
            for answer in self._scripts[target](source, message):
                self.say(target, source, answer)
        elif self.nodes[target].core is not None:
            self.nodes[target].alive.receive(source, message, self.now)

    def say(self, source: int, target: int, message: m.Message) -> None:
        """A scripted peer says something, past any queue."""
        link = self._links.get(_pair(source, target))
        if link is not None:
            self.after(link.latency_s, lambda: self.deliver(source, target, message) if link.up else None)

    def _runs(self, index: int) -> bool:
        return index in self._scripts or self.nodes[index].core is not None

    def _count_known(self, node: Node) -> None:
        node.alive.known_peers(sum(node.index in pair for pair in self._wanted_links))

    def loses(self) -> bool:
        """Whether the next message vanishes."""
        return self.world.loss_ratio > 0.0 and self._rng.random() < self.world.loss_ratio

    def _mesh(self) -> Mesh:
        config = self.world.config
        return Mesh(self.world.full_mesh_max_peers, config.eager_max_bytes)


def _pair(one: int, two: int) -> tuple[int, int]:
    return (one, two) if one < two else (two, one)
