"""A network of the test's own: every node in a network namespace with an address of its own, joined by a bridge.

The bridge and its addresses lie in the namespace of this process, and only as long as the network is open. The management
API of a node listens on loopback of its namespace; a relay in this process brings it to loopback here, under the same port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gevent.server import StreamServer
from laboratory_namespaces import Namespace, loopback_relay, namespace_of_the_test, remove_leftovers, run

from sorcha_peer_core.cli.cluster import Cluster, merged_tables

GRPC_PORT = 5001
REST_PORT = 5002
_ADMIN_PORT = 5080
"""Of the first host; the next has the next."""


class PrivateNetwork:
    """Some hosts on one bridge. ``host(0)`` is the first."""

    def __init__(self, hosts: int) -> None:
        self._hosts = [Namespace() for _ in range(hosts)]
        self._relays: list[StreamServer] = []

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make it and enter it: this process and its children see the bridge; leave and remove it at the end."""
        remove_leftovers()
        with namespace_of_the_test():
            try:
                self._make()
                yield
            finally:
                for relay in self._relays:
                    relay.stop()
                for host in self._hosts:
                    host.remove()

    def host(self, place: int) -> str:
        """Its address."""
        return f"10.77.0.{place + 1}"

    def admin(self, place: int) -> str:
        """Where the management API of its node listens, there and by way of the relay here."""
        return f"127.0.0.1:{_ADMIN_PORT + place}"

    def prefix(self, place: int) -> tuple[str, ...]:
        """What starts a program on a host."""
        return self._hosts[place].prefix

    def drop_port(self, place: int, port: int) -> None:
        """From now on nothing passes between this host and the others from or to a TCP port, whoever dialled."""
        rules = "".join(
            f"chain {hook} {{ type filter hook {hook} priority 0; tcp dport {port} drop; tcp sport {port} drop; }}\n"
            for hook in ("input", "output")
        )
        self._hosts[place].nft(f"table inet test {{\n{rules}}}\n")

    def part(self, *ends: Sequence[int]) -> None:
        """From now on nothing passes between hosts of different ends, whoever dialled; within an end everything does."""
        for end in ends:
            others = ", ".join(self.host(place) for other in ends if other is not end for place in other)
            rules = f"chain input {{ type filter hook input priority 0; ip saddr {{ {others} }} drop; }}\n"
            for place in end:
                self._hosts[place].nft(f"table inet test {{\n{rules}}}\n")

    def join(self, *ends: Sequence[int]) -> None:
        """The ends are one network again."""
        for end in ends:
            for place in end:
                self.lift(place)

    def lift(self, place: int) -> None:
        """Everything passes again."""
        self._hosts[place].nft("delete table inet test\n")

    def _make(self) -> None:
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "address", "add", "10.77.0.254/24", "dev", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for place, host in enumerate(self._hosts):
            host.make()
            run("ip", "link", "add", f"host{place}", "type", "veth", "peer", "name", "eth0", "netns", host.name)
            run("ip", "link", "set", f"host{place}", "master", "bridge", "up")
            host.ip("address", "add", f"{self.host(place)}/24", "dev", "eth0")
            host.ip("link", "set", "eth0", "up")
            self._relays.append(loopback_relay(host, _ADMIN_PORT + place))


def cluster_in(network: PrivateNetwork, root: Path, configs: Sequence[Mapping[str, Any]], hidden: Sequence[int] = ()) -> Cluster:
    """Nodes on the hosts of a network, one each, on the usual ports; those in ``hidden`` listen for themselves only."""
    tables = []
    for place, config in enumerate(configs):
        where = "127.0.0.1" if place in hidden else network.host(place)
        tables.append(merged_tables({"plugins": {"rest": {"listen": f"{where}:{REST_PORT}"}}}, config))
    cluster = Cluster(root, len(configs), tables)
    for place, node in enumerate(cluster.nodes):
        node.prefix = network.prefix(place)
        node.listen = f"{'127.0.0.1' if place in hidden else network.host(place)}:{GRPC_PORT}"
        node.admin = network.admin(place)
    return cluster
