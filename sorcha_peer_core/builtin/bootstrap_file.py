"""First contacts from a file that somebody else keeps up to date."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.peer import parse_bootstrap

log = logging.getLogger(__name__)

_COMMENT = re.compile(r"(?:^|\s)#.*")


def build_bootstrap_file(settings: Mapping[str, Any]) -> BootstrapFile:
    """From ``peer_discovery.bootstrap_file``, which is relative to the data directory."""
    file = settings.get("bootstrap_file", "")
    if not file:
        raise ConfigError("peer_discovery.bootstrap_sources names 'file', but peer_discovery.bootstrap_file names no file")
    return BootstrapFile(Path(settings.get("data_dir", ".")) / file)


class BootstrapFile:
    """One first contact a line. Empty lines and comments do not count; a comment begins with ``#``, at the start of a line or
    after a space, since elsewhere ``#`` pins a peer id.
    """

    name = "file"

    def __init__(self, file: Path) -> None:
        self._file = file
        self._named: set[str] = set()

    def entries(self) -> list[str]:
        """Read the file anew. A line that is no first contact is named once and passed over.

        Raises:
            ConfigError: the file cannot be read.
        """
        lines = enumerate(self._read().splitlines(), 1)
        stripped = [(number, _COMMENT.sub("", line).strip()) for number, line in lines]
        return [entry for number, entry in stripped if entry and self._is_good(entry, number)]

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"peer_discovery.bootstrap_file {self._file} cannot be read: {reason}") from None

    def _is_good(self, entry: str, number: int) -> bool:
        try:
            parse_bootstrap(entry)
        except ValueError as error:
            complaint = f"line {number} of {self._file} is passed over: {error}"
            if complaint not in self._named:
                self._named.add(complaint)
                log.warning("%s", complaint)
            return False
        return True
