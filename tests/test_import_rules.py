"""The import rules that .importlinter cannot express; `make lint` checks the others."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE = ROOT / "sorcha_peer_core"
PACKAGES = [CORE, *ROOT.glob("plugins/*/sorcha_*"), *ROOT.glob("admin/sorcha_*"), *ROOT.glob("examples/*/sorcha_*")]

SEEN_BY_PLUGINS = {"errors", "hookspecs", "interfaces", "model", "testing", "wire"}
PATCHES_THE_STANDARD_LIBRARY = {"__main__.py", "testing/patched.py"}


def _modules(*packages: Path) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            if not path.name.endswith("_pb2.py"):
                yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


class _Imports(ast.NodeVisitor):
    """Top-level names of what a module imports when it runs; imports for types alone do not count."""

    def __init__(self, in_functions: bool) -> None:
        self.names: set[str] = set()
        self._in_functions = in_functions

    def visit_Import(self, node: ast.Import) -> None:
        self.names |= {alias.name.partition(".")[0] for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.names.add((node.module or "").partition(".")[0])

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if self._in_functions:
            self.generic_visit(node)


def _imported_when_it_loads(module: ast.Module) -> set[str]:
    visitor = _Imports(in_functions=False)
    visitor.visit(module)
    return visitor.names


def _imported_anywhere(module: ast.Module) -> set[str]:
    visitor = _Imports(in_functions=True)
    visitor.visit(module)
    return visitor.names


def test_the_words_and_the_protocol_use_no_random_generator_of_their_own():
    offenders = [
        str(path.relative_to(ROOT))
        for path, module in _modules(CORE / "model", CORE / "protocol")
        if "random" in _imported_anywhere(module)
    ]

    assert offenders == []


def test_the_simulator_takes_nothing_from_outside_but_the_standard_library():
    offenders = {
        str(path.relative_to(ROOT)): foreign
        for path, module in _modules(CORE / "sim")
        if (foreign := _imported_anywhere(module) - sys.stdlib_module_names - {"sorcha_peer_core"})
    }

    assert offenders == {}


def test_commands_load_the_http_client_only_when_they_need_it():
    offenders = [str(path.relative_to(ROOT)) for path, module in _modules(CORE) if "requests" in _imported_when_it_loads(module)]

    assert offenders == []


def test_only_the_main_program_and_the_patched_test_run_patch_the_standard_library():
    patching = {
        str(path.relative_to(CORE))
        for path, module in _modules(*PACKAGES)
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr == "patch_all"
    }

    assert patching <= PATCHES_THE_STANDARD_LIBRARY


def test_an_entry_point_module_imports_nothing_heavy_when_it_loads():
    light = {*sys.stdlib_module_names, "sorcha_peer_core"}
    heavy = {
        str(path.relative_to(ROOT)): foreign
        for path, module in _modules(*PACKAGES)
        if path.name == "plugin.py" and (foreign := _imported_when_it_loads(module) - light)
    }

    assert heavy == {}


def test_plugins_are_kept_from_every_layer_that_is_not_theirs_to_see():
    linter = ConfigParser()
    linter.read(ROOT / ".importlinter", encoding="utf-8")
    forbidden = set(linter["importlinter:contract:plugins-and-core"]["forbidden_modules"].split())

    layers = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}

    assert forbidden == {f"sorcha_peer_core.{layer}" for layer in layers - SEEN_BY_PLUGINS - {"__init__"}}


def test_the_layers_below_the_services_load_without_gevent_and_grpc():
    layers = ["errors", "model", "interfaces", "protocol", "wire", "config", "hookspecs", "plugin_manager", "sim", "client"]
    program = (
        "import importlib, pkgutil, sys\n"
        f"for layer in {layers!r}:\n"
        "    package = importlib.import_module('sorcha_peer_core.' + layer)\n"
        "    for module in pkgutil.walk_packages(getattr(package, '__path__', []), package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print([name for name in ('gevent', 'grpc', 'flask', 'peewee') if name in sys.modules])\n"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"


def test_an_example_sees_no_more_of_the_core_than_any_plugin():
    seen = {
        node.module.split(".")[1]
        for _, module in _modules(*ROOT.glob("examples/*/sorcha_*"))
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sorcha_peer_core.")
    }

    assert seen
    assert seen <= SEEN_BY_PLUGINS
