"""What the protocol's tests share."""

from __future__ import annotations

import pytest
from swarm_parts import Swarming

from sorcha_peer_core.testing.recording_host import RecordingHost


@pytest.fixture
def host() -> RecordingHost:
    """A host that only remembers."""
    return RecordingHost()


@pytest.fixture
def swarming(host: RecordingHost) -> Swarming:
    """Swarms of a node with three neighbours."""
    return Swarming(host)
