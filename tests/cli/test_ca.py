"""The commands ``sorcha-peer ca``: a private authority, from its beginning to a revoked peer."""

from __future__ import annotations

import json
import time

import pytest
from cryptography import x509

from sorcha_peer_core.services.identity import load_or_create_identity
from sorcha_peer_core.services.tls.ca_credentials import CaCredentials, CaFiles


@pytest.fixture
def authority(command, tmp_path):
    """An authority in the folder ``ca``."""
    assert command("ca", "init", "--dir", "ca").status == 0
    return tmp_path / "ca"


@pytest.fixture
def issued(command, authority):
    """The authority's entry for the node in the folder ``node``, which has its certificate."""
    assert command("ca", "issue", "--dir", "ca", "--data-dir", "node").status == 0
    [entry] = listed(command)
    return entry


def listed(command):
    return json.loads(command("ca", "list", "--dir", "ca", "--json").out)["certificates"]


def test_init_makes_a_key_for_its_owner_alone_and_says_what_comes_next(command, tmp_path):
    outcome = command("ca", "init", "--dir", "ca", "--name", "North CA", "--days", 30)

    certificate = x509.load_pem_x509_certificate((tmp_path / "ca" / "ca.pem").read_bytes())
    assert outcome.status == 0
    assert "ca holds a new authority" in outcome.out
    assert "sorcha-peer ca request" in outcome.out
    assert (tmp_path / "ca" / "ca-key.pem").stat().st_mode & 0o777 == 0o600
    assert certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "North CA"
    assert 29 * 86_400 < certificate.not_valid_after_utc.timestamp() - time.time() <= 30 * 86_400


def test_init_never_overwrites(command, authority):
    before = {path.name: path.read_bytes() for path in authority.iterdir()}

    outcome = command("ca", "init", "--dir", "ca")

    assert outcome == (1, "", "sorcha-peer: ca/ca-key.pem is already there and is not overwritten\n")
    assert {path.name: path.read_bytes() for path in authority.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--days", "0"], "--days"),
        (["--days", "x"], "--days"),
        (["--name", " "], "is no name of 1 to 64 printable characters"),
        (["--name", "x" * 65], "is no name of 1 to 64 printable characters"),
    ],
)
def test_init_refuses_what_no_authority_can_have(command, tmp_path, options, sentence):
    outcome = command("ca", "init", "--dir", "ca", *options)

    assert outcome.status == 2
    assert sentence in outcome.err
    assert not (tmp_path / "ca").exists()


def test_a_node_elsewhere_gets_its_certificate_in_three_steps(command, authority, tmp_path):
    """Its keys never leave it: a request goes one way, a certificate the other."""
    requested = command("ca", "request", "--data-dir", "node", "-o", "node.request")
    done = command("ca", "issue", "--dir", "ca", "node.request", "-o", "node.pem")
    (tmp_path / "node/tls/certificate.pem").write_bytes((tmp_path / "node.pem").read_bytes())
    (tmp_path / "node/tls/ca.pem").write_bytes((authority / "ca.pem").read_bytes())

    peer_id = load_or_create_identity(tmp_path / "node").peer_id
    assert (requested.status, done.status) == (0, 0)
    assert "tls/certificate.pem" in done.out
    assert f"It is for peer {peer_id} of the network 'sorcha', valid until " in done.out
    assert CaCredentials(CaFiles.of(tmp_path / "node"), "sorcha", peer_id).mode == "ca"


def test_a_node_on_this_machine_gets_everything_in_one_step(command, authority, tmp_path):
    outcome = command("ca", "issue", "--dir", "ca", "--data-dir", "node", "--days", 10)

    peer_id = load_or_create_identity(tmp_path / "node").peer_id
    credentials = CaCredentials(CaFiles.of(tmp_path / "node"), "sorcha", peer_id)
    assert outcome.status == 0
    assert sorted(path.name for path in (tmp_path / "node/tls").iterdir()) == [
        "ca.pem",
        "certificate.pem",
        "key.pem",
        "revoked.txt",
    ]
    assert 9 * 86_400 < credentials.expires_at - time.time() <= 10 * 86_400


def test_the_network_is_that_of_the_node_s_configuration(command, authority, tmp_path):
    (tmp_path / "node").mkdir()
    (tmp_path / "node/config.toml").write_text('[node]\nnetwork_id = "my net"\n')

    outcome = command("ca", "issue", "--dir", "ca", "--data-dir", "node")

    assert "of the network 'my net'" in outcome.out
    assert [entry["network_id"] for entry in listed(command)] == ["my net"]


