"""What devnet refuses before it starts any process."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sorcha_peer_core.cli.cluster import toml_of
from sorcha_peer_core.cli.devnet import _configs_of, _links_wanted, _show_pages, made_up_payloads
from sorcha_peer_core.config import load_config
from sorcha_peer_core.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_process_is_started(monkeypatch):
    def refuse(*given, **more):
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", refuse)


def test_one_node_is_no_network(command):
    outcome = command("devnet", "-n", 1)

    assert outcome.status == 2
    assert "1 is not in the range 2<=x<=500" in outcome.err


def test_a_rate_of_nothing_is_wrong_usage(command):
    outcome = command("devnet", "--rate", 0)

    assert outcome.status == 2
    assert "'--rate'" in outcome.err


def test_a_missing_file_is_wrong_usage_and_named(command):
    outcome = command("devnet", "--publish", "nowhere")

    assert outcome.status == 2
    assert "'nowhere' does not exist" in outcome.err


def test_a_transaction_over_the_limit_is_named(command, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 101)
    (tmp_path / "small.toml").write_text("[transaction_distribution]\nmax_transaction_bytes = 100\n")

    outcome = command("devnet", "--publish", "big", "-c", "small.toml")

    assert outcome == (1, "", "sorcha-peer: big: the transaction has 101 bytes; at most 100 are allowed\n")


def test_an_empty_transaction_is_named(command, tmp_path):
    (tmp_path / "a").write_text('{"raw": "00"}\n{"raw": ""}\n')

    outcome = command("devnet", "--lines", "--hex", "raw", "a")

    assert outcome == (1, "", "sorcha-peer: a line 2: the transaction is empty; a payload has at least 1 byte\n")


def test_a_file_without_any_transaction_is_named(command, tmp_path):
    (tmp_path / "a").write_text("\n\n")

    outcome = command("devnet", "--lines", "--publish", "a")

    assert outcome == (1, "", "sorcha-peer: there is nothing to publish in a\n")


def test_a_bad_setting_in_a_file_is_named_and_status_2(command, tmp_path):
    (tmp_path / "bad.toml").write_text("[communication]\nmax_connections = 0\n")

    outcome = command("devnet", "--node-config", "bad.toml")

    assert outcome.status == 2
    assert "communication.max_connections is 0" in outcome.err


def test_more_node_configurations_than_nodes_are_wrong_usage(command, tmp_path):
    (tmp_path / "a.toml").touch()

    outcome = command("devnet", "-n", 2, *["--node-config", "a.toml"] * 3)

    assert outcome.status == 2
    assert "--node-config is given 3 times" in outcome.err


def test_a_nodes_own_settings_win_over_the_common_ones(tmp_path):
    (tmp_path / "common").write_text('[communication]\nmax_connections = 5\nrung_timeout_s = 1\n[plugins.rest]\na = "x"\n')
    (tmp_path / "own").write_text("[communication]\nmax_connections = 7\n")

    first, second = _configs_of(2, tmp_path / "common", [tmp_path / "own"])

    assert first["communication"] == {"max_connections": 7, "rung_timeout_s": 1}
    assert second["communication"]["max_connections"] == 5
    assert 'a = "x"' in toml_of(first)


def test_a_file_that_is_wrong_for_itself_is_an_error(tmp_path):
    (tmp_path / "own").write_text("[nod]\n")

    with pytest.raises(ConfigError, match="did you mean node"):
        _configs_of(2, None, [tmp_path / "own"])


def test_made_up_payloads_are_the_same_each_time():
    first, second = list(made_up_payloads(3)), list(made_up_payloads(3))

    assert first == second
    assert len({item.payload for item in first}) == 3


@pytest.mark.parametrize(("nodes", "most", "links"), [(2, 64, 1), (8, 64, 7), (8, 7, 7), (8, 3, 1), (40, 64, 6), (3, 1, 1)])
def test_a_network_has_formed_when_all_are_linked_to_all_or_each_to_half_of_what_it_strives_for(nodes, most, links):
    config = load_config(None, {}, {"communication": {"max_connections": most}})

    assert _links_wanted(config, nodes) == links


def test_the_pages_of_every_node_are_named_until_somebody_ends_it(capsys, monkeypatch):
    class Interrupted:
        def wait(self):
            raise KeyboardInterrupt

    monkeypatch.setattr("gevent.event.Event", Interrupted)
    nodes = [
        SimpleNamespace(number=number, client=SimpleNamespace(login_link=lambda url=f"http://n{number}/": {"url": url}))
        for number in (1, 2)
    ]

    _show_pages(nodes)

    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["node 1  http://n1/", "node 2  http://n2/"]
    assert "Ctrl-C" in lines[2]
