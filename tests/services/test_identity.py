"""Who a node is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from service_parts import identity_of

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.ids import peer_id_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services import identity as module
from sorcha_peer_core.services.identity import KEY_FILE, load_or_create_identity
from sorcha_peer_core.services.security import is_genuine, is_signed_by

CREATE = "import sys; from pathlib import Path; \
from sorcha_peer_core.services.identity import load_or_create_identity; print(load_or_create_identity(Path(sys.argv[1])).peer_id)"


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path):
    load_or_create_identity(tmp_path / "new")

    assert (tmp_path / "new" / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_nothing_but_the_key_is_left_in_the_directory(tmp_path):
    load_or_create_identity(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_later_starts_find_the_same_identity(tmp_path):
    first = load_or_create_identity(tmp_path)
    written = (tmp_path / KEY_FILE).read_bytes()

    again = load_or_create_identity(tmp_path)

    assert again.peer_id == first.peer_id
    assert (tmp_path / KEY_FILE).read_bytes() == written


def test_the_peer_id_is_that_of_the_public_key(tmp_path):
    identity = load_or_create_identity(tmp_path)

    assert identity.peer_id == peer_id_of(identity.public_key)


def test_two_nodes_have_different_identities(tmp_path):
    assert load_or_create_identity(tmp_path / "a").peer_id != load_or_create_identity(tmp_path / "b").peer_id


@pytest.mark.parametrize("content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_file_is_named_and_never_replaced(tmp_path, content):
    (tmp_path / KEY_FILE).write_bytes(content)

    with pytest.raises(StartError, match=r"identity\.key holds no private key; restore it from a backup, or move it away"):
        load_or_create_identity(tmp_path)

    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_a_key_behind_a_password_is_refused_with_a_sentence(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / KEY_FILE).write_bytes(pem)

    with pytest.raises(StartError, match="holds no private key"):
        load_or_create_identity(tmp_path)


def test_a_key_of_another_kind_is_refused_with_a_sentence(tmp_path):
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / KEY_FILE).write_bytes(pem)

    with pytest.raises(StartError, match="holds a key of another kind; an identity is an Ed25519 key"):
        load_or_create_identity(tmp_path)


def test_a_directory_in_the_place_of_the_file_is_refused_with_a_sentence(tmp_path):
    (tmp_path / KEY_FILE).mkdir()

    with pytest.raises(StartError, match=r"the identity .*identity\.key cannot be used: Is a directory"):
        load_or_create_identity(tmp_path)


def test_two_processes_that_start_at_the_same_time_end_with_one_key(tmp_path):
    both = [subprocess.Popen([sys.executable, "-c", CREATE, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    peer_ids = [process.communicate(timeout=30)[0].strip() for process in both]

    assert peer_ids[0] == peer_ids[1] == load_or_create_identity(tmp_path).peer_id


def test_two_starters_with_the_same_process_id_do_not_write_into_one_draft(tmp_path, monkeypatch):
    """Two containers on one volume are both process 1."""
    link, others = module.os.link, []

    def link_when_the_other_has_started(draft, path):
        if not others:
            others.append(None)
            others.append(load_or_create_identity(tmp_path).peer_id)
        link(draft, path)

    monkeypatch.setattr(module.os, "link", link_when_the_other_has_started)

    mine = load_or_create_identity(tmp_path)

    assert others == [None, mine.peer_id]
    assert mine.peer_id == load_or_create_identity(tmp_path).peer_id
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_signature_is_checked_with_the_public_key():
    identity = identity_of(1)

    assert is_signed_by(identity.public_key, identity.sign(b"words"), b"words")


def test_a_record_is_genuine_and_says_where_the_node_listens():
    endpoints = (Endpoint("grpc", "192.0.2.1", 5001),)

    record = identity_of(1).record("test", endpoints, "north", "sorcha-peer/1")

    assert is_genuine(record)
    assert (record.endpoints, record.name, record.network_id) == (endpoints, "north", "test")


def test_a_later_record_always_has_a_higher_seq():
    identity = identity_of(1)

    seqs = [identity.record("test", (), "", "").seq for _ in range(20)]

    assert seqs == sorted(set(seqs))


def test_a_record_after_a_restart_has_a_higher_seq_even_when_the_clock_was_set_back(tmp_path, monkeypatch):
    before = load_or_create_identity(tmp_path).record("test", (), "", "")
    monkeypatch.setattr(module.time, "time_ns", lambda: (before.seq - 300_000) * 1_000_000)

    after = load_or_create_identity(tmp_path).record("test", (), "", "")

    assert after.seq == before.seq + 1
