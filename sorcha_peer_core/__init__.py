"""Sorcha Peer: a node of a decentralised network in which every node gets every transaction."""

from __future__ import annotations

__all__ = ["__version__", "hookimpl"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Offer ``hookimpl`` without importing pluggy for those who only want the version."""
    if name == "hookimpl":
        from sorcha_peer_core.hookspecs import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
