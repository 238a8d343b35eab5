"""What happened in a running node, and what happens."""

from __future__ import annotations

import json
import sys

import pytest

from sorcha_peer_core.client import NodeClient
from sorcha_peer_core.errors import NodeUnreachable


def ids(text: str) -> list[int]:
    return [json.loads(line)["id"] for line in text.splitlines()]


def test_events_shows_people_a_line_for_each(api, command, data_dir):
    api.event(7, "PeerLinked", "linked to peer cdcdcdcd")

    [line] = command("events", "--data-dir", data_dir).out.splitlines()

    assert line.endswith("  info     PeerLinked            linked to peer cdcdcdcd")


def test_events_shows_the_latest_over_many_pages(api, command, data_dir):
    for number in range(1, 2503):
        api.event(number)

    assert ids(command("events", "--data-dir", data_dir, "--limit", 3, "--json").out) == [2500, 2501, 2502]


def test_events_can_be_of_chosen_kinds(api, command, data_dir):
    for number, kind in enumerate(("PeerLinked", "StoreFailed", "QueueFull"), start=1):
        api.event(number, kind)

    assert ids(command("events", "--data-dir", data_dir, "--json", "--kind", "PeerLinked", "--kind", "QueueFull").out) == [1, 3]


def test_events_says_when_there_is_none(command, data_dir):
    assert command("events", "--data-dir", data_dir).out == "Nothing of that kind has happened since the node started.\n"


def test_what_strangers_say_cannot_play_with_the_terminal(api, command, data_dir):
    api.event(1, "HandshakeRefused", "refused\x1b[2J")

    assert "\x1b" not in command("events", "--data-dir", data_dir).out


def test_followed_events_go_on_behind_those_shown_and_end_with_patience(api, command, data_dir, monkeypatch):
    monkeypatch.setattr(sys.modules["sorcha_peer_core.cli.events"], "PATIENCE_S", 0.0)
    for number in (1, 2, 3):
        api.event(number)

    outcome = command("events", "--data-dir", data_dir, "--follow", "--json")

    assert ids(outcome.out) == [1, 2, 3]
    assert (outcome.status, outcome.err) == (1, "sorcha-peer: the node ended the stream of events\n")


def test_a_stream_is_read_on_over_connections_that_end(api, data_dir):
    client = NodeClient(api.url, "the-token")
    api.event(1)
    troubles = []

    def more(problem):
        troubles.append(str(problem))
        api.event(len(api.events) + 1)

    stream = client.follow_events(on_trouble=more)
    seen = [next(stream)["id"] for _ in range(3)]
    stream.close()
    client.close()

    assert seen == [1, 2, 3]
    assert troubles == ["the node ended the stream of events"] * 2


def test_a_stream_without_patience_says_why_it_ended(api):
    client = NodeClient(api.url, "the-token")

    with pytest.raises(NodeUnreachable, match="ended the stream"):
        next(client.follow_events(patience_s=0.0))
    client.close()
