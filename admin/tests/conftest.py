"""What the tests of the management API share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from admin_fakes import TOKEN, FakeNode
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

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


class Browser(FlaskClient):
    """A client that is logged in to the pages; ``csrf`` is what its forms carry."""

    csrf = ""

    def act(self, path: str, **fields: str) -> TestResponse:
        """Post a form that was confirmed."""
        return self.post(path, data={"csrf_token": self.csrf, "confirmed": "1", **fields})


@pytest.fixture
def browser(node: FakeNode) -> Browser:
    """A browser whose user has logged in with the token."""
    app = create_app(node, TOKEN)
    app.test_client_class = Browser
    browser = app.test_client()
    assert isinstance(browser, Browser)
    assert browser.post("/admin/login", data={"secret": TOKEN}).status_code == 303
    found = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/admin/").text)
    assert found
    browser.csrf = found[1]
    return browser


@pytest.fixture
def client_of(node: FakeNode) -> Callable[[Followers], FlaskClient]:
    """Makes a client of an application with these followers."""

    def make(followers: Followers) -> FlaskClient:
        client = create_app(node, TOKEN, followers).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
        return client

    return make
