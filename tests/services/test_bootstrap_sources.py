"""First contacts from the configuration and from the sources it names."""

from __future__ import annotations

import logging

import gevent
import pytest

from sorcha_peer_core.config import PeerDiscoverySection
from sorcha_peer_core.model.peer import parse_bootstrap
from sorcha_peer_core.services.bootstrap_sources import bootstrap_entries


class Source:
    """Says what it is told to say."""

    name = "fake"

    def __init__(self, *said: str) -> None:
        self.said: list[str] = list(said)
        self.error: Exception | None = None
        self.asked = 0

    def entries(self) -> list[str]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.said


def texts_of(entries) -> list[str]:
    return [entry.endpoint.authority for entry in entries]


def nodes(*texts: str) -> PeerDiscoverySection:
    return PeerDiscoverySection(bootstrap_nodes=texts)


def warnings_of(caplog) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]


def test_configured_nodes_come_first_then_the_sources_in_their_order():
    entries = bootstrap_entries(nodes("a:1", "b:1"), [Source("c:1", "d:1"), Source("e:1")])

    assert texts_of(entries()) == ["a:1", "b:1", "c:1", "d:1", "e:1"]


def test_nobody_comes_twice_and_a_pinned_entry_is_another_one():
    pinned = "a:1#" + "ab" * 20

    entries = bootstrap_entries(nodes("a:1"), [Source("grpc://a:1", "b:1", pinned), Source("b:1")])

    assert entries() == [parse_bootstrap("a:1"), parse_bootstrap("b:1"), parse_bootstrap(pinned)]


def test_sources_are_asked_anew_each_time():
    source = Source("a:1")
    entries = bootstrap_entries(nodes(), [source])
    assert texts_of(entries()) == ["a:1"]

    source.said = ["b:1"]

    assert texts_of(entries()) == ["b:1"]
    assert source.asked == 2


def test_a_source_that_fails_is_named_and_passed_over(caplog):
    failing = Source()
    failing.error = OSError("the line is dead")
    entries = bootstrap_entries(nodes("a:1"), [failing, Source("b:1")])

    with caplog.at_level(logging.WARNING):
        found = entries()

    assert texts_of(found) == ["a:1", "b:1"]
    assert warnings_of(caplog) == ["the bootstrap source fake is passed over: the line is dead"]


def test_an_entry_that_cannot_be_read_is_named_and_passed_over(caplog):
    entries = bootstrap_entries(nodes(), [Source("a:1", "nonsense", "b:1")])

    with caplog.at_level(logging.WARNING):
        found = entries()

    assert texts_of(found) == ["a:1", "b:1"]
    [said] = warnings_of(caplog)
    assert said.startswith("an entry of the bootstrap source fake is passed over: 'nonsense' is not HOST:PORT")


def test_what_goes_on_is_said_once_and_what_comes_back_again(caplog):
    source = Source()
    entries = bootstrap_entries(nodes(), [source])

    with caplog.at_level(logging.WARNING):
        for error in (OSError("down"), OSError("down"), None, OSError("down"), OSError("forbidden")):
            source.error = error
            entries()

    assert [said.rpartition(": ")[2] for said in warnings_of(caplog)] == ["down", "down", "forbidden"]


def test_a_source_that_does_not_answer_is_given_up(caplog):
    class Slow(Source):
        def entries(self) -> list[str]:
            gevent.sleep(60)
            return ["a:1"]

    entries = bootstrap_entries(nodes("b:1"), [Slow()], limit_s=0.01)

    with caplog.at_level(logging.WARNING):
        found = entries()

    assert texts_of(found) == ["b:1"]
    assert warnings_of(caplog) == ["the bootstrap source fake is passed over: it did not answer within 0.01 s"]


def test_somebody_elses_time_limit_is_not_taken_for_the_sources_own():
    class Slow(Source):
        def entries(self) -> list[str]:
            gevent.sleep(60)
            return []

    entries = bootstrap_entries(nodes(), [Slow()])

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        entries()
