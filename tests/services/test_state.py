"""Whether a node can do its work."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.events import StateChanged
from sorcha_peer_core.services.state import ServiceState


@pytest.mark.parametrize(
    ("linked", "hopeful", "name"),
    [
        (0, 0, "offline"),
        (0, 9, "offline"),
        (1, 1, "online"),
        (1, 0, "online"),
        (2, 3, "degraded"),
        (3, 3, "online"),
        (4, 100, "degraded"),
        (5, 100, "online"),
    ],
)
def test_a_node_is_well_with_enough_links_or_all_there_can_be(linked, hopeful, name):
    state = ServiceState(5, lambda _: None)

    state.update(linked, hopeful)

    assert state.name == name


def test_a_node_begins_offline():
    assert ServiceState(5, lambda _: None).name == "offline"


def test_only_changes_are_told():
    told = []
    state = ServiceState(5, told.append)

    for linked in (0, 1, 1, 2, 0):
        state.update(linked, 2)

    assert told == [
        StateChanged("degraded", "1 of 2 needed peers are linked"),
        StateChanged("online", "2 of 2 needed peers are linked"),
        StateChanged("offline", "0 of 2 needed peers are linked"),
    ]
