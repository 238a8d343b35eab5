"""Somebody who visits the pages of a node without a browser: a cookie jar, forms, and an eye for what a page brings along."""

from __future__ import annotations

import re
import socket
from html.parser import HTMLParser
from typing import Any

import requests

from sorcha_peer_core.cli.cluster import NodeProcess

TIMEOUT_S = 15


class Visitor(requests.Session):
    """Keeps cookies, follows no redirect by itself, and knows the way to one node."""

    def __init__(self, node: NodeProcess) -> None:
        super().__init__()
        self.node = node
        self.trust_env = False

    @property
    def origin(self) -> str:
        """Scheme, host and port of the node."""
        return f"http://{self.node.admin}"

    def request(self, method: Any, url: Any, *arguments: Any, **more: Any) -> requests.Response:
        """Paths are those of the node."""
        more = {"timeout": TIMEOUT_S, "allow_redirects": False} | more
        return super().request(method, f"{self.origin}{url}" if str(url).startswith("/") else url, *arguments, **more)

    def get(self, url: Any, **more: Any) -> requests.Response:
        """Without following redirects, which is what its original does."""
        return self.request("GET", url, **more)

    def log_in(self, secret: str | None = None, **fields: str) -> requests.Response:
        """Fill in the form of the login page, with the node's token unless told otherwise."""
        return self.post("/admin/login", data={"secret": token_of(self.node) if secret is None else secret, **fields})

    def csrf_token(self) -> str:
        """The one in the pages of this session."""
        [found] = re.findall(r'<meta name="csrf-token" content="([^"]+)">', self.get("/admin/").text)
        return found

    def session_id(self) -> str:
        """The cookie of the session; empty without one."""
        return self.cookies.get(self.cookie_name) or ""

    @property
    def cookie_name(self) -> str:
        """Of the session; nodes beside each other have cookies beside each other."""
        return f"sorcha_admin_{self.node.peer_id[:12]}"

    def pages(self) -> list[str]:
        """Every page that the navigation leads to."""
        navigation = self.get("/admin/").text.partition("<nav")[2].partition("</nav>")[0]
        return re.findall(r'<a href="(/admin/[^"]*)"', navigation)


def logged_in(node: NodeProcess) -> Visitor:
    """A visitor with a session."""
    visitor = Visitor(node)
    answer = visitor.log_in()
    assert answer.status_code == 303, answer.text
    return visitor


def token_of(node: NodeProcess) -> str:
    """What opens the node."""
    return (node.data_dir / "admin.token").read_text(encoding="ascii").strip()


def raw_request(node: NodeProcess, request: bytes) -> bytes:
    """The answer to bytes that no HTTP library would send."""
    host, _, port = node.admin.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as reader:
            return reader.read()


class Contents(HTMLParser):
    """What of a page a browser would carry out or load, and what people read on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        """Scripts, styles and handlers in the page itself."""
        self.loads: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Notes what is dangerous and what is loaded."""
        named = dict(attributes)
        self.inline += [f"{tag} {name}={value}" for name, value in attributes if name == "style" or name.startswith("on")]
        self.inline += [f"{tag} {value}" for value in named.values() if (value or "").strip().lower().startswith("javascript:")]
        if tag == "style" or (tag == "script" and "src" not in named):
            self.inline.append(f"<{tag}>")
        self.loads += [named[name] or "" for name in ("src", "data") if name in named]
        if tag == "link":
            self.loads.append(named.get("href") or "")
        if tag == "a":
            self.links.append(named.get("href") or "")
        self._inside = tag

    def handle_data(self, data: str) -> None:
        """Collects the text."""
        if self._inside not in ("script", "style"):
            self.text += data
