"""docs/plugins.md shows every hook as it is, and no other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from sorcha_peer_admin import plugin as admin
from sorcha_peer_core import hookspecs
from sorcha_peer_core.plugin_manager import PluginManager

PAGE = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(peer_\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


HOOKS = {name: getattr(hookspecs, name) for name in hookspecs.hook_names()}
# Hooks that a plugin brings for others, by the same mark.
HOOKS |= {name: value for name, value in vars(admin).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_section_with_its_exact_signature(hook: str):
    signature = inspect.signature(HOOKS[hook])

    assert hook in SECTIONS
    assert f"def {hook}{signature}".replace("'", "") in SECTIONS[hook]


def test_no_section_describes_a_hook_that_is_not_there():
    assert set(SECTIONS) == set(HOOKS)


def test_the_example_is_a_plugin_that_can_be_chosen():
    [source] = re.findall(r"`sorcha_address_file/plugin.py`.*?```python\n(.*?)```", PAGE, re.DOTALL)
    plugin = ModuleType("sorcha_address_file.plugin")
    exec(compile(source, "docs/plugins.md", "exec"), vars(plugin))

    plugins = PluginManager(builtins=[("address_file", plugin)], discover=False)
    [offer] = plugins.choose("peer_address_resolvers", ["file"], "network_address.resolvers")

    assert offer.build({}).resolve() == []
