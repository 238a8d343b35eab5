"""The tests of the words, the protocol, the wire format and the simulator must not need gevent, not even by accident."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from postgres_parts import Server, running_server, why_not

HERE = Path(__file__).parent
WITHOUT_GEVENT = tuple(HERE / name for name in ("model", "protocol", "wire", "sim"))


def _is_pure(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in WITHOUT_GEVENT)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a module of these folders that brings gevent in (a patched run has it before)."""
    before = "gevent" in sys.modules
    report = yield
    if not before and "gevent" in sys.modules and _is_pure(collector.path):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} imports gevent; {collector.path.parent.name} does without it"
    return report


@pytest.fixture(autouse=True)
def _no_gevent_in_pure_tests(request: pytest.FixtureRequest) -> Generator[None]:
    before = "gevent" in sys.modules
    yield
    if not before and _is_pure(request.path):
        assert "gevent" not in sys.modules, f"{request.node.nodeid} imported gevent"


@pytest.fixture(scope="session")
def postgres() -> Generator[Server]:
    """A PostgreSQL server, started by the first test that asks for it."""
    pytest.importorskip("psycopg2", reason="the driver psycopg2 is not installed")
    if reason := why_not():
        pytest.skip(reason)
    with running_server() as server:
        yield server
