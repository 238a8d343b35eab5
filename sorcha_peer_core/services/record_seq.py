"""Which number the node's own record gets: never one that was given before, whatever the clock says."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.protocol.freshness import AHEAD_S
from sorcha_peer_core.services.tls.files import PUBLIC, Draft, replace

log = logging.getLogger(__name__)

SEQ_FILE = "record.seq"
_HOUR_MS = 3_600_000


class RecordSeq:
    """The last ``seq`` that was given, kept in the data directory.

    Peers replace a record only by one with a higher ``seq``. It is the time at which the record was signed, and a clock that was
    set back before a restart would give a lower one: then nobody would hear of a new address.
    """

    def __init__(self, data_dir: Path) -> None:
        """Read what was given last.

        Raises:
            StartError: the file is there and cannot be read.
        """
        self._file = data_dir / SEQ_FILE
        self._last = _read(self._file)
        self._was_ahead = False
        self._failure = ""

    def next(self, now_ms: int) -> int:
        """The number for a record that is signed now: ``now_ms`` (Unix milliseconds), or more. Blocks until it is on the disk.

        Where it cannot be written the log says so, and it is given all the same: a node that moved has to be able to say so, and
        only a restart with a clock that was set back would do harm.
        """
        self._compare_with(now_ms)
        self._last = max(now_ms, self._last + 1)
        self._write()
        return self._last

    def _compare_with(self, now_ms: int) -> None:
        ahead_ms = self._last - now_ms
        is_ahead = ahead_ms > AHEAD_S * 1000
        if is_ahead and not self._was_ahead:
            log.warning(
                "the last record of this node was signed %.1f h later than the clock says it is now, and the next has to come "
                "after it: until then peers do not pass it on, and new ones may not find this node. Put the clock right; if it "
                "is right now and was wrong then, stop the node, remove %s and start it again",
                ahead_ms / _HOUR_MS,
                self._file,
            )
        self._was_ahead = is_ahead

    def _write(self) -> None:
        try:
            # In one piece: after a crash there is the old number or the new one.
            replace([Draft(self._file, b"%d\n" % self._last, PUBLIC)])
            _sync_directory(self._file.parent)
            failure = ""
        except OSError as error:
            failure = error.strerror or str(error)
        if failure and failure != self._failure:
            log.warning("%s cannot be written (%s); keep the clock right over the next restart", self._file, failure)
        self._failure = failure


def _read(file: Path) -> int:
    try:
        text = file.read_bytes().strip()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StartError(f"{file} cannot be read: {error.strerror or error}") from None
    if not text.isdigit():
        log.warning("%s holds no number and is written anew; keep the clock right over the next restart", file)
        return 0
    return int(text)


def _sync_directory(directory: Path) -> None:
    # Else a power failure could bring the old file back.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
