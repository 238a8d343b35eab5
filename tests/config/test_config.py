"""The configuration: where values come from, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from sorcha_peer_core.config import DEFAULT_TRANSPORTS, Config, NodeSection, PeerDiscoverySection, Section, load_config, to_toml
from sorcha_peer_core.errors import ConfigError


def from_toml(tmp_path: Path, text: str, env=None, overrides=None) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, env or {}, overrides or {})


def test_without_anything_the_defaults_hold():
    assert load_config(None, {}, {}) == Config()


def test_by_default_a_node_encrypts_and_listens_to_everybody_on_all_transports_that_ship():
    config = Config()

    assert config.security.mode == "open"
    assert config.communication.listen == "[::]:5001"
    assert config.communication.transports == DEFAULT_TRANSPORTS == ("grpcstream", "grpc", "rest")


def test_by_default_a_node_asks_nobody_for_its_address_or_for_first_contacts():
    config = Config()

    assert config.network_address.resolvers == ("manual", "interface", "stun", "http")
    assert (config.network_address.stun_servers, config.network_address.http_lookup_services) == ((), ())
    assert (config.peer_discovery.bootstrap_sources, config.peer_discovery.bootstrap_file) == ((), "")


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path):
    text = '[node]\nname = "file"\nnetwork_id = "file"\nlog_level = "error"\n'
    env = {"SORCHA_PEER__NODE__NAME": "env", "SORCHA_PEER__NODE__NETWORK_ID": "env"}

    node = from_toml(tmp_path, text, env, {"node": {"name": "line"}}).node

    assert (node.name, node.network_id, node.log_level) == ("line", "env", "error")


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("NODE__NAME", "plain", lambda c: c.node.name == "plain"),
        ("NODE__NAME", "123", lambda c: c.node.name == "123"),
        ("COMMUNICATION__LISTEN", "[::]:5001", lambda c: c.communication.listen == "[::]:5001"),
        ("COMMUNICATION__CONNECTION_TIMEOUT_S", "1.5", lambda c: c.communication.connection_timeout_s == 1.5),
        ("COMMUNICATION__TRANSPORTS", '["grpc"]', lambda c: c.communication.transports == ("grpc",)),
        ("SECURITY__MODE", "ca", lambda c: c.security.mode == "ca"),
        ("PLUGINS__REST__LISTEN", "[::1]:0", lambda c: c.plugins == {"rest": {"listen": "[::1]:0"}}),
        ("PLUGINS__MAILBOX__POLL_S", "0.5", lambda c: c.plugins == {"mailbox": {"poll_s": 0.5}}),
        ("SECURITY__ALLOW_INSECURE_NETWORK", "true", lambda c: c.security.allow_insecure_network is True),
    ],
)
def test_an_environment_variable_is_read_as_its_setting_needs_it(name: str, text: str, read):
    assert read(load_config(None, {f"SORCHA_PEER__{name}": text, "OTHER": "x"}, {}))


@pytest.mark.parametrize(
    "name",
    [f"SORCHA_PEER__{rest}" for rest in ("", "NODE", "NODE__", "__NAME", "PLUGINS", "PLUGINS__REST", "PLUGINS__REST__")],
)
def test_an_environment_variable_that_names_no_setting_is_named(name: str):
    with pytest.raises(ConfigError, match="SECTION__KEY") as caught:
        load_config(None, {name: "x"}, {})

    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[node]\nnmae = 1", ["node.nmae is no setting", "did you mean node.name?"]),
        ("[nodes]\nname = 1", ["nodes is no section", "did you mean node?"]),
        ("[store]\nzzz = 1", ["store.zzz is no setting", "there is url"]),
        ("[node]\nlog_level = 'loud'", ["node.log_level", "'loud'", "'debug', 'info', 'warning' or 'error'"]),
        ("[communication]\nlisten = '::1:5001'", ["communication.listen", "'::1:5001'", "brackets"]),
        ("[communication]\nconnection_timeout_s = 0", ["communication.connection_timeout_s", "0", "greater than 0"]),
        ("[communication]\nmax_connections = 'many'", ["communication.max_connections", "'many'", "integer"]),
        ("[communication]\ntransports = []", ["communication.transports", "at least 1"]),
        ("[transaction_distribution]\nswarm_min_bytes = 1048576", ["swarm_min_bytes", "less than or equal to 1000000"]),
        ("[communication]\nrung_timeout_s = 0", ["communication.rung_timeout_s", "greater than 0"]),
        ("[transaction_distribution]\nmax_transaction_bytes = 0", ["max_transaction_bytes", "0", "greater than or equal to 1"]),
        ("[peer_discovery]\nbootstrap_nodes = ['x']", ["peer_discovery.bootstrap_nodes.0", "'x'", "HOST:PORT"]),
        ("[peer_discovery]\nbootstrap_nodes = ['x:1#ab']", ["bootstrap_nodes.0", "40 hex digits"]),
        ("[peer_discovery]\npeer_timeout_s = 0", ["peer_discovery.peer_timeout_s", "greater than 0"]),
        ("[network_address]\nstun_servers = ['stun.example']", ["network_address.stun_servers.0", "HOST:PORT"]),
        (
            "[network_address]\nhttp_lookup_services = ['me.example']",
            ["http_lookup_services.0", "'me.example' is not https://HOST"],
        ),
        ("[network_address]\npreferred_protocol = 'ipx'", ["network_address.preferred_protocol", "'ipv4' or 'ipv6'"]),
        ("[security]\nmode = 'none'", ["security.mode", "'none'", "insecure"]),
        ("[store]\nurl = 'peer.db'", ["store.url", "'peer.db'"]),
        ("node = 5", ["node", "5"]),
        ("[node", ["is not TOML"]),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(tmp_path: Path, text: str, said: list[str]):
    with pytest.raises(ConfigError) as caught:
        from_toml(tmp_path, text)

    for part in said:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"absent\.toml does not exist"):
        load_config(tmp_path / "absent.toml", {}, {})


def test_a_file_that_is_no_text_or_no_file_is_named(tmp_path: Path):
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path / "config.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(path, {}, {})


def test_what_is_set_over_something_that_is_no_table_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"node is 5; it is a table: \[node\]"):
        from_toml(tmp_path, "node = 5", {"SORCHA_PEER__NODE__NAME": "x"})


CHANGED = Config(
    node=NodeSection(name='a "quoted" näme \\ with\ttab, \x7f and 😀', log_level="debug"),
    peer_discovery=PeerDiscoverySection(bootstrap_nodes=("a:1", "rest://[::1]:5002#" + "ab" * 20), refresh_interval_s=0.5),
)


def test_a_node_may_listen_on_nothing(tmp_path: Path):
    config = from_toml(tmp_path, '[communication]\nlisten = ""')

    assert config.communication.listen == ""
    assert from_toml(tmp_path, to_toml(config)) == config


def test_the_management_api_may_not(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"admin\.listen is ''"):
        from_toml(tmp_path, '[admin]\nlisten = ""')


@pytest.mark.parametrize("config", [Config(), CHANGED], ids=["defaults", "changed"])
def test_a_configuration_that_was_written_is_read_back_the_same(tmp_path: Path, config: Config):
    assert from_toml(tmp_path, to_toml(config)) == config


def test_a_written_configuration_explains_every_key():
    lines = [line for line in to_toml(Config()).splitlines() if " = " in line]
    keys = [key for name in Config.model_fields if isinstance(section := getattr(Config(), name), Section)
            for key in type(section).model_fields]  # fmt: skip

    assert [line.split(" = ")[0] for line in lines] == keys
    assert all("  # " in line for line in lines)


def test_the_environment_changes_one_setting_of_a_plugin_and_leaves_the_others(tmp_path: Path):
    text = '[plugins.rest]\nlisten = "[::]:5002"\npublic_certificate = "proxy.pem"\n'

    config = from_toml(tmp_path, text, {"SORCHA_PEER__PLUGINS__REST__LISTEN": "[::1]:0"})

    assert config.plugins == {"rest": {"listen": "[::1]:0", "public_certificate": "proxy.pem"}}


def test_the_settings_of_plugins_are_left_to_them(tmp_path: Path):
    assert from_toml(tmp_path, "[plugins.rest]\nanything = 1").plugins == {"rest": {"anything": 1}}


@pytest.mark.parametrize("text", ["proxy.example", "192.0.2.7:80", "*", "10.0.0.0/8"])
def test_a_trusted_proxy_is_one_address(text: str):
    with pytest.raises(ConfigError, match=r"admin\.trusted_proxy is .*: it is one IP address, such as 127\.0\.0\.1"):
        load_config(None, {}, {"admin": {"trusted_proxy": text}})
