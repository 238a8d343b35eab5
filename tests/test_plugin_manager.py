"""Plugins: chosen by name, isolated when they break, and always shown."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from sorcha_peer_core import plugin_manager
from sorcha_peer_core.errors import PluginError
from sorcha_peer_core.hookspecs import Offer, hookimpl, hookspec
from sorcha_peer_core.interfaces.views import PluginAnswer
from sorcha_peer_core.plugin_manager import PluginManager

KEY = "communication.transports"


def plugin(*names: str, services=None):
    """A plugin that offers transports with these names, and perhaps services."""

    @hookimpl
    def peer_transports():
        return [Offer(name, lambda context: None, f"the transport {name}") for name in names]

    hooks = {"peer_transports": peer_transports}
    if services is not None:

        @hookimpl
        def peer_services(node):
            return services()

        hooks["peer_services"] = peer_services
    return SimpleNamespace(**hooks)


class _Entry(EntryPoint):
    """An entry point that loads what it was given, from a distribution that need not be installed."""

    def load(self):
        what = INSTALLED[self.value]
        if isinstance(what, Exception):
            raise what
        return what

    @property
    def dist(self):
        return SimpleNamespace(name=f"dist-of-{self.value}", version="1.2")


INSTALLED: dict[str, object] = {}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    """Make the given (name, plugin) pairs look installed."""

    def _install(*pairs: tuple[str, object]) -> None:
        INSTALLED.clear()
        INSTALLED.update({f"{name}-{number}": what for number, (name, what) in enumerate(pairs)})
        entries = [_Entry(value.rpartition("-")[0], value, "sorcha_peer") for value in INSTALLED]
        monkeypatch.setattr(plugin_manager, "entry_points", lambda group: entries)

    return _install


def info_of(manager: PluginManager, name: str):
    [info] = [info for info in manager.infos() if info.name == name]
    return info


def test_offers_are_chosen_by_name_and_in_the_order_of_the_names(install):
    install(("one", plugin("a", "b")), ("two", plugin("c")))

    chosen = PluginManager().choose("peer_transports", ["c", "a"], KEY)

    assert [offer.name for offer in chosen] == ["c", "a"]


def test_an_offer_nobody_makes_is_an_error_with_the_key_and_the_nearest_name(install):
    install(("one", plugin("grpc")))

    with pytest.raises(PluginError, match=r"communication.transports names the transport 'grcp'.*did you mean 'grpc'\?"):
        PluginManager().choose("peer_transports", ["grcp"], KEY)


def test_without_a_near_name_those_there_are_are_listed(install):
    install(("one", plugin("b", "a")))

    with pytest.raises(PluginError, match=r"there is a, b\. Is its plugin installed"):
        PluginManager().choose("peer_transports", ["zzzzzz"], KEY)


def test_two_offers_of_one_name_are_an_error_that_names_both_plugins(install):
    install(("one", plugin("grpc")), ("two", plugin("grpc")))

    with pytest.raises(PluginError, match="'grpc' is offered by one and two"):
        PluginManager().choose("peer_transports", ["grpc"], KEY)


def test_a_plugin_that_cannot_be_loaded_is_shown_and_the_others_work(install):
    install(("broken", ImportError("no module named x")), ("whole", plugin("grpc")))

    manager = PluginManager()

    assert info_of(manager, "broken").error == "ImportError: no module named x"
    assert info_of(manager, "broken").distribution == "dist-of-broken-0"
    assert [offer.name for offer in manager.choose("peer_transports", ["grpc"], KEY)] == ["grpc"]


def test_asking_for_what_a_broken_plugin_would_offer_says_why_it_is_not_there(install):
    install(("grpc", ImportError("no module named x")))

    with pytest.raises(PluginError, match=r"the plugin grpc .* failed to load: ImportError: no module named x"):
        PluginManager().choose("peer_transports", ["grpc"], KEY)


def test_a_plugin_whose_offers_break_is_left_out(install):
    def fails():
        raise RuntimeError("boom")

    install(("broken", SimpleNamespace(peer_transports=hookimpl(fails))), ("whole", plugin("grpc")))

    manager = PluginManager()

    assert info_of(manager, "broken").error == "RuntimeError: boom"
    assert manager.choose("peer_transports", ["grpc"], KEY)


def test_a_blocked_plugin_is_not_loaded_and_is_shown_as_blocked(install, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SORCHA_PEER_BLOCK", "other, one")
    install(("one", plugin("grpc")), ("two", plugin("grpc")))

    manager = PluginManager()

    assert info_of(manager, "one").error == "blocked by SORCHA_PEER_BLOCK"
    assert manager.choose("peer_transports", ["grpc"], KEY)


def test_a_misspelt_hook_is_named(install):
    install(("typo", SimpleNamespace(peer_transprots=hookimpl(lambda: []))))

    assert "it implements peer_transprots, which is no hook" in info_of(PluginManager(), "typo").error


def test_a_hook_with_an_argument_that_does_not_exist_is_named(install):
    install(("typo", SimpleNamespace(peer_services=hookimpl(lambda node, colour: []))))

    assert "colour" in info_of(PluginManager(), "typo").error


def test_a_second_plugin_of_one_name_is_left_out_and_shown_and_the_first_one_works(install):
    install(("builtin", plugin("evil")))

    manager = PluginManager(builtins=[("builtin", plugin("good"))])

    infos = manager.infos()
    assert [(info.distribution, bool(info.error)) for info in infos] == [("sorcha-peer", False), ("dist-of-builtin-0", True)]
    assert "two plugins are named 'builtin'" in infos[1].error
    assert manager.choose("peer_transports", ["good"], KEY)


def test_services_of_all_plugins_run_and_one_that_fails_is_left_out(install):
    def fails():
        raise RuntimeError("no port")

    install(("bad", plugin(services=fails)), ("good", plugin(services=lambda: ["service"])))

    manager = PluginManager()

    assert manager.services(node=None) == ["service"]
    assert info_of(manager, "bad").error == "RuntimeError: no port"


def test_what_a_plugin_offers_is_listed(install):
    install(("one", plugin("a")))

    assert info_of(PluginManager(), "one").offers == (("peer_transports", "a", "the transport a"),)


def test_nothing_is_discovered_when_told_so(install):
    install(("one", plugin("a")))

    assert PluginManager(discover=False).infos() == []


def house():
    """A plugin that has a hook of its own."""

    @hookspec
    def peer_house_rooms(node):
        """Rooms."""

    return SimpleNamespace(peer_house_rooms=peer_house_rooms)


def guest(answer, *, optional: bool = True):
    """A plugin that implements the hook of the house."""

    @hookimpl(optionalhook=optional)
    def peer_house_rooms(node):
        return answer(node)

    return SimpleNamespace(peer_house_rooms=peer_house_rooms)


def test_a_plugin_may_have_hooks_for_other_plugins(install):
    install(("a_house", house()), ("guest", guest(lambda node: [node, "kitchen"], optional=False)))

    manager = PluginManager()

    assert info_of(manager, "guest").error == ""
    assert manager.answers("peer_house_rooms", node="n") == [PluginAnswer("guest", ("n", "kitchen"))]


def test_who_implements_such_a_hook_needs_the_other_plugin_only_when_it_says_so(install):
    install(("guest", guest(lambda node: [])), ("strict", guest(lambda node: [], optional=False)))

    manager = PluginManager()

    assert info_of(manager, "guest").error == ""
    assert "peer_house_rooms, which is no hook of this version" in info_of(manager, "strict").error


def test_an_optional_guest_may_come_before_the_house(install):
    install(("a_guest", guest(lambda node: ["attic"])), ("house", house()))

    assert PluginManager().answers("peer_house_rooms", node=None) == [PluginAnswer("a_guest", ("attic",))]


def test_a_guest_that_fails_says_why_and_the_others_are_asked_again_and_again(install):
    install(("broken", guest(lambda node: 1 / 0)), ("house", house()), ("whole", guest(lambda node: ["attic"])))
    manager = PluginManager()

    for _ in range(2):
        assert manager.answers("peer_house_rooms", node=None) == [
            PluginAnswer("broken", (), "ZeroDivisionError: division by zero"),
            PluginAnswer("whole", ("attic",)),
        ]
    assert info_of(manager, "broken").error == ""


def test_the_house_itself_is_not_asked(install):
    install(("house", house()))

    assert PluginManager().answers("peer_house_rooms", node=None) == []
