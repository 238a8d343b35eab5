"""Where plaintext may be sent."""

from __future__ import annotations

import pytest

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.plaintext import check_plaintext


def grpc(host: str) -> Endpoint:
    return Endpoint("grpc", host, 5001)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "node.example"])
def test_plaintext_beyond_this_machine_is_refused(host):
    exposed = grpc(host)

    with pytest.raises(ConfigError) as caught:
        check_plaintext([grpc("127.0.0.1"), exposed], allowed=False)

    assert f"security.mode is 'insecure' and the node would listen on {exposed.authority}" in str(caught.value)
    assert "security.allow_insecure_network" in str(caught.value)


def test_plaintext_on_this_machine_or_with_permission_is_fine():
    check_plaintext([grpc("127.0.0.1"), grpc("::1")], allowed=False)
    check_plaintext([grpc("0.0.0.0")], allowed=True)
    check_plaintext([], allowed=False)
