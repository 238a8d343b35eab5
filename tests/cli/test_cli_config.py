"""Every setting of a node, running or not, and where it comes from."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "config.toml").write_text(
        '[node]\nname = "north"\n[store]\nurl = "postgresql://a:hunter2@b/c"\n', encoding="utf-8"
    )
    return tmp_path


def settings(text: str) -> dict[str, dict]:
    return {setting["key"]: setting for setting in json.loads(text)["settings"]}


def test_without_a_running_node_files_and_environment_are_read(command, directory, monkeypatch):
    monkeypatch.setenv("SORCHA_PEER__NODE__LOG_LEVEL", "error")

    outcome = command("config", "--data-dir", directory, "--json")

    found = settings(outcome.out)
    assert (found["node.name"]["value"], found["node.name"]["origin"]) == ("north", f"file {directory}/config.toml")
    assert found["node.log_level"]["origin"] == "environment variable SORCHA_PEER__NODE__LOG_LEVEL"
    assert found["node.data_dir"]["origin"] == "flag"
    assert "no running node was asked" in outcome.err
    assert "hunter2" not in outcome.out


def test_a_data_directory_from_the_environment_is_said_to_be_from_there(command, directory, monkeypatch):
    monkeypatch.setenv("SORCHA_PEER__NODE__DATA_DIR", str(directory))

    found = settings(command("config", "--json").out)

    assert (found["node.data_dir"]["value"], found["node.name"]["value"]) == (str(directory), "north")
    assert found["node.data_dir"]["origin"] == "environment variable SORCHA_PEER__NODE__DATA_DIR"


def test_a_running_node_is_asked(api, command, data_dir):
    api.settings = [{"key": "node.name", "value": "south", "origin": "flag", "default": "", "summary": "what people call it"}]

    outcome = command("config", "--data-dir", data_dir, "--origin")

    assert outcome.out.split()[-3:] == ["node.name", "south", "flag"]
    assert outcome.err == ""


def test_people_get_what_each_setting_means(command, directory):
    lines = command("config", "--data-dir", directory).out.splitlines()

    assert any(line.split()[:2] == ["node.name", "north"] and "what people call this node" in line for line in lines)
