"""What the tests of the management API share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from admin_fakes import TOKEN, FakeNode
from flask.testing import FlaskClient

from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.follow import Followers


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


@pytest.fixture
def stranger(node: FakeNode) -> FlaskClient:
    """A client without the token."""
    return create_app(node, TOKEN).test_client()


@pytest.fixture
def client(node: FakeNode) -> FlaskClient:
    """A client that sends the token with each request."""
    client = create_app(node, TOKEN).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client


@pytest.fixture
def client_of(node: FakeNode) -> Callable[[Followers], FlaskClient]:
    """Makes a client of an application with these followers."""

    def make(followers: Followers) -> FlaskClient:
        client = create_app(node, TOKEN, followers).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
        return client

    return make
