"""Settings as people see them: with their origin, and without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sorcha_peer_core.config import Config, Section, load_config
from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.views import SettingView
from sorcha_peer_core.model.masking import MASK, is_secret
from sorcha_peer_core.node.settings import settings_shown

SECRET = "hunter2"

CONFIG = f"""
[node]
name = "north"
log_level = "debug"
[store]
url = "postgresql://peer:{SECRET}@db.example/peer"
[plugins.relay]
listen = "[::]:7000"
Api_Token = "{SECRET}"
key = "{SECRET}"
since = 2026-01-01
[plugins.relay.login]
user = "peer"
password = "{SECRET}"
[[plugins.relay.others]]
url = "https://relay.example/?access_key={SECRET}&a=b"
client_secret = "{SECRET}"
"""


def by_key(config: Config) -> dict[str, SettingView]:
    return {setting.key: setting for setting in settings_shown(config)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_every_setting_of_every_section_is_shown_with_its_default_and_its_summary():
    shown = by_key(Config())

    sections = {name: info.default for name, info in Config.model_fields.items() if isinstance(info.default, Section)}
    assert set(shown) == {f"{name}.{key}" for name, section in sections.items() for key in type(section).model_fields}
    assert all(setting.value == setting.default and setting.origin == "default" for setting in shown.values())
    assert all(setting.summary for setting in shown.values())


def test_who_said_a_value_is_said_and_who_was_overridden_is_not(file: Path):
    env = {"SORCHA_PEER__NODE__LOG_LEVEL": "warning", "SORCHA_PEER__PLUGINS__REST__LISTEN": "[::]:6002"}

    shown = by_key(load_config(file, env, {"node": {"name": "south"}}))

    assert (shown["node.name"].value, shown["node.name"].origin) == ("south", "flag")
    variable = "environment variable SORCHA_PEER__NODE__LOG_LEVEL"
    assert (shown["node.log_level"].value, shown["node.log_level"].origin) == ("warning", variable)
    assert shown["plugins.rest.listen"].origin == "environment variable SORCHA_PEER__PLUGINS__REST__LISTEN"
    assert shown["plugins.relay.listen"].origin == f"file {file}"
    assert shown["node.network_id"].origin == "default"


def test_no_secret_is_shown(file: Path):
    shown = by_key(load_config(file, {}, {}))

    assert SECRET not in json.dumps([setting._asdict() for setting in shown.values()])
    assert shown["store.url"].value == "postgresql://peer:***@db.example/peer"
    assert [shown[f"plugins.relay.{name}"].value for name in ("Api_Token", "key", "login.password")] == [MASK] * 3
    assert shown["plugins.relay.login.user"].value == "peer"
    assert shown["plugins.relay.others"].value == [{"url": "https://relay.example/?access_key=***&a=b", "client_secret": MASK}]
    assert shown["plugins.relay.since"].value == "2026-01-01"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://peer:{SECRET}@db.example/peer",
        f"postgresql://peer:{SECRET}@more@db.example/peer",
        f"postgresql://db.example/peer?user=peer&password={SECRET}",
        f"postgresql://db.example/peer?sslpassword={SECRET}&a=b",
    ],
)
def test_a_password_in_the_url_of_a_store_is_not_shown_in_any_of_its_places(url: str):
    assert SECRET not in by_key(load_config(None, {}, {"store": {"url": url}}))["store.url"].value


def test_the_name_of_a_file_with_a_key_is_no_secret():
    assert not is_secret("security.key")
    assert by_key(load_config(None, {}, {"security": {"key": "/etc/key.pem"}}))["security.key"].value == "/etc/key.pem"


def test_a_secret_that_is_not_set_is_seen_to_be_missing():
    assert by_key(load_config(None, {}, {"plugins": {"relay": {"token": ""}}}))["plugins.relay.token"].value == ""


def test_a_wrong_value_with_a_password_is_named_without_it():
    with pytest.raises(ConfigError) as caught:
        load_config(None, {}, {"node": {"log_level": f"x://a:{SECRET}@b"}})

    assert SECRET not in str(caught.value)
