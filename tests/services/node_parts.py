"""Whole nodes in one process: real everything, over the transport in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from link_parts import HOST, Cable, Rung
from service_parts import hashes_of, submission, wait_until

from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.builtin.memory_transport import MemoryNetwork
from sorcha_peer_core.config import Config
from sorcha_peer_core.hookspecs import Offer, hookimpl
from sorcha_peer_core.interfaces.transport import TransportContext
from sorcha_peer_core.node import Node
from sorcha_peer_core.plugin_manager import PluginManager


class InMemory:
    """A plugin that brings transports of one network, by name, and what a test adds."""

    def __init__(self, rungs: Mapping[str, Rung], store: Any = None, services: Any = ()) -> None:
        self._rungs = rungs
        self._store = store
        self._services = services

    @hookimpl
    def peer_transports(self):
        return [Offer(name, self._builder(rung), "for tests") for name, rung in self._rungs.items()]

    @hookimpl
    def peer_stores(self):
        return [Offer("given", lambda url, data_dir: self._store, "for tests")]

    @hookimpl
    def peer_services(self, node):
        return list(self._services)

    def _builder(self, rung: Rung) -> Callable[[TransportContext], Rung]:
        def build(context: TransportContext) -> Rung:
            if context.credentials is not None:
                pem = context.credentials.server().certificate_pem
                rung.certificate = load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
            return rung

        return build


_SCHEMES = ("grpc", "rest")
"""Of the transports of a node, in order: a bootstrap entry can name no others."""


class Village:
    """Nodes that can reach each other. ``node`` makes and starts one; its number is its port."""

    def __init__(self, tmp_path: Path) -> None:
        self.network = MemoryNetwork()
        self.cables: defaultdict[str, Cable] = defaultdict(Cable)
        """What the transports of all nodes run through, by name."""
        self.rungs: dict[tuple[int, str], Rung] = {}
        """The transports of each node, by its number and their name."""
        self._tmp_path = tmp_path
        self._running: list[Node] = []

    def node(
        self,
        number: int,
        *,
        bootstrap: tuple[int, ...] = (),
        store: Any = None,
        url: str = "memory://",
        services: Any = (),
        rungs: Sequence[str] = ("memory",),
        host: str = HOST,
        plugins: Mapping[str, object] | None = None,
        **sections: Any,
    ) -> Node:
        settings: dict[str, Any] = {
            "node": {"data_dir": str(self._tmp_path / f"node{number}"), "name": f"node {number}"},
            "communication": {"transports": list(rungs), "listen": "127.0.0.1:0", "shutdown_grace_s": 3.0},
            "peer_discovery": {"bootstrap_nodes": [f"{HOST}:{port}" for port in bootstrap]},
            "security": {"mode": "insecure"},
            "store": {"url": "given://" if store is not None else url},
        }
        for section, keys in sections.items():
            settings.setdefault(section, {}).update(keys)
        plugin = InMemory(self._make_rungs(number, rungs, host), store, services)
        found = [("builtin", builtin_plugin), ("in memory", plugin), *(plugins or {}).items()]
        node = Node(Config.model_validate(settings), PluginManager(found, discover=False))
        node.start()
        self._running.append(node)
        return node

    def _make_rungs(self, number: int, names: Sequence[str], host: str) -> dict[str, Rung]:
        made = {
            name: Rung(self.network, name, _SCHEMES[place], port=number + 1000 * place, host=host, cable=self.cables[name])
            for place, name in enumerate(names)
        }
        self.rungs.update({(number, name): rung for name, rung in made.items()})
        return made

    def stop(self, *nodes: Node) -> None:
        for node in nodes or list(self._running):
            if node in self._running:
                self._running.remove(node)
                node.stop("the test is over")


def submit(node: Node, *payloads: bytes) -> None:
    """Hand payloads to a node."""
    node.submit([submission(payload) for payload in payloads])


def held_by(node: Node) -> set[bytes]:
    """Hashes of the transactions in the node's log."""
    return {entry.hash for entry in node.transactions(0, 100_000).entries}


def everywhere(nodes: list[Node], payloads: list[bytes]) -> Callable[[], bool]:
    """Whether each node has exactly these."""
    hashes = hashes_of(payloads)
    return lambda: all(node.status().transactions_stored == len(hashes) and held_by(node) == hashes for node in nodes)


def wait_for_links(*nodes: Node) -> None:
    """Wait until everybody is linked to everybody."""
    wait_until(lambda: all(node.status().peers_connected == len(nodes) - 1 for node in nodes), "everybody is linked", 10.0)
