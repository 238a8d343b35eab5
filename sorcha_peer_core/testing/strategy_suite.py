"""The behaviour of a strategy: subclass the suite, say how to build yours, and pytest runs every test of it.

class TestMyStrategy(StrategySuite):
    def build(self):
        return MyStrategy()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.strategy import View
from sorcha_peer_core.testing.network import Network
from sorcha_peer_core.testing.network_node import World

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Spread, Strategy
    from sorcha_peer_core.model.ids import TxHash

SIZES = (1, 1000, 4096, 4097, 16_385, 100_000, 300_000)
KNOWN = (1, 2, 5, 12, 31, 32, 33, 40, 41, 100, 1000, 10_000)
LARGE = bytes(range(256)) * 1600  # 400 KB


class StrategySuite:
    """What the core relies on, and what a network relies on."""

    def build(self) -> Strategy:
        """Return a strategy as configuration would build it. Overridden by its author."""
        raise NotImplementedError("say in build() how to build the strategy under test")

    # The answers.

    def test_it_has_a_name(self) -> None:
        """Configuration chooses it by that."""
        name = self.build().name

        assert name
        assert name == name.strip()

    def test_the_same_view_and_the_same_generator_give_the_same_answer(self) -> None:
        """It keeps nothing from one question to the next: every network can be played again."""
        for view, size, hop in _questions():
            strategy = self.build()
            first = _asked(strategy, view, size, hop, Random(7))
            _asked(strategy, view._replace(peers=view.peers[:1], eager=()), 50, 3, Random(8))

            assert _asked(strategy, view, size, hop, Random(7)) == first
            assert _asked(self.build(), view, size, hop, Random(7)) == first

    def test_nobody_is_named_twice_and_nobody_who_is_not_in_the_view(self) -> None:
        """A peer gets the payload or the hash, not both."""
        for view, size, hop in _questions():
            for spread in _asked(self.build(), view, size, hop, Random(7)):
                named = [*spread.push, *spread.announce]

                assert len(named) == len(set(named))
                assert set(named) <= set(view.peers)

    def test_an_origin_tells_somebody_when_there_is_somebody(self) -> None:
        """Nobody else can."""
        for view, size, _ in _questions():
            if view.peers:
                spread = self.build().originate(view, size, Random(7))

                assert spread.push or spread.announce

    def test_its_waits_and_counts_are_none_below_nothing(self) -> None:
        """Times are seconds; zero means at once, or none."""
        strategy = self.build()

        for view, size, hop in _questions():
            assert all(spread.announce_after_s >= 0 for spread in _asked(strategy, view, size, hop, Random(7)))
        for known in KNOWN:
            assert strategy.eager_links(known, known) >= 0
            assert all(strategy.pull_wait_s(size, known, known) >= 0 for size in SIZES)

    def test_it_wants_links_and_no_more_than_there_are_peers(self) -> None:
        """However large the network is."""
        strategy = self.build()

        assert all(1 <= strategy.links_wanted(known) <= known for known in KNOWN)

    # A network.

    def test_everybody_gets_everything_where_everybody_is_linked(self) -> None:
        """Within a second, over links of at most 50 ms."""
        net = self._network(8)
        net.link_all()
        net.run(1.0)

        hashes = _submit(net, 16)
        net.run(1.0)

        assert _lacking(net, hashes) == []

    def test_everybody_gets_everything_over_so_many_links_as_it_wants(self) -> None:
        """In a network too large for everybody to be linked to everybody."""
        net = self._linked_network(80, World())

        hashes = _submit(net, 20)
        net.run(3.0)

        assert _lacking(net, hashes) == []

    def test_everybody_gets_what_is_large(self) -> None:
        """Whether it is pushed or announced."""
        net = self._linked_network(40, World())

        hashes = [net.submit(number, bytes([number]) + LARGE[:size]) for number, size in enumerate((20_000, 100_000, 400_000))]
        net.run(10.0)

        assert _lacking(net, hashes) == []

    def test_everybody_gets_everything_although_messages_vanish(self) -> None:
        """One of twenty: what is asked for again comes soon, the rest by sync."""
        net = self._linked_network(40, World(loss_ratio=0.05))

        hashes = _submit(net, 20)

        assert net.run_until(lambda: not _lacking(net, hashes), most_s=200.0, step_s=1.0)

    def test_everybody_alive_gets_everything_although_a_third_dies(self) -> None:
        """While it is being spread."""
        net = self._linked_network(40, World())

        hashes = _submit(net, 20)
        net.run(0.05)
        for index in range(20, 33):
            net.crash(index)

        assert net.run_until(lambda: not _lacking(net, hashes), most_s=200.0, step_s=1.0)

    def test_the_same_seed_gives_the_same_network(self) -> None:
        """Message by message."""

        def trace() -> list[tuple[float, int, int, str]]:
            net = self._linked_network(34, World())
            _submit(net, 5)
            net.run(1.0)
            return net.trace

        assert trace() == trace()

    def _network(self, count: int, world: World | None = None) -> Network:
        return Network(count, seed=3, world=world, strategy=self.build)

    def _linked_network(self, count: int, world: World) -> Network:
        net = self._network(count, world)
        net.link_some(self.build().links_wanted(count - 1))
        for node in net.nodes:
            node.alive.known_peers(count - 1)
        net.run(1.0)
        return net


def _questions() -> Iterator[tuple[View, int, int]]:
    rng = Random(1)
    for known in KNOWN:
        for linked in {min(known, 12), min(known, 64)}:
            peers = tuple(range(linked))
            eager = tuple(peer for peer in peers if rng.random() < 0.3)
            for size in SIZES:
                yield View(peers, linked, known, reach=rng.choice((0, 3, linked)), eager=eager), size, rng.choice((1, 2, 40))
                yield View(peers[:-1], linked, known, eager=eager[:-1]), size, 2
    yield View((), 5, 5), 100, 1


def _asked(strategy: Strategy, view: View, size: int, hop: int, rng: Random) -> tuple[Spread, Spread]:
    one, two = strategy.originate(view, size, rng), strategy.relay(view, size, hop, rng)
    return one._replace(push=tuple(one.push), announce=tuple(one.announce)), two._replace(
        push=tuple(two.push), announce=tuple(two.announce)
    )


def _submit(net: Network, count: int) -> list[TxHash]:
    hashes = []
    for number in range(count):
        hashes.append(net.submit(number % min(count, 20, len(net.nodes)), b"payload %d" % number * (1 + 50 * (number % 3))))
        net.run(0.02)
    return hashes


def _lacking(net: Network, hashes: Iterable[TxHash]) -> list[int]:
    """The nodes that run and lack something."""
    wanted = set(hashes)
    return [node.index for node in net.nodes if node.core is not None and not wanted <= set(node.disk.log)]
