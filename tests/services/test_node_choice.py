"""What configuration names is picked among what is installed."""

from __future__ import annotations

import pytest

from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.config import DEFAULT_RESOLVERS, DEFAULT_TRANSPORTS, Config
from sorcha_peer_core.errors import ConfigError, PluginError
from sorcha_peer_core.hookspecs import Offer, hookimpl
from sorcha_peer_core.node.choice import Choice, choose
from sorcha_peer_core.plugin_manager import PluginManager


class Brings:
    """A plugin with transports, resolvers and bootstrap sources of these names; what is built is its name and settings."""

    def __init__(self, *transports: str, resolvers: tuple[str, ...] = (), sources: tuple[str, ...] = ()) -> None:
        self._transports = transports
        self._resolvers = resolvers
        self._sources = sources

    @hookimpl
    def peer_transports(self):
        return _offers(self._transports)

    @hookimpl
    def peer_address_resolvers(self):
        return _offers(self._resolvers)

    @hookimpl
    def peer_bootstrap_sources(self):
        return _offers(self._sources)


def _offers(names: tuple[str, ...]) -> list[Offer]:
    return [Offer(name, lambda settings, name=name: (name, settings), "for tests") for name in names]


def choose_with(plugin: Brings, **sections) -> Choice:
    config = Config.model_validate({"store": {"url": "memory://"}, **sections})
    return choose(config, PluginManager([("builtin", builtin_plugin), ("brings", plugin)], discover=False))


def chosen(installed: tuple[str, ...], configured: tuple[str, ...] | None = None) -> list[str]:
    communication = {} if configured is None else {"transports": configured}
    return [offer.name for offer in choose_with(Brings(*installed), communication=communication).transports]


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


def names_of(built) -> list[str]:
    return [part[0] if isinstance(part, tuple) else part.name for part in built]


@pytest.mark.parametrize(
    ("installed", "used"),
    [((), ["manual", "interface"]), (("http",), ["manual", "interface", "http"]), (("http", "stun"), [*DEFAULT_RESOLVERS])],
)
def test_by_default_resolvers_that_are_not_installed_are_passed_over(installed, used):
    assert names_of(choose_with(Brings("rest", resolvers=installed)).resolvers) == used


def test_a_resolver_that_is_asked_for_in_as_many_words_must_be_installed():
    with pytest.raises(PluginError, match=r"network_address\.resolvers names the address resolver 'stun'"):
        choose_with(Brings("rest"), network_address={"resolvers": ("manual", "stun")})


def test_by_default_there_is_no_bootstrap_source():
    assert choose_with(Brings("rest", sources=("dns",))).bootstrap_sources == []


def test_bootstrap_sources_are_built_in_the_order_of_the_configuration_with_its_section_and_the_data_directory(tmp_path):
    discovery = {"bootstrap_sources": ("dns", "file"), "bootstrap_file": "first-contacts"}

    found = choose_with(Brings("rest", sources=("dns",)), peer_discovery=discovery, node={"data_dir": str(tmp_path)})

    assert names_of(found.bootstrap_sources) == ["dns", "file"]
    settings = found.bootstrap_sources[0][1]
    assert (settings["bootstrap_file"], settings["data_dir"]) == ("first-contacts", tmp_path)


def test_a_bootstrap_source_that_nobody_offers_is_named():
    with pytest.raises(PluginError, match=r"peer_discovery\.bootstrap_sources names the bootstrap source 'dns'"):
        choose_with(Brings("rest"), peer_discovery={"bootstrap_sources": ("dns",)})


def test_a_bootstrap_file_that_no_source_would_read_is_a_configuration_error():
    with pytest.raises(ConfigError, match=r"peer_discovery\.bootstrap_file is 'list', but .* does not name 'file'"):
        choose_with(Brings("rest"), peer_discovery={"bootstrap_file": "list"})


def test_a_bootstrap_source_file_without_a_file_is_a_configuration_error():
    with pytest.raises(ConfigError, match="names no file"):
        choose_with(Brings("rest"), peer_discovery={"bootstrap_sources": ("file",)})
