"""``admin-password`` and ``admin-link``."""

from __future__ import annotations

import hashlib
import io
import sys

import pytest

PASSWORD = "correct horse battery"


@pytest.fixture
def typed(command, monkeypatch):
    """Sets the password that stdin says."""

    def set_password(text: str):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return command("admin-password", "--data-dir", "node")

    return set_password


def opens(stored: str, password: str) -> bool:
    """What whoever reads the file does with it."""
    method, salt, digest = stored.strip().split("$")
    _, n, r, p = method.split(":")
    found = hashlib.scrypt(password.encode(), salt=salt.encode(), n=int(n), r=int(r), p=int(p), maxmem=64 * 1024 * 1024)
    return found.hex() == digest


def test_a_password_is_kept_as_a_hash_for_the_owner_alone(typed, tmp_path):
    outcome = typed(f"{PASSWORD}\n")

    file = tmp_path / "node/admin.password"
    assert outcome.status == 0
    assert "is set" in outcome.out
    assert opens(file.read_text(), PASSWORD)
    assert not opens(file.read_text(), PASSWORD + "x")
    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_same_password_has_another_hash_each_time(typed, tmp_path):
    stored = []
    for _ in range(2):
        typed(PASSWORD)
        stored.append((tmp_path / "node/admin.password").read_text())

    assert stored[0] != stored[1]


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_of_a_wrong_length_is_refused(typed, tmp_path, password):
    outcome = typed(f"{password}\n")

    assert outcome.status == 2
    assert f"the password has {len(password)} characters; 8 to 1024 are allowed" in outcome.err
    assert not (tmp_path / "node/admin.password").exists()


def test_it_is_removed(command, typed, tmp_path):
    typed(PASSWORD)

    assert command("admin-password", "--data-dir", "node", "--remove").status == 0
    assert not (tmp_path / "node/admin.password").exists()
    assert "There was no password" in command("admin-password", "--data-dir", "node", "--remove").out


def test_where_it_cannot_be_written_it_says_so(typed, tmp_path):
    (tmp_path / "node/admin.password").mkdir(parents=True)

    outcome = typed(PASSWORD)

    assert (outcome.status, "node/admin.password cannot be written" in outcome.err) == (1, True)


def test_a_link_is_printed_as_it_is(api, command, data_dir):
    outcome = command("admin-link", "--data-dir", data_dir)

    assert outcome == (0, f"{api.url}/admin/login?once=code\n", "")


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_asked_for_twice(command, monkeypatch, tmp_path):
    asked = iter([PASSWORD, "another one", PASSWORD, PASSWORD])
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda prompt: next(asked))
    monkeypatch.setattr(sys, "stdin", Terminal())

    assert command("admin-password", "--data-dir", "node").status == 0
    assert opens((tmp_path / "node/admin.password").read_text(), PASSWORD)
