"""The configuration as people see it: every setting, its value, and who said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from sorcha_peer_core.config import Config, Section, leaves
from sorcha_peer_core.interfaces.views import SettingView
from sorcha_peer_core.model.masking import MASK, is_secret, without_password


def settings_shown(config: Config) -> list[SettingView]:
    """Those of the sections in their order, then what is set for plugins. No secret is among them."""
    return [*_of_sections(config), *_of_plugins(config)]


def _of_sections(config: Config) -> Iterator[SettingView]:
    for section in Config.model_fields:
        table = getattr(config, section)
        if not isinstance(table, Section):
            continue
        for name, info in type(table).model_fields.items():
            key = f"{section}.{name}"
            value, default = (shown(key, found) for found in (getattr(table, name), info.default))
            yield SettingView(key, value, config.origin(key), default, info.description or "")


def _of_plugins(config: Config) -> Iterator[SettingView]:
    for key, value in leaves(config.plugins, "plugins."):
        yield SettingView(key, shown(key, value), config.origin(key), None, "")


def shown(key: str, value: Any) -> Any:
    """A value as JSON, a secret as a mask; one that is not set is shown as such."""
    if is_secret(key):
        return MASK if value else value
    if isinstance(value, str):
        return without_password(value)
    if isinstance(value, Mapping):
        return {name: shown(f"{key}.{name}", item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [shown(key, item) for item in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    return str(value)
