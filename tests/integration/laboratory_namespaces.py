"""Network namespaces: hosts and routers that exist only in tests. Needs Linux, the rights of root and iproute2.

The test's process goes into a namespace of its own, so that nothing of what is laid there is seen outside and the kernel
takes it back when the process ends, however it ends. The namespaces of hosts have names, because programs are started in
them by name; those that a killed run has left are removed by the next one.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import gevent
import pytest
from gevent.server import StreamServer

_CLONE_NEWNET = 0x40000000
_TOOLS = {"ip": "iproute2", "nft": "nftables", "setpriv": "util-linux"}
_OWN_NAME = re.compile(r"sorcha-(?P<pid>\d+)-\d+")
_NAMED = Path("/run/netns")
_numbers = count()


def require_namespaces() -> None:
    """Skip the test that asks, by name of what is missing."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed (Debian package {package})")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need the rights of root")
    probe = Namespace()
    made = subprocess.run(["ip", "netns", "add", probe.name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"network namespaces are not allowed here: {made.stderr.strip()}")
    probe.remove()


class Namespace:
    """A network of one machine. Its loopback interface is up once it is made."""

    def __init__(self) -> None:
        self.name = f"sorcha-{os.getpid()}-{next(_numbers)}"

    def make(self) -> None:
        """Make it, without any interface but loopback."""
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def remove(self) -> None:
        """End whatever still runs in it, and take it away; it may be gone already."""
        _remove(self.name)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What starts a program in it."""
        return ("ip", "netns", "exec", self.name)

    def ip(self, *arguments: str) -> None:
        """Run iproute2's ``ip`` on it."""
        run("ip", "-n", self.name, *arguments)

    def nft(self, rules: str) -> None:
        """Give rules to its packet filter."""
        run(*self.prefix, "nft", "-f", "-", stdin=rules)

    def set_kernel(self, key: str, value: int) -> None:
        """Set a variable under ``/proc/sys/net`` for it alone."""
        with self.entered():
            Path("/proc/sys/net", key).write_text(str(value), encoding="ascii")

    def socket(
        self, family: socket.AddressFamily = socket.AF_INET, kind: socket.SocketKind = socket.SOCK_STREAM
    ) -> socket.socket:
        """A new socket in it, for this process: a socket stays in the namespace in which it was made."""
        with self.entered():
            return socket.socket(family, kind)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in it; nothing may wait in between, or other greenlets would be in it as well."""
        with open("/proc/thread-self/ns/net", "rb") as here, open(_NAMED / self.name, "rb") as there:
            _libc_call("setns", there.fileno(), _CLONE_NEWNET)
            try:
                yield
            finally:
                _libc_call("setns", here.fileno(), _CLONE_NEWNET)


@contextmanager
def namespace_of_the_test() -> Iterator[None]:
    """This thread and its children are in a fresh namespace without a name; loopback is up."""
    with open("/proc/thread-self/ns/net", "rb") as outside:
        _libc_call("unshare", _CLONE_NEWNET)
        try:
            run("ip", "link", "set", "lo", "up")
            yield
        finally:
            _libc_call("setns", outside.fileno(), _CLONE_NEWNET)


def remove_leftovers() -> None:
    """Take away the namespaces of runs that have ended without doing so, and what runs in them."""
    for path in _NAMED.iterdir() if _NAMED.is_dir() else ():
        named = _OWN_NAME.fullmatch(path.name)
        if named and not Path("/proc", named["pid"]).exists():
            _remove(path.name)


def loopback_relay(namespace: Namespace, port: int) -> StreamServer:
    """Bring a port on loopback of a namespace to the same port on loopback here; the caller stops it."""

    def connected(here: socket.socket, address: object) -> None:
        with namespace.socket() as there:
            try:
                there.connect(("127.0.0.1", port))
            except OSError:
                # As if it was not listened here: whoever connected sees the end.
                return
            gevent.wait([gevent.spawn(_pour, here, there), gevent.spawn(_pour, there, here)])

    relay = StreamServer(("127.0.0.1", port), connected)
    relay.start()
    return relay


def run(*command: str, stdin: str = "") -> None:
    """Run a program that has to succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


def _remove(name: str) -> None:
    found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    for pid in map(int, found.stdout.split()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone: the other learns it at once.
        source.close()
        target.close()


def _libc_call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
