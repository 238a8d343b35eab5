"""What configuration names is picked among what is installed."""

from __future__ import annotations

import pytest

from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.config import DEFAULT_TRANSPORTS, Config
from sorcha_peer_core.errors import PluginError
from sorcha_peer_core.hookspecs import Offer, hookimpl
from sorcha_peer_core.node.choice import choose
from sorcha_peer_core.plugin_manager import PluginManager


class Brings:
    """A plugin with transports of these names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    @hookimpl
    def peer_transports(self):
        return [Offer(name, lambda context: None, "for tests") for name in self._names]


def chosen(installed: tuple[str, ...], configured: tuple[str, ...] | None = None) -> list[str]:
    communication = {} if configured is None else {"transports": configured}
    config = Config.model_validate({"communication": communication, "store": {"url": "memory://"}})
    plugins = PluginManager([("builtin", builtin_plugin), ("brings", Brings(*installed))], discover=False)
    return [offer.name for offer in choose(config, plugins).transports]


def test_by_default_all_that_ship_are_used_best_first():
    assert chosen(("rest", "grpc", "grpcstream")) == ["grpcstream", "grpc", "rest"] == list(DEFAULT_TRANSPORTS)


@pytest.mark.parametrize("installed", [("rest",), ("grpc", "rest"), ("grpcstream",)])
def test_by_default_those_that_are_not_installed_are_passed_over(installed):
    assert chosen(installed) == list(installed)


def test_what_else_is_installed_is_not_used_unasked():
    assert chosen(("mailbox", "rest")) == ["rest"]


def test_a_node_without_any_transport_says_what_to_install():
    with pytest.raises(PluginError, match=r"no transport is installed; .*pip install 'sorcha-peer\[grpcstream\]'"):
        chosen(())


def test_what_is_asked_for_in_as_many_words_must_be_installed():
    with pytest.raises(PluginError, match=r"communication\.transports") as caught:
        chosen(("rest",), ("grpc", "rest"))

    assert "'grpc'" in str(caught.value)


def test_the_order_is_that_of_the_configuration():
    assert chosen(("grpcstream", "rest"), ("rest", "grpcstream")) == ["rest", "grpcstream"]
