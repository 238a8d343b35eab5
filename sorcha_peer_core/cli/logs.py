"""The log of a node on stderr: text for people, JSON lines for collectors."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

_TEXT_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(message)s  [%(name)s]"
_LIBRARIES_WITH_MUCH_TO_SAY = ("apscheduler", "waitress", "werkzeug", "urllib3", "peewee", "asyncio", "grpc")

_MORE = ("event", "peer_id", "tx_hash")


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how grave, who says it and what; of events the kind, and in full whom they are about."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "time_ms": round(record.created * 1000, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in _MORE if (value := getattr(record, name, None))}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(level: str, log_format: str) -> None:
    """Send everything from ``level`` up to stderr, as ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else _text_lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES_WITH_MUCH_TO_SAY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _text_lines() -> logging.Formatter:
    formatter = logging.Formatter(_TEXT_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.localtime
    return formatter
