"""Assembly and lifecycle of one node."""

from __future__ import annotations

from sorcha_peer_core.node.node import Node, default_plugins

__all__ = ["Node", "default_plugins"]
