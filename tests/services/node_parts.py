"""Whole nodes in one process: real everything, over the transport in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from service_parts import hashes_of, submission, wait_until

from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.builtin.memory_transport import NAME, MemoryNetwork, MemoryTransport
from sorcha_peer_core.config import Config
from sorcha_peer_core.hookspecs import Offer, hookimpl
from sorcha_peer_core.interfaces.transport import TransportContext
from sorcha_peer_core.node import Node
from sorcha_peer_core.plugin_manager import PluginManager


class GrpcInMemory(MemoryTransport):
    """The transport in memory under a scheme that a bootstrap entry can name."""

    schemes = ("grpc",)

    def listen(self, events):
        return [endpoint._replace(scheme="grpc") for endpoint in super().listen(events)]

    def dial(self, endpoint, events, timeout_s):
        return super().dial(endpoint._replace(scheme=NAME), events, timeout_s)


class InMemory:
    """A plugin that brings the transport of one network, and what a test adds."""

    def __init__(self, network: MemoryNetwork, port: int, store: Any = None, services: Any = ()) -> None:
        self._network = network
        self._port = port
        self._store = store
        self._services = services

    @hookimpl
    def peer_transports(self):
        return [Offer("memory", self._build, "for tests")]

    @hookimpl
    def peer_stores(self):
        return [Offer("given", lambda url, data_dir: self._store, "for tests")]

    @hookimpl
    def peer_services(self, node):
        return list(self._services)

    def _build(self, context: TransportContext) -> MemoryTransport:
        return GrpcInMemory(self._network, "memory", self._port)


class Village:
    """Nodes that can reach each other. ``node`` makes and starts one; its number is its port."""

    def __init__(self, tmp_path: Path) -> None:
        self.network = MemoryNetwork()
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
        **sections: Any,
    ) -> Node:
        settings: dict[str, Any] = {
            "node": {"data_dir": str(self._tmp_path / f"node{number}"), "name": f"node {number}"},
            "communication": {"transports": ["memory"], "listen": "127.0.0.1:0", "shutdown_grace_s": 3.0},
            "peer_discovery": {"bootstrap_nodes": [f"memory:{port}" for port in bootstrap]},
            "security": {"mode": "insecure"},
            "store": {"url": "given://" if store is not None else url},
        }
        for section, keys in sections.items():
            settings.setdefault(section, {}).update(keys)
        plugin = InMemory(self.network, number, store, services)
        plugins = PluginManager([("builtin", builtin_plugin), ("in memory", plugin)], discover=False)
        node = Node(Config.model_validate(settings), plugins)
        node.start()
        self._running.append(node)
        return node

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
