"""The suite that every transport passes, once more for each of the three over TLS in both modes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from tls_parts import NETWORK, NORTH, authority_in, member

from sorcha_peer_core.interfaces.credentials import Credentials
from sorcha_peer_core.interfaces.transport import Transport, TransportContext
from sorcha_peer_core.services.tls.open_credentials import OpenCredentials
from sorcha_peer_core.testing.transport_suite import TransportSuite


def open_credentials() -> Credentials:
    """Of a node in mode open."""
    with tempfile.TemporaryDirectory() as folder:
        return OpenCredentials(Path(folder), NETWORK, NORTH.peer_id)


def ca_credentials() -> Credentials:
    """Of a node in mode ca."""
    with tempfile.TemporaryDirectory() as folder:
        return member(authority_in(Path(folder) / "ca"), Path(folder) / "node")


class _OverTls(TransportSuite):
    def make_transport(self, port: int = 0) -> Transport:
        pytest.importorskip(self.plugin)
        transport: Transport = import_module(self.plugin).peer_transports()[0].build(self.context(port))
        return transport


class TestStreamInModeOpen(_OverTls):
    plugin = "sorcha_transport_grpcstream.plugin"
    credentials = f"{__name__}:open_credentials"


class TestStreamInModeCa(_OverTls):
    plugin = "sorcha_transport_grpcstream.plugin"
    credentials = f"{__name__}:ca_credentials"


class TestUnaryInModeOpen(_OverTls):
    plugin = "sorcha_transport_grpc.plugin"
    credentials = f"{__name__}:open_credentials"


class TestUnaryInModeCa(_OverTls):
    plugin = "sorcha_transport_grpc.plugin"
    credentials = f"{__name__}:ca_credentials"


class _RestOverTls(_OverTls):
    plugin = "sorcha_transport_rest.plugin"

    def context(self, port: int = 0) -> TransportContext:
        # Without a setting of its own REST listens on the port after the node's.
        return replace(super().context(port), settings={"listen": f"127.0.0.1:{port}"})


class TestRestInModeOpen(_RestOverTls):
    credentials = f"{__name__}:open_credentials"


class TestRestInModeCa(_RestOverTls):
    credentials = f"{__name__}:ca_credentials"
