"""Where a running node is found: as somebody says, or by the files that it keeps in its data directory."""

from __future__ import annotations

from pathlib import Path

from sorcha_peer_core.client.connection import INSTALL_ADVICE
from sorcha_peer_core.errors import NodeUnreachable

TOKEN_FILE = "admin.token"
URL_FILE = "admin.url"


def find_node(data_dir: Path, url: str | None = None, token: str | None = None) -> tuple[str, str]:
    """URL and token of a node: as given, else from the files it keeps in its data directory while it runs."""
    url = url or _read_line(data_dir / URL_FILE)
    if not url:
        raise NodeUnreachable(
            f"no node with the management API runs on {data_dir} (it has no {URL_FILE}): start one with `sorcha-peer run`, "
            f"install its management API with {INSTALL_ADVICE}, or name a node with --data-dir or with --url and --token"
        )
    if not url.startswith(("http://", "https://")):
        raise NodeUnreachable(f"{url!r} is no address of a management API; one starts with http:// or https://")
    token = token or _read_line(data_dir / TOKEN_FILE)
    if not token:
        raise NodeUnreachable(
            f"no token for the node at {url}: {data_dir} has no {TOKEN_FILE}; give it with --token or --data-dir"
        )
    return url.rstrip("/"), token


def _read_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise NodeUnreachable(f"{file} cannot be read: {error}") from error
