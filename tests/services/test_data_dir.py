"""One node, one data directory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.services.data_dir import LOCK_FILE, DataDirLock

HOLD = "import sys; from pathlib import Path; from sorcha_peer_core.services.data_dir import DataDirLock; \
lock = DataDirLock(Path(sys.argv[1])); lock.acquire(); print('held', flush=True); sys.stdin.read()"


def test_the_directory_is_made_if_need_be(tmp_path):
    lock = DataDirLock(tmp_path / "a" / "b")

    lock.acquire()

    assert (tmp_path / "a" / "b" / LOCK_FILE).read_text() == str(os.getpid())
    lock.release()


def test_a_second_node_is_refused_and_told_who_is_there(tmp_path):
    first = DataDirLock(tmp_path)
    first.acquire()

    with pytest.raises(StartError, match=rf"another node \(process {os.getpid()}\) runs on the data directory"):
        DataDirLock(tmp_path).acquire()
    first.release()


def test_a_released_directory_can_be_claimed_again(tmp_path):
    first, second = DataDirLock(tmp_path), DataDirLock(tmp_path)
    first.acquire()

    first.release()
    first.release()

    second.acquire()
    second.release()


def test_a_refused_claim_leaves_the_holders_name_in_place(tmp_path):
    first = DataDirLock(tmp_path)
    first.acquire()

    with pytest.raises(StartError):
        DataDirLock(tmp_path).acquire()

    assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
    first.release()


def test_a_process_that_dies_lets_go(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StartError, match=f"process {holder.pid}"):
            DataDirLock(tmp_path).acquire()
        holder.kill()
    lock = DataDirLock(tmp_path)

    lock.acquire()

    lock.release()


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StartError, match=r"the data directory .*file/deeper cannot be used: Not a directory"):
        DataDirLock(tmp_path / "file" / "deeper").acquire()
