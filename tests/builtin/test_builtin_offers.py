"""What the core offers through the hooks."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from sorcha_peer_core.builtin import plugin
from sorcha_peer_core.plugin_manager import PluginManager


@pytest.fixture
def plugins():
    return PluginManager([("builtin", plugin)], discover=False)


@pytest.mark.parametrize(("name", "url"), [("sqlite", "sqlite:///peer.db"), ("memory", "memory://")])
def test_the_stores_that_are_offered_can_be_built_and_opened(plugins, tmp_path, name, url):
    [offer] = plugins.choose("peer_stores", [name], "store.url")

    with closing(offer.build(url, tmp_path)) as store:
        store.open()
        assert store.totals() == (0, 0)


@pytest.mark.parametrize(("name", "hosts"), [("manual", ["node.example"]), ("interface", None)])
def test_the_address_resolvers_that_are_offered_can_be_built(plugins, name, hosts):
    [offer] = plugins.choose("peer_address_resolvers", [name], "network_address.resolvers")

    resolver = offer.build({"external_address": "node.example", "resolvers": (name,)})

    assert resolver.name == name
    assert hosts is None or resolver.resolve() == hosts


LISTING = """
import sys
from sorcha_peer_core.builtin import plugin
plugin.peer_stores(), plugin.peer_address_resolvers()
print({"peewee", "psutil", "psycopg2"} & set(sys.modules))
"""


def test_listing_the_offers_imports_no_database():
    listed = subprocess.run([sys.executable, "-c", LISTING], check=True, capture_output=True, text=True, timeout=60)

    assert listed.stdout.strip() == "set()"
