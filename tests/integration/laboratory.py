"""The laboratory: an internet of the test's own, with hosts on it, homes behind routers, and real nodes on all of them.

Addresses look global to the nodes and are seen in the laboratory only: host 3 is 5.3.0.1 and 2a05:3::1, the outside of home
2 is 5.102.0.1, its inside 192.168.2.0/24. So every host and home is a network group of its own, as strangers' are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from laboratory_namespaces import Namespace, loopback_relay, namespace_of_the_test, remove_leftovers, require_namespaces, run
from laboratory_nat import Nat, rules_of

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, merged_tables, toml_of
from sorcha_peer_core.config import CONFIG_FILE

GRPC_PORT = 5001
REST_PORT = 5002
STUN_PORT = 3478
_FIRST_ADMIN_PORT = 5080
_BASE = {
    "plugins": {"rest": {"listen": f"[::]:{REST_PORT}"}},
    # Whatever a node asks of the internet it asks in the laboratory.
    "network_address": {"stun_servers": [], "http_lookup_services": []},
}


class Host:
    """A machine with an interface ``eth0``."""

    def __init__(self, namespace: Namespace, admin_port: int, v4: Sequence[str], v6: Sequence[str]) -> None:
        self.namespace = namespace
        self.admin_port = admin_port
        self.v4 = v4
        self.v6 = v6

    @property
    def contact(self) -> str:
        """Where a node on it is dialled, by the first of its addresses."""
        return f"{self.v4[0]}:{GRPC_PORT}" if self.v4 else f"[{self.v6[0]}]:{GRPC_PORT}"

    def drop(self, protocol: str, port: int) -> None:
        """From now on what is sent to this port of it gets no answer, not even a refusal."""
        rule = f"chain input {{ type filter hook input priority filter; {protocol} dport {port} drop; }};"
        self.namespace.nft(f"table inet silent {{ {rule} }}\n")

    def lift(self) -> None:
        """It answers again."""
        self.namespace.nft("delete table inet silent\n")


class Home:
    """A private network behind a router, which has one address outside."""

    def __init__(self, number: int, nat: Nat, laboratory: Laboratory) -> None:
        self._number = number
        self._nat = nat
        self._laboratory = laboratory
        self._router = Namespace()
        self._hosts = 0
        self._moves = 0

    @property
    def outside(self) -> str:
        """The address by which the internet sees everything that is inside."""
        return f"5.{100 + self._number}.{self._moves}.1"

    def make(self) -> None:
        """The router, with nobody inside yet."""
        self._laboratory.make(self._router)
        self._laboratory.plug(self._router, "outside")
        self._router.ip("link", "add", "inside", "type", "bridge")
        self._router.ip("address", "add", f"{self._inside(1)}/24", "dev", "inside")
        self._router.ip("link", "set", "inside", "up")
        self._router.set_kernel("ipv4/ip_forward", 1)
        self._take_address()

    def host(self) -> Host:
        """Another machine inside; a full cone is for the first."""
        self._hosts += 1
        address, there = self._inside(1 + self._hosts), f"host{self._hosts}"
        host = self._laboratory.machine(v4=(address,))
        self._router.ip("link", "add", there, "type", "veth", "peer", "name", "eth0", "netns", host.namespace.name)
        self._router.ip("link", "set", there, "master", "inside", "up")
        host.namespace.ip("address", "add", f"{address}/24", "dev", "eth0")
        host.namespace.ip("link", "set", "eth0", "up")
        host.namespace.ip("route", "add", "default", "via", self._inside(1))
        return host

    def move(self) -> None:
        """The provider gives the router another address; nothing comes to the old one any more."""
        self._router.ip("address", "delete", f"{self.outside}/8", "dev", "outside")
        self._moves += 1
        self._take_address()

    def _take_address(self) -> None:
        self._router.ip("address", "add", f"{self.outside}/8", "dev", "outside")
        self._router.nft(rules_of(self._nat, self.outside, self._inside(2)))

    def _inside(self, place: int) -> str:
        return f"192.168.{self._number}.{place}"


class Laboratory:
    """Everything of one test. Whatever was made or started in it is gone when it closes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cluster = Cluster(root, 0)
        self._machines = 0
        self._publics = 0
        self._homes = 0
        self._plugs = 0
        self._stack = ExitStack()

    @classmethod
    @contextmanager
    def opened(cls, root: Path) -> Iterator[Laboratory]:
        """One whose data directories and logs lie under ``root``; skips where namespaces are not permitted."""
        require_namespaces()
        remove_leftovers()
        laboratory = cls(root)
        with namespace_of_the_test():
            run("ip", "link", "add", "internet", "type", "bridge")
            run("ip", "link", "set", "internet", "up")
            with laboratory._stack:
                # Comes last. Until then the namespaces have taken all nodes along: nobody needs their orderly stop.
                laboratory.at_end(laboratory._cluster.close)
                yield laboratory

    @property
    def root(self) -> Path:
        """Where its files lie."""
        return self._root

    @property
    def nodes(self) -> Sequence[NodeProcess]:
        """All that were started."""
        return self._cluster.nodes

    def at_end(self, end: Callable[[], object]) -> None:
        """Have something called when the laboratory closes, the last one first."""
        self._stack.callback(end)

    # Hosts.

    def public_host(self, families: str = "46", addresses: int = 1) -> Host:
        """A machine on the internet, with so many addresses of each family."""
        self._publics += 1
        places, number = range(1, 1 + addresses), self._publics
        v4 = [f"5.{number}.0.{place}" for place in places if "4" in families]
        v6 = [f"2a05:{number}::{place}" for place in places if "6" in families]
        host = self.machine(v4, v6)
        self.plug(host.namespace, "eth0")
        for address in v4:
            host.namespace.ip("address", "add", f"{address}/8", "dev", "eth0")
        for address in v6:
            # Nobody else has it: the search for somebody who has would take a second.
            host.namespace.ip("address", "add", f"{address}/16", "dev", "eth0", "nodad")
        if not v6:
            host.namespace.set_kernel("ipv6/conf/eth0/disable_ipv6", 1)
        return host

    def home(self, nat: Nat) -> Home:
        """A private network behind a router of this kind."""
        self._homes += 1
        home = Home(self._homes, nat, self)
        home.make()
        return home

    def machine(self, v4: Sequence[str] = (), v6: Sequence[str] = ()) -> Host:
        """A machine with these addresses to be; whoever asks for it lays its cable."""
        host = Host(Namespace(), _FIRST_ADMIN_PORT + self._machines, tuple(v4), tuple(v6))
        self._machines += 1
        self.make(host.namespace)
        self.at_end(loopback_relay(host.namespace, host.admin_port).stop)
        return host

    def plug(self, namespace: Namespace, interface: str) -> None:
        """Give a namespace an interface to the internet."""
        self._plugs += 1
        here = f"plug{self._plugs}"
        run("ip", "link", "add", here, "type", "veth", "peer", "name", interface, "netns", namespace.name)
        run("ip", "link", "set", here, "master", "internet", "up")
        namespace.ip("link", "set", interface, "up")

    def make(self, namespace: Namespace) -> None:
        """Make a namespace that is gone at the end, and what runs in it as well."""
        self.at_end(namespace.remove)
        namespace.make()

    # Nodes.

    def node(
        self,
        host: Host,
        config: Mapping[str, Any] | None = None,
        bootstrap: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> NodeProcess:
        """A node on a host, started and not waited for; ``env`` is for its process alone."""
        number = 1 + len(self._cluster.nodes)
        node = NodeProcess(number, self._root / f"node-{number}")
        self._cluster.nodes.append(node)
        node.data_dir.mkdir()
        (node.data_dir / CONFIG_FILE).write_text(toml_of(merged_tables(_BASE, config or {})), encoding="utf-8")
        variables = [f"{name}={value}" for name, value in (env or {}).items()]
        node.prefix = (*host.namespace.prefix, "env", *variables)
        node.listen, node.admin = f"[::]:{GRPC_PORT}", f"127.0.0.1:{host.admin_port}"
        node.spawn(bootstrap)
        return node