def test_files_are_put_where_the_configuration_says(command, authority, tmp_path):
    (tmp_path / "node").mkdir()
    (tmp_path / "node/config.toml").write_text('[security]\ncertificate = "mine.pem"\nkey = "secret/key.pem"\n')

    assert command("ca", "issue", "--dir", "ca", "--data-dir", "node").status == 0

    assert (tmp_path / "node/mine.pem").exists()
    assert (tmp_path / "node/secret/key.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "node/tls").iterdir()) == ["ca.pem", "revoked.txt"]


def test_a_renewal_keeps_the_key(command, issued, tmp_path):
    key = (tmp_path / "node/tls/key.pem").read_bytes()

    assert command("ca", "issue", "--dir", "ca", "--data-dir", "node").status == 0

    assert (tmp_path / "node/tls/key.pem").read_bytes() == key
    assert len({entry["serial"] for entry in listed(command)}) == 2


def test_a_certificate_that_ends_with_its_authority_says_so(command, authority):
    outcome = command("ca", "issue", "--dir", "ca", "--data-dir", "node", "--days", 36_500)

    assert outcome.status == 0
    assert outcome.out.endswith("That is when the authority's own certificate ends.\n")


@pytest.mark.parametrize("written", ["request", "certificate"])
def test_no_file_is_overwritten(command, authority, tmp_path, written):
    command("ca", "request", "--data-dir", "node", "-o", "node.request")
    (tmp_path / "there").write_text("mine")
    arguments = {
        "request": ("ca", "request", "--data-dir", "node", "-o", "there"),
        "certificate": ("ca", "issue", "--dir", "ca", "node.request", "-o", "there"),
    }[written]

    assert command(*arguments) == (1, "", "sorcha-peer: there is already there and is not overwritten\n")
    assert (tmp_path / "there").read_text() == "mine"
    assert listed(command) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("request", "--data-dir", "node"),
        ("issue", "--dir", "ca"),
        ("issue", "--dir", "ca", "a.request"),
        ("issue", "--dir", "ca", "a.request", "-o", "x", "--data-dir", "node"),
        ("issue", "--dir", "ca", "--data-dir", "node", "-o", "x"),
        ("issue", "--dir", "ca", "missing.request", "-o", "x"),
        ("issue", "a.request", "-o", "x"),
        ("revoke", "--dir", "ca"),
        ("revoke", "--dir", "ca", "north"),
    ],
)
def test_wrong_usage_is_status_2_and_one_line(command, authority, tmp_path, arguments):
    (tmp_path / "a.request").touch()

    outcome = command("ca", *arguments)

    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)


def test_a_data_directory_from_the_environment_does_not_stand_in_the_way_of_a_request(command, authority, monkeypatch):
    monkeypatch.setenv("SORCHA_PEER__NODE__DATA_DIR", "node")
    command("ca", "request", "-o", "node.request")

    assert command("ca", "issue", "--dir", "ca", "node.request", "-o", "node.pem").status == 0
    assert command("ca", "issue", "--dir", "ca").status == 2


def test_a_file_that_is_no_request_is_a_sentence_and_status_1(command, authority, tmp_path):
    (tmp_path / "other.json").write_text("{}")

    outcome = command("ca", "issue", "--dir", "ca", "other.json", "-o", "x.pem")

    assert outcome == (1, "", "sorcha-peer: the file is not a request made by `sorcha-peer ca request`\n")
    assert not (tmp_path / "x.pem").exists()


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "ab" * 20), ("issue", "--data-dir", "node")])
def test_a_folder_without_an_authority_is_a_sentence_that_says_how_to_make_one(command, arguments):
    name, *rest = arguments

    outcome = command("ca", name, "--dir", "nowhere", *rest)

    sentence = "sorcha-peer: nowhere holds no authority; make one with: sorcha-peer ca init --dir nowhere\n"
    assert (outcome.status, outcome.err) == (1, sentence)


def test_list_shows_people_what_was_issued(command, issued):
    out = command("ca", "list", "--dir", "ca").out

    assert issued["peer_id"] in out
    assert issued["serial"] in out
    assert "valid" in out


@pytest.mark.parametrize("name", ["peer_id", "serial", "fingerprint"])
def test_what_is_revoked_is_on_the_list_and_marked_in_the_index(command, authority, issued, name):
    outcome = command("ca", "revoke", "--dir", "ca", issued[name])

    assert outcome.status == 0
    assert "Next: copy that file to tls/revoked.txt of every node" in outcome.out
    assert f"{issued[name]}  # " in (authority / "revoked.txt").read_text()
    assert [entry["state"] for entry in listed(command)] == ["revoked"]


def test_a_second_revocation_changes_nothing_and_says_so(command, authority, issued):
    command("ca", "revoke", "--dir", "ca", issued["peer_id"])
    before = (authority / "revoked.txt").read_text()

    outcome = command("ca", "revoke", "--dir", "ca", issued["peer_id"])

    assert (outcome.status, outcome.out) == (0, f"{issued['peer_id']} was already on ca/revoked.txt.\n")
    assert (authority / "revoked.txt").read_text() == before


def test_a_peer_that_never_had_a_certificate_can_be_revoked(command, authority):
    outcome = command("ca", "revoke", "--dir", "ca", "ab" * 20)

    assert outcome.status == 0
    assert "is not in the index of this authority; it is revoked all the same" in outcome.out


def test_a_revoked_peer_gets_no_new_certificate(command, authority, issued):
    command("ca", "revoke", "--dir", "ca", issued["peer_id"])

    outcome = command("ca", "issue", "--dir", "ca", "--data-dir", "node")

    assert outcome.status == 1
    assert outcome.err == f"sorcha-peer: peer {issued['peer_id'][:8]} is revoked; take it out of ca/revoked.txt first\n"
