"""Waiting until the nodes of a network have little to do."""

from __future__ import annotations

import os
import time

import pytest

from sorcha_peer_core.cli import devnet_settle
from sorcha_peer_core.cli.devnet_settle import node_cpu_s, settle


class Node:
    """A process that exists: this one."""

    pid = os.getpid()

    def is_running(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only while somebody sleeps."""
    now = [0.0]
    monkeypatch.setattr(devnet_settle.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(devnet_settle.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_nodes_that_do_nothing_are_settled_after_three_seconds(clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devnet_settle, "cpu_s", lambda nodes: 7.0)

    assert settle([Node()], 60.0) == 3.0


def test_work_in_between_begins_the_three_seconds_anew(clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devnet_settle.psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(devnet_settle, "cpu_s", lambda nodes: min(clock[0], 5.0) * 2)

    assert settle([Node()], 60.0) == 8.0


def test_nodes_that_never_settle_are_not_waited_for_longer_than_allowed(clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devnet_settle.psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(devnet_settle, "cpu_s", lambda nodes: clock[0] * 2)

    assert settle([Node()], 10.0) == 10.0


def test_without_a_wait_nothing_is_waited_for():
    before_s = time.monotonic()

    assert settle([Node()], 0.0) < 1.0
    assert time.monotonic() - before_s < 1.0


def test_the_time_a_process_used_is_read_from_the_system():
    assert node_cpu_s(Node()) > 0.0
