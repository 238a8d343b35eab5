"""Commands that need no running node: init, identity, plugins, and the configuration of run."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
import tomllib

import pytest

from sorcha_peer_core.cli.options import configuration
from sorcha_peer_core.config import Config
from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.services.tls.own_certificate import OwnCertificate


def test_init_writes_a_configuration_that_is_valid_and_an_identity(command, tmp_path):
    outcome = command("init", "--data-dir", "node")

    assert outcome.status == 0
    assert tomllib.loads((tmp_path / "node/config.toml").read_text())["node"]["data_dir"] == "node"
    written = configuration(None, tmp_path / "node")
    assert written.model_copy(update={"node": Config().node}) == Config()
    assert (tmp_path / "node/identity.key").stat().st_mode & 0o777 == 0o600


def test_init_never_overwrites(command, tmp_path):
    command("init", "--data-dir", "node")
    (tmp_path / "node/config.toml").write_text("# mine\n")

    outcome = command("init", "--data-dir", "node")

    assert outcome == (1, "", "sorcha-peer: node/config.toml is already there and is not overwritten\n")
    assert (tmp_path / "node/config.toml").read_text() == "# mine\n"


def test_init_says_why_it_cannot_write(command, tmp_path):
    (tmp_path / "file").touch()

    outcome = command("init", "--data-dir", "file/node")

    assert outcome == (1, "", "sorcha-peer: file/node/config.toml cannot be written: Not a directory\n")


def test_identity_is_the_same_each_time(command):
    first = command("identity", "--data-dir", "node", "--json")
    second = command("identity", "--data-dir", "node", "--json")

    assert first == second
    assert len(json.loads(first.out)["peer_id"]) == 40
    assert len(json.loads(first.out)["public_key"]) == 64


def test_identity_shows_people_both_names(command):
    lines = command("identity", "--data-dir", "node").out.splitlines()

    assert [line.split("  ")[0].strip() for line in lines] == ["peer id", "public key", "certificate fingerprint"]
    assert lines[-1].split()[-1] == "none"


def test_identity_shows_the_fingerprint_of_the_certificate_in_use(command, tmp_path):
    certificate = tmp_path / "node/tls/certificate.pem"
    peer_id = json.loads(command("identity", "--data-dir", "node", "--json").out)["peer_id"]
    OwnCertificate(tmp_path / "node", "sorcha", peer_id).ensure(time.time())

    shown = json.loads(command("identity", "--data-dir", "node", "--json").out)["certificate_fingerprint"]

    assert shown == hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()


def test_identity_names_a_certificate_that_cannot_be_read(command, tmp_path):
    (tmp_path / "node/tls").mkdir(parents=True)
    (tmp_path / "node/tls/certificate.pem").write_text("nothing of the kind")

    outcome = command("identity", "--data-dir", "node")

    assert (outcome.status, outcome.out) == (1, "")
    assert "node/tls/certificate.pem" in outcome.err


def test_plugins_lists_what_the_core_brings(command):
    plugins = json.loads(command("plugins", "--json").out)["plugins"]

    (builtin,) = [plugin for plugin in plugins if plugin["name"] == "builtin"]
    assert {"kind": "store", "name": "sqlite", "chosen": True}.items() <= builtin["offers"][0].items()


def test_plugins_shows_whether_a_bootstrap_source_is_chosen(command, monkeypatch):
    monkeypatch.setenv("SORCHA_PEER__PEER_DISCOVERY__BOOTSTRAP_SOURCES", '["file"]')

    plugins = json.loads(command("plugins", "--json").out)["plugins"]

    (builtin,) = [plugin for plugin in plugins if plugin["name"] == "builtin"]
    [source] = [offer for offer in builtin["offers"] if offer["kind"] == "bootstrap source"]
    assert (source["name"], source["chosen"]) == ("file", True)


def test_a_blocked_plugin_is_shown_with_the_reason(command, monkeypatch):
    monkeypatch.setenv("SORCHA_PEER_BLOCK", "admin")

    outcome = command("plugins")

    assert outcome.status == 0
    assert "admin" not in outcome.out or "blocked by SORCHA_PEER_BLOCK" in outcome.out


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text('[node]\nname = "file"\nnetwork_id = "file"\n[admin]\nlisten = "127.0.0.1:1"\n')
    monkeypatch.setenv("SORCHA_PEER__NODE__NAME", "environment")
    monkeypatch.setenv("SORCHA_PEER__NODE__NETWORK_ID", "environment")

    config = configuration(None, tmp_path, {"node": {"name": "option"}})

    assert (config.node.name, config.node.network_id, config.admin.listen) == ("option", "environment", "127.0.0.1:1")
    assert config.data_dir == tmp_path


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("fanot = 3", "transaction_distribution.fanot is no setting"),
        ("eager_max_bytes = -1", "transaction_distribution.eager_max_bytes is -1"),
        ("eager_max_bytes = ", "is not TOML"),
    ],
)
def test_a_bad_key_or_value_is_named_and_status_2(command, tmp_path, line, sentence):
    (tmp_path / "bad.toml").write_text(f"[transaction_distribution]\n{line}\n")

    outcome = command("run", "-c", "bad.toml")

    assert outcome.status == 2
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_bad_address_in_an_option_is_named(command):
    outcome = command("run", "--listen", "nowhere")

    assert outcome.status == 2
    assert "communication.listen is 'nowhere'" in outcome.err


def test_configuration_of_a_broken_environment_is_an_error(monkeypatch):
    monkeypatch.setenv("SORCHA_PEER__NODE", "x")

    with pytest.raises(ConfigError, match="SORCHA_PEER__NODE names no setting"):
        configuration(None, None)
