"""Files of keys and certificates."""

from __future__ import annotations

import pytest

from sorcha_peer_core.services.tls.certificates import CertificateUnusable
from sorcha_peer_core.services.tls.files import PUBLIC, SECRET, Draft, create, read, replace, stamps


def test_a_secret_is_for_its_owner_alone(tmp_path):
    create(Draft(tmp_path / "tls" / "key.pem", b"secret", SECRET))

    assert (tmp_path / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_not_created_again(tmp_path):
    first = create(Draft(tmp_path / "file", b"first", PUBLIC))
    second = create(Draft(tmp_path / "file", b"second", PUBLIC))

    assert (first, second) == (True, False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"first"


def test_new_versions_take_the_place_of_the_old_ones_and_leave_nothing_beside(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    replace([Draft(tmp_path / "a", b"new", PUBLIC), Draft(tmp_path / "b", b"more", SECRET)])

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new", "b": b"more"}


def test_no_file_is_replaced_when_one_of_them_cannot_be_written(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(OSError):
        replace([Draft(tmp_path / "a", b"new", PUBLIC), Draft(tmp_path / "file" / "b", b"more", PUBLIC)])

    assert (tmp_path / "a").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file"]


def test_a_new_version_of_the_same_size_has_another_stamp(tmp_path):
    file = tmp_path / "file"
    replace([Draft(file, b"one", PUBLIC)])
    before = stamps([file])

    replace([Draft(file, b"two", PUBLIC)])

    assert stamps([file]) != before


def test_a_missing_file_is_named(tmp_path):
    assert stamps([tmp_path / "file"]) == (None,)
    with pytest.raises(CertificateUnusable, match="file is not there"):
        read(tmp_path / "file")
