"""Who came through the doors: finds plugins, isolates broken ones, and picks offers by name."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from sorcha_peer_core import hookspecs
from sorcha_peer_core.errors import PluginError
from sorcha_peer_core.hookspecs import HOOKS_WITH_OFFERS, PROJECT, Offer
from sorcha_peer_core.interfaces.views import PluginAnswer

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config
    from sorcha_peer_core.interfaces.monitoring import HealthCheck, MetricSource
    from sorcha_peer_core.interfaces.service import NodeApi, Service

log = logging.getLogger(__name__)

BLOCK_VARIABLE = "SORCHA_PEER_BLOCK"
"""Comma-separated entry point names that are not loaded."""

HOOK_WORDS = {
    "peer_transports": "transport",
    "peer_stores": "store",
    "peer_address_resolvers": "address resolver",
    "peer_strategies": "strategy",
    "peer_bootstrap_sources": "bootstrap source",
}


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One installed plugin; ``error`` says why it was not loaded, empty when it was."""

    name: str
    distribution: str
    version: str
    offers: tuple[tuple[str, str, str], ...] = ()
    """(hook, offered name, summary)"""
    error: str = ""


class PluginManager:
    """The plugins of one node. Two nodes in one process share none."""

    def __init__(self, builtins: Iterable[tuple[str, object]] = (), discover: bool = True) -> None:
        self._plugins = pluggy.PluginManager(PROJECT)
        self._plugins.add_hookspecs(hookspecs)
        self._hooks = set(hookspecs.hook_names())
        self._infos: dict[str, PluginInfo] = {}
        for name, plugin in builtins:
            self._add(PluginInfo(name, "sorcha-peer", _core_version()), plugin)
        if discover:
            blocked = {name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(",")}
            for entry in sorted(entry_points(group=PROJECT), key=lambda entry: entry.name):
                self._load(entry, blocked)

    def infos(self) -> list[PluginInfo]:
        """All plugins, also those that failed to load."""
        return list(self._infos.values())

    def offered(self, hook: str) -> set[str]:
        """The names that can be chosen."""
        return set(self._offers(hook))

    def choose(self, hook: str, names: Sequence[str], key: str) -> list[Offer[Any]]:
        """The offers with these names, in this order.

        Raises:
            PluginError: nobody offers one of them, or two plugins do; ``key`` is the setting that names them.
        """
        offers = self._offers(hook)
        return [self._pick(hook, offers, name, key) for name in names]

    def services(self, node: NodeApi) -> list[Service]:
        """What plugins run beside ``node``; one that fails is named and left out."""
        return [service for _, service in self._brought("peer_services", node)]

    def metric_sources(self, node: NodeApi) -> list[tuple[str, MetricSource]]:
        """What plugins add to the metrics, each with the plugin's name; one that fails is named and left out."""
        return self._brought("peer_metrics", node)

    def health_checks(self, node: NodeApi) -> list[tuple[str, HealthCheck]]:
        """What plugins add to the health, in the same way."""
        return self._brought("peer_health", node)

    def _brought(self, hook: str, node: NodeApi) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for name, plugin in self._plugins.list_name_plugin():
            bring = getattr(plugin, hook, None)
            if bring is None or self._infos[name].error:
                continue
            try:
                found += [(name, thing) for thing in bring(node=node)]
            except Exception as error:
                self._fail(name, error)
        return found

    def answers(self, hook: str, **arguments: Any) -> list[PluginAnswer]:
        """What each plugin says to a hook that one of them has brought; one that fails says why, the others are asked, too."""
        found: list[PluginAnswer] = []
        for name, plugin in self._plugins.list_name_plugin():
            implementation = dict(_implemented(plugin)).get(hook)
            if implementation is None or self._infos[name].error:
                continue
            try:
                found.append(PluginAnswer(name, tuple(getattr(plugin, hook)(**arguments))))
            except Exception as error:
                log.debug("plugin %s failed in %s", name, hook, exc_info=True)
                found.append(PluginAnswer(name, (), f"{type(error).__name__}: {error}"))
        return found

    def _pick(self, hook: str, offers: dict[str, list[tuple[str, Offer[Any]]]], name: str, key: str) -> Offer[Any]:
        word = HOOK_WORDS[hook]
        found = offers.get(name, [])
        if not found:
            raise PluginError(f"{key} names the {word} {name!r}, which nothing installed offers{self._advice(offers, name)}")
        if len(found) > 1:
            raise PluginError(
                f"the {word} {name!r} is offered by {' and '.join(plugin for plugin, _ in found)}; remove one of them"
            )
        return found[0][1]

    def _advice(self, offers: dict[str, Any], name: str) -> str:
        failed = [info for info in self._infos.values() if info.error and (info.name == name or name in info.name)]
        if failed:
            return f": the plugin {failed[0].name} ({failed[0].distribution}) failed to load: {failed[0].error}"
        near = get_close_matches(name, offers, n=1)
        return (
            f"; did you mean {near[0]!r}?"
            if near
            else f"; there is {', '.join(sorted(offers)) or 'none'}. Is its plugin installed?"
        )

    def _offers(self, hook: str) -> dict[str, list[tuple[str, Offer[Any]]]]:
        offers: dict[str, list[tuple[str, Offer[Any]]]] = {}
        for name, plugin in self._plugins.list_name_plugin():
            offering = getattr(plugin, hook, None)
            if offering is None or self._infos[name].error:
                continue
            try:
                for offer in offering():
                    offers.setdefault(offer.name, []).append((name, offer))
            except Exception as error:
                self._fail(name, error)
        return offers

    def _load(self, entry: EntryPoint, blocked: set[str]) -> None:
        # One by one and guarded: pluggy's own loader lets a single broken plugin end the start.
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        info = PluginInfo(entry.name, distribution, version)
        if entry.name in blocked:
            self._infos[entry.name] = PluginInfo(entry.name, distribution, version, error=f"blocked by {BLOCK_VARIABLE}")
            return
        # Whoever comes second under a name must not take the first one's place in the list.
        shown_as = f"{entry.name} ({distribution})" if entry.name in self._infos else entry.name
        try:
            self._add(info, entry.load())
        except Exception as error:
            self._infos[shown_as] = info
            self._fail(shown_as, error)

    def _add(self, info: PluginInfo, plugin: object) -> None:
        if info.name in self._infos:
            raise PluginError(f"two plugins are named {info.name!r}; one comes from {self._infos[info.name].distribution}")
        brought = self._bring_hooks(plugin)
        self._plugins.register(plugin, name=info.name)
        misspelt = [name for name, options in _implemented(plugin) if name not in self._hooks and not options["optionalhook"]]
        if misspelt:
            self._plugins.unregister(name=info.name)
            self._hooks -= brought
            raise PluginError(f"it implements {', '.join(misspelt)}, which is no hook of this version")
        self._infos[info.name] = info
        self._infos[info.name] = PluginInfo(info.name, info.distribution, info.version, tuple(_describe(plugin)))

    def _bring_hooks(self, plugin: object) -> set[str]:
        """A plugin may have hooks of its own, for other plugins."""
        brought = {name for name, value in vars(plugin).items() if hasattr(value, f"{PROJECT}_spec")} - self._hooks
        if brought:
            self._plugins.add_hookspecs(plugin)  # type: ignore[arg-type]
            self._hooks |= brought
        return brought

    def _fail(self, name: str, error: Exception) -> None:
        info = self._infos[name]
        reason = f"{type(error).__name__}: {error}"
        log.warning("plugin %s (%s) is left out: %s", name, info.distribution, reason)
        self._infos[name] = PluginInfo(name, info.distribution, info.version, info.offers, reason)


