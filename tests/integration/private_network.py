"""A network of the test's own: every node in a network namespace with an address of its own, joined by a bridge.

Needs Linux, the rights of root, iproute2, and for firewall rules nftables. Nothing of it is seen outside: the bridge and
its addresses lie in a namespace that only this process is in, and only as long as the network is open. The management
API of a node listens on loopback of its namespace; a relay in this process brings it to loopback here, under the same port.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer

from sorcha_peer_core.cli.cluster import Cluster, merged_tables

GRPC_PORT = 5001
REST_PORT = 5002
_ADMIN_PORT = 5080
"""Of the first host; the next has the next."""
_CLONE_NEWNET = 0x40000000
_TOOLS = {"ip": "iproute2", "nft": "nftables"}


def require_private_networks() -> None:
    """Skip the test that asks, by name of what is missing."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed (Debian package {package})")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need the rights of root")
    probe = f"sorcha-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"network namespaces are not allowed here: {made.stderr.strip()}")
    _run("ip", "netns", "del", probe)


class PrivateNetwork:
    """Some hosts on one bridge. ``host(0)`` is the first."""

    def __init__(self, hosts: int) -> None:
        self._names = [f"sorcha-{os.getpid()}-{place}" for place in range(hosts)]
        self._relays: list[StreamServer] = []

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make it and enter it: this process and its children see the bridge; leave and remove it at the end."""
        with open("/proc/self/ns/net", "rb") as outside:
            _libc_call("unshare", _CLONE_NEWNET)
            try:
                self._make()
                yield
            finally:
                for relay in self._relays:
                    relay.stop()
                _libc_call("setns", outside.fileno(), _CLONE_NEWNET)
                for name in self._names:
                    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def host(self, place: int) -> str:
        """Its address."""
        return f"10.77.0.{place + 1}"

    def admin(self, place: int) -> str:
        """Where the management API of its node listens, there and by way of the relay here."""
        return f"127.0.0.1:{_ADMIN_PORT + place}"

    def prefix(self, place: int) -> tuple[str, ...]:
        """What starts a program on a host."""
        return ("ip", "netns", "exec", self._names[place])

    def drop_port(self, place: int, port: int) -> None:
        """From now on nothing passes between this host and the others from or to a TCP port, whoever dialled."""
        rules = "".join(
            f"chain {hook} {{ type filter hook {hook} priority 0; tcp dport {port} drop; tcp sport {port} drop; }}\n"
            for hook in ("input", "output")
        )
        _run(*self.prefix(place), "nft", "-f", "-", stdin=f"table inet test {{\n{rules}}}\n")

    def lift(self, place: int) -> None:
        """Everything passes again."""
        _run(*self.prefix(place), "nft", "delete", "table", "inet", "test")

    def _make(self) -> None:
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "bridge", "type", "bridge")
        _run("ip", "address", "add", "10.77.0.254/24", "dev", "bridge")
        _run("ip", "link", "set", "bridge", "up")
        for place, name in enumerate(self._names):
            _run("ip", "netns", "add", name)
            _run("ip", "link", "add", f"host{place}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _run("ip", "link", "set", f"host{place}", "master", "bridge", "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")
            _run("ip", "-n", name, "address", "add", f"{self.host(place)}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")
            self._relay(place)

    def _relay(self, place: int) -> None:
        def connected(here: socket.socket, address: object) -> None:
            with self._socket_on(place) as there:
                there.connect(("127.0.0.1", _ADMIN_PORT + place))
                gevent.wait([gevent.spawn(_pour, here, there), gevent.spawn(_pour, there, here)])

        relay = StreamServer(("127.0.0.1", _ADMIN_PORT + place), connected)
        relay.start()
        self._relays.append(relay)

    def _socket_on(self, place: int) -> socket.socket:
        """A socket stays in the namespace in which it was made."""
        with open("/proc/self/ns/net", "rb") as here, open(f"/run/netns/{self._names[place]}", "rb") as there:
            _libc_call("setns", there.fileno(), _CLONE_NEWNET)
            try:
                return socket.socket()
            finally:
                _libc_call("setns", here.fileno(), _CLONE_NEWNET)


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


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone: the other learns it at once.
        source.close()
        target.close()


def _run(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


def _libc_call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
