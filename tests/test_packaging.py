"""The distributions of this repository fit together, and every list that names them names the same ones."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from sorcha_peer_core import __version__

ROOT = Path(__file__).parent.parent
PLUGINS = {
    "plugins/transport_grpc": "sorcha-peer-transport-grpc",
    "plugins/transport_grpcstream": "sorcha-peer-transport-grpcstream",
    "plugins/transport_rest": "sorcha-peer-transport-rest",
    "plugins/nat_stun": "sorcha-peer-nat-stun",
    "admin": "sorcha-peer-admin",
}
CORE_RELEASES = ">=0.1,<0.2"


def _metadata(folder: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / folder / "setup.cfg", encoding="utf-8")
    return parser


def _lines(parser: ConfigParser, section: str, key: str) -> list[str]:
    return parser[section][key].split("\n")[1:]


def _words(file: str) -> list[str]:
    return [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def test_every_folder_with_packaging_is_known_here():
    found = {
        str(file.parent.relative_to(ROOT)) for pattern in ("*/setup.cfg", "plugins/*/setup.cfg") for file in ROOT.glob(pattern)
    }

    assert found == set(PLUGINS)


@pytest.mark.parametrize(("folder", "name"), PLUGINS.items())
def test_a_plugin_has_the_name_and_the_version_of_the_release(folder: str, name: str):
    metadata = _metadata(folder)["metadata"]

    assert (metadata["name"], metadata["version"]) == (name, __version__)


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_plugin_asks_for_a_core_of_its_own_release_series(folder: str):
    series = ".".join(__version__.split(".")[:2])

    assert f"sorcha-peer{CORE_RELEASES}" in _lines(_metadata(folder), "options", "install_requires")
    assert CORE_RELEASES.startswith(f">={series},")


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_plugin_runs_on_the_pythons_of_the_core(folder: str):
    core, plugin = _metadata("."), _metadata(folder)

    assert plugin["options"]["python_requires"] == core["options"]["python_requires"]
    assert _pythons(plugin) == _pythons(core) == ["3.11", "3.12", "3.13"]


def _pythons(parser: ConfigParser) -> list[str]:
    return re.findall(r"Python :: (3\.\d+)", parser["metadata"]["classifiers"])


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_plugin_is_built_like_the_core(folder: str):
    assert (ROOT / folder / "pyproject.toml").read_text() == (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("folder", PLUGINS)
def test_an_entry_point_names_a_module_that_is_there(folder: str):
    for line in _lines(_metadata(folder), "options.entry_points", "sorcha_peer"):
        module = line.partition(" = ")[2]
        assert (ROOT / folder / (module.replace(".", "/") + ".py")).is_file(), line


def test_every_plugin_is_an_extra_of_the_core_and_in_all():
    extras = dict(_metadata(".")["options.extras_require"])
    everything = extras.pop("all").split()
    # For drawing what a simulation found; no node needs it.
    assert extras.pop("plot").startswith("matplotlib")
    # The driver of a store that few nodes use.
    assert extras.pop("postgres").startswith("psycopg2")
    # Links compress with zlib without it.
    assert extras.pop("zstd").startswith("zstandard")

    assert sorted(everything) == sorted(PLUGINS.values())
    assert sorted(extras.values()) == sorted(PLUGINS.values())


def test_one_requirements_file_installs_everything():
    assert _words("requirements.txt") == [".", *(f"./{folder}" for folder in PLUGINS)]


def test_developers_install_the_same_distributions_editable():
    editable = [line.removeprefix("-e ") for line in _words("requirements-dev.txt") if line.startswith("-e ")]

    assert editable == _words("requirements.txt")


def test_make_installs_the_same_distributions():
    [line] = [line for line in _words("Makefile") if line.startswith("DISTRIBUTIONS := ")]

    assert line.split()[2:] == _words("requirements.txt")


def test_the_local_constraints_point_every_extra_at_its_folder():
    assert _words("constraints-local.txt") == [f"{name} @ file://${{PWD}}/{folder}" for folder, name in PLUGINS.items()]


def test_the_changelog_knows_this_version():
    assert re.search(rf"^## \[{re.escape(__version__)}\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
