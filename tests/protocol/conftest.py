"""What the protocol's tests share."""

from __future__ import annotations

import pytest

from sorcha_peer_core.testing.recording_host import RecordingHost


@pytest.fixture
def host() -> RecordingHost:
    """A host that only remembers."""
    return RecordingHost()
