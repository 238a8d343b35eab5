"""First contacts from a file."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sorcha_peer_core.builtin.bootstrap_file import BootstrapFile, build_bootstrap_file
from sorcha_peer_core.errors import ConfigError

PIN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "first-contacts"


def test_each_line_is_a_first_contact_and_comments_do_not_count(file):
    file.write_text(f"# ours\n\nnode.example:5001\n  rest://[2001:db8::1]:5002   # by REST\nnode.example:5001#{PIN}\t# us\n")

    entries = BootstrapFile(file).entries()

    assert entries == ["node.example:5001", "rest://[2001:db8::1]:5002", f"node.example:5001#{PIN}"]


def test_the_file_is_read_anew_each_time(file):
    source = BootstrapFile(file)
    file.write_text("a:1\n")
    assert source.entries() == ["a:1"]

    file.write_text("b:1")

    assert source.entries() == ["b:1"]


def test_a_line_that_is_no_first_contact_is_named_once_with_its_number_and_passed_over(file, caplog):
    file.write_text("a:1\nnonsense\nb:1\n")
    source = BootstrapFile(file)

    with caplog.at_level(logging.WARNING):
        found = [source.entries() for _ in range(2)]

    assert found == [["a:1", "b:1"]] * 2
    [said] = [line.getMessage() for line in caplog.records]
    assert said.startswith(f"line 2 of {file} is passed over: 'nonsense' is not HOST:PORT")


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), (b"\xff\xfe", "invalid start byte")])
def test_a_file_that_cannot_be_read_is_named(file, content, reason):
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=rf"peer_discovery\.bootstrap_file .*first-contacts cannot be read: .*{reason}"):
        BootstrapFile(file).entries()


def test_the_file_is_relative_to_the_data_directory(file, tmp_path):
    file.write_text("a:1")

    source = build_bootstrap_file({"bootstrap_file": "first-contacts", "data_dir": tmp_path})

    assert (source.name, source.entries()) == ("file", ["a:1"])
    absolute = build_bootstrap_file({"bootstrap_file": str(file), "data_dir": tmp_path / "elsewhere"})
    assert absolute.entries() == ["a:1"]


def test_a_source_without_a_file_is_a_configuration_error():
    with pytest.raises(ConfigError, match=r"names 'file', but peer_discovery\.bootstrap_file names no file"):
        build_bootstrap_file({"bootstrap_file": "", "data_dir": Path()})
