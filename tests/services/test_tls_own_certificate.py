"""The certificate that a node makes for itself."""

from __future__ import annotations

import logging

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from gevent import joinall, spawn
from service_parts import identity_of
from tls_parts import DAY_S, NETWORK, NORTH, SOUTH, Presented, authority_in, install, now_s, own_of, with_names

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.services.tls.certificates import fingerprint, key_pem, new_key, spki_sha256
from sorcha_peer_core.services.tls.open_credentials import OpenCredentials


def credentials_in(data_dir, clock=now_s, identity=NORTH, network=NETWORK):
    return OpenCredentials(data_dir, network, identity.peer_id, clock)


def files_of(data_dir) -> Presented:
    return Presented(data_dir / "tls" / "key.pem", data_dir / "tls" / "certificate.pem")


class Clock:
    """A clock that is set by hand."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def test_the_first_start_makes_a_key_for_its_owner_alone_and_a_certificate(tmp_path):
    credentials = credentials_in(tmp_path)

    files = files_of(tmp_path)
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == ["certificate.pem", "key.pem"]
    assert credentials.server().key_pem == files.key.read_bytes()
    assert credentials.server().certificate_pem == files.certificate.read_bytes()
    assert credentials.server().client_roots_pem == b""


def test_the_binding_is_that_of_the_certificate_and_the_record_names_its_key(tmp_path):
    credentials = credentials_in(tmp_path)

    der = files_of(tmp_path).der
    assert credentials.server_binding == fingerprint(der)
    assert credentials.tls_keys == (spki_sha256(der),)


def test_later_starts_find_the_same_certificate(tmp_path):
    assert credentials_in(tmp_path).server() == credentials_in(tmp_path).server()


def test_two_starts_at_the_same_time_end_with_one_key(tmp_path):
    both = [spawn(credentials_in, tmp_path) for _ in range(2)]
    joinall(both, raise_error=True)

    assert both[0].value.server() == both[1].value.server()


@pytest.mark.parametrize("damaged", ["key.pem", "certificate.pem"])
def test_a_damaged_file_is_named_and_never_replaced(tmp_path, damaged):
    credentials_in(tmp_path)
    (tmp_path / "tls" / damaged).write_bytes(b"garbage")

    with pytest.raises(StartError, match=rf"{damaged} holds no"):
        credentials_in(tmp_path)

    assert (tmp_path / "tls" / damaged).read_bytes() == b"garbage"


def test_a_certificate_without_its_key_is_not_replaced(tmp_path):
    credentials_in(tmp_path)
    files = files_of(tmp_path)
    files.key.unlink()

    with pytest.raises(StartError, match=r"certificate\.pem is there without .*key\.pem; restore the key, or move"):
        credentials_in(tmp_path)

    assert not files.key.exists()


def test_a_foreign_certificate_that_does_not_belong_to_the_key_is_refused(tmp_path):
    credentials_in(tmp_path)
    foreign = with_names(tmp_path / "foreign")
    files_of(tmp_path).certificate.write_bytes(foreign.certificate.read_bytes())

    with pytest.raises(StartError, match=r"certificate\.pem does not belong to the key .*key\.pem"):
        credentials_in(tmp_path)


def test_an_ed25519_key_is_refused_because_grpc_cannot_use_it(tmp_path):
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "key.pem").write_bytes(pem)

    with pytest.raises(StartError, match="use P-256"):
        credentials_in(tmp_path)


def test_the_certificate_of_an_authority_is_refused_because_peers_could_not_pin_it(tmp_path):
    install(authority_in(tmp_path / "ca"), tmp_path, NORTH)

    with pytest.raises(StartError, match=r"mode open needs one that the node signs itself.*or set security\.mode to ca"):
        credentials_in(tmp_path)


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "tls").write_bytes(b"a file in the way")

    with pytest.raises(StartError, match="tls"):
        credentials_in(tmp_path)


def test_a_crash_between_the_two_files_of_a_rotation_is_mended_at_the_next_start(tmp_path):
    credentials_in(tmp_path)
    files = files_of(tmp_path)
    key = key_pem(new_key())
    files.key.write_bytes(key)

    credentials = credentials_in(tmp_path)

    assert credentials.server().key_pem == key
    assert credentials.tls_keys == (spki_sha256(files.der),)


def test_a_copied_directory_gets_a_certificate_in_the_name_of_its_new_node(tmp_path):
    credentials_in(tmp_path, identity=SOUTH)
    before = files_of(tmp_path).der

    credentials = credentials_in(tmp_path)

    assert files_of(tmp_path).der != before
    assert spki_sha256(files_of(tmp_path).der) == spki_sha256(before)
    assert credentials.server_binding == fingerprint(files_of(tmp_path).der)


@pytest.mark.parametrize("made_at_s", [0.0, 4_000_000_000.0])
def test_a_certificate_made_under_a_wrong_clock_is_renewed_for_the_same_key(tmp_path, made_at_s):
    pins = credentials_in(tmp_path, lambda: made_at_s).tls_keys

    credentials = credentials_in(tmp_path)

    assert credentials.tls_keys == pins
    assert credentials.expires_at > now_s() + 3600 * DAY_S


def test_a_clock_that_is_set_right_while_the_node_runs_renews_the_certificate(tmp_path):
    clock = Clock(0.0)
    credentials = credentials_in(tmp_path, clock)
    pins = credentials.tls_keys
    clock.at = now_s()

    changed = credentials.refresh()

    assert changed
    assert credentials.server().revision == 2
    assert credentials.tls_keys == pins
    assert credentials.expires_at > now_s()


def test_nothing_new_is_no_new_revision(tmp_path):
    credentials = credentials_in(tmp_path)

    assert [credentials.refresh() for _ in range(3)] == [False, False, False]
    assert credentials.server().revision == 1


def test_a_rotation_brings_a_new_key_and_keeps_the_pin_of_the_old_one(tmp_path):
    credentials = credentials_in(tmp_path)
    [old] = credentials.tls_keys
    before = credentials.server_binding

    credentials.rotate()

    assert credentials.server().revision == 2
    assert credentials.server_binding != before
    assert credentials.tls_keys == (spki_sha256(files_of(tmp_path).der), old)
    assert credentials_in(tmp_path).tls_keys == credentials.tls_keys


def test_only_the_newest_three_keys_before_are_remembered(tmp_path):
    credentials = credentials_in(tmp_path)
    pins = [credentials.tls_keys[0]]
    for _ in range(5):
        credentials.rotate()
        pins.insert(0, credentials.tls_keys[0])

    assert credentials.tls_keys == tuple(pins[:4])


def test_a_rotation_by_another_process_is_taken_up_with_the_next_refresh(tmp_path):
    running, other = credentials_in(tmp_path), credentials_in(tmp_path)
    other.rotate()

    assert running.refresh()
    assert running.server()[1:] == other.server()[1:]
    assert running.tls_keys == other.tls_keys


def test_a_new_certificate_that_cannot_be_used_leaves_the_old_one_and_is_said_once(tmp_path, caplog):
    credentials = credentials_in(tmp_path)
    before = credentials.server()
    files_of(tmp_path).certificate.write_bytes(own_of(tmp_path / "other").certificate.read_bytes())

    with caplog.at_level(logging.WARNING):
        changes = [credentials.refresh() for _ in range(3)]

    assert changes == [False, False, False]
    assert credentials.server() == before
    [record] = caplog.records
    assert "not taken up, the one in use stays" in record.getMessage()
    assert "does not belong to the key" in record.getMessage()


def test_a_key_that_was_moved_away_while_the_node_runs_is_not_made_anew(tmp_path):
    credentials = credentials_in(tmp_path)
    files_of(tmp_path).key.unlink()

    assert not credentials.refresh()
    assert not files_of(tmp_path).key.exists()


def test_another_network_has_another_name_in_the_certificate(tmp_path):
    north = OpenCredentials(tmp_path / "a", "one", identity_of(1).peer_id)
    again = OpenCredentials(tmp_path / "a", "two", identity_of(1).peer_id)

    assert north.server_binding != again.server_binding
    assert north.tls_keys == again.tls_keys
