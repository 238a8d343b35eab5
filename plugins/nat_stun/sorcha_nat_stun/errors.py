"""Why something that came from the network is not used. All stay inside this distribution."""

from __future__ import annotations

from sorcha_peer_core.errors import PeerError


class Refused(PeerError):
    """A server or service gave nothing that can be used, and is not waited for any longer; the message says why, for people."""


class NoWay(Refused):
    """It cannot be asked in this family: it has no address there, or this machine has none."""


class NoAnswer(PeerError):
    """A datagram that answers nothing that was asked. It may come from anybody: wait on for the real answer."""
