"""Against coturn, a STUN server that others wrote. On loopback, so below the rule that an address has to be public."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import gevent
import pytest

from sorcha_nat_stun.asking import ask
from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.exchange import Exchange
from sorcha_nat_stun.families import IPV4, IPV6, Family
from sorcha_nat_stun.nat_type import classify
from sorcha_peer_core.testing.transport_suite import PATIENCE_S

pytestmark = pytest.mark.skipif(not shutil.which("turnserver"), reason="turnserver is not installed (Debian package coturn)")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.bind((host, port))
    except OSError:
        return False
    return True


def _two_free_ports(*hosts: str) -> int:
    """The first of two in a row: coturn takes the next one as its alternative."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_port:
        any_port.bind(("127.0.0.1", 0))
        begin = min(any_port.getsockname()[1], 60_000)
    return next(port for port in range(begin + 1, 65_000) if all(_is_free(host, port + i) for host in hosts for i in (0, 1)))


@contextmanager
def coturn(folder: Path, *hosts: str) -> Iterator[int]:
    """Serves STUN on all ``hosts``; yields the port."""
    try:
        port = _two_free_ports(*hosts)
    except StopIteration:
        pytest.skip(f"this machine does not have all of {', '.join(hosts)}")
    options = ["-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--listening-port", str(port), "--log-file", "stdout"]
    options += ["--pidfile", str(folder / "pid"), "--db", str(folder / "db"), *(f"--listening-ip={host}" for host in hosts)]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["turnserver", *options], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for_it(hosts[0], port, folder / "log")
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_for_it(host: str, port: int, log: Path) -> None:
    end_at = monotonic() + PATIENCE_S
    while not ask_one(host, port, 0.2).answers:
        assert monotonic() < end_at, log.read_text()
        gevent.sleep(0.05)


def family_of(host: str) -> Family:
    return IPV6 if ":" in host else IPV4


def ask_one(host: str, port: int, limit_s: float = PATIENCE_S) -> Exchange:
    return ask(family_of(host), [(host, port)], lambda _: False, limit_s)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_coturn_tells_where_a_request_comes_from(tmp_path, host):
    with coturn(tmp_path, host) as port:
        [mapped] = ask_one(host, port).answers.values()

    assert str(mapped.address) == host
    assert mapped.port != port


def test_coturn_with_two_addresses_can_tell_that_there_is_no_nat(tmp_path):
    with coturn(tmp_path, "127.0.0.1", "127.0.0.2") as port:
        kind = classify(("127.0.0.1", port), "127.0.0.1", monotonic() + PATIENCE_S, why_not=lambda _: "")

    assert kind == "Open Internet"


def test_coturn_with_one_address_cannot_tell(tmp_path):
    with coturn(tmp_path, "127.0.0.1") as port, pytest.raises(Refused, match="it has one address only"):
        classify(("127.0.0.1", port), "127.0.0.1", monotonic() + PATIENCE_S, why_not=lambda _: "")