def chosen_names(config: Config) -> dict[str, tuple[str, ...]]:
    """By hook, the names that the configuration chooses."""
    return {
        "peer_transports": config.communication.transports,
        "peer_stores": (config.store.url.partition("://")[0].partition("+")[0],),
        "peer_address_resolvers": config.network_address.resolvers,
        "peer_strategies": (config.transaction_distribution.strategy,),
        "peer_bootstrap_sources": config.peer_discovery.bootstrap_sources,
    }


def described(info: PluginInfo, chosen: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """One plugin for programs. One without offers is a service, which runs whenever it is installed."""
    offers = [
        {"kind": HOOK_WORDS[hook], "name": name, "summary": summary, "chosen": name in chosen[hook]}
        for hook, name, summary in info.offers
    ]
    return {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "offers": offers,
        "chosen": not info.error and (not offers or any(offer["chosen"] for offer in offers)),
        "error": info.error,
    }


def _implemented(plugin: object) -> Iterable[tuple[str, Any]]:
    marked = ((name, getattr(value, f"{PROJECT}_impl", None)) for name, value in vars(plugin).items())
    return [(name, options) for name, options in marked if name.startswith("peer_") and options]


def _describe(plugin: object) -> Iterable[tuple[str, str, str]]:
    for hook in HOOKS_WITH_OFFERS:
        offering = getattr(plugin, hook, None)
        for offer in offering() if offering else ():
            yield hook, offer.name, offer.summary


def _core_version() -> str:
    from sorcha_peer_core import __version__

    return __version__
