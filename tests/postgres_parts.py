"""A PostgreSQL server for tests: one of their own, from the Debian package, or the one that SORCHA_TEST_POSTGRES names."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

VARIABLE = "SORCHA_TEST_POSTGRES"
USER, PASSWORD = "sorcha", "p:w@/%s"
"""The password has what a URL cannot hold as it is."""
_FOLDERS = ("/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt")
_UNPRIVILEGED = "postgres"
_numbers = count(1)


def why_not() -> str:
    """Why there can be no server here; empty when there can."""
    if os.environ.get(VARIABLE):
        return ""
    if _programs() is None:
        return f"PostgreSQL is not installed (Debian: postgresql), and {VARIABLE} names no server"
    if os.geteuid() == 0 and not _user_exists():
        return f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED}"
    return ""


class Server:
    """A server that listens on a port of its own; or somebody else's, which is left running."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self.url = url
        """Of a database in which tests may make schemas."""
        self._folder = folder

    @property
    def is_own(self) -> bool:
        """It may be stopped and started."""
        return self._folder is not None

    def new_schema(self) -> str:
        """The URL of an empty place for the tables of one node."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE SCHEMA {name}")
        return with_schema(self.url, name)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}")
        head, _, query = self.url.partition("?")
        return head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")

    def run(self, *statements: str, url: str = "") -> list[tuple]:
        """What the last statement found, on a connection beside those of any store."""
        import psycopg2

        connection = psycopg2.connect(url or self.url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def start(self) -> None:
        """Returns when it takes connections."""
        _as_user("pg_ctl", "start", "-w", "-s", "-D", f"{self._folder}/data", "-l", f"{self._folder}/log")

    def stop(self) -> None:
        """At once, as a crash does it; what was committed is recovered by the next start."""
        _as_user("pg_ctl", "stop", "-m", "immediate", "-s", "-D", f"{self._folder}/data")


def with_schema(url: str, name: str) -> str:
    """The same database, with tables in a schema of this name."""
    option = quote(f"-csearch_path={name}", safe="")
    return f"{url}{'&' if '?' in url else '?'}options={option}"


@contextmanager
def running_server() -> Iterator[Server]:
    """A server for the time of the block."""
    if os.environ.get(VARIABLE):
        yield Server(os.environ[VARIABLE])
        return
    folder = Path(tempfile.mkdtemp(prefix="sorcha-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _UNPRIVILEGED)
    port = _free_port()
    try:
        _initialise(folder, port)
        server = Server(f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres", folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(folder: Path, port: int) -> None:
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)
    options = ("-A", "scram-sha-256", "--pwfile", str(password_file), "-E", "UTF8", "--locale", "C", "--no-sync")
    _as_user("initdb", "-D", f"{folder}/data", "-U", USER, *options)
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(
            f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\nfsync = off\n"
            "max_connections = 30\nshared_buffers = 32MB\n"
        )


def _as_user(program: str, *arguments: str) -> None:
    path = f"{_programs()}/{program}"
    privileges = ["setpriv", f"--reuid={_UNPRIVILEGED}", f"--regid={_UNPRIVILEGED}", "--clear-groups"]
    command = [*(privileges if os.geteuid() == 0 else []), path, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


def _programs() -> Path | None:
    found = [Path(folder) for folder in _FOLDERS if Path(folder).is_dir()]
    versions = sorted((path.parent for folder in found for path in folder.glob("*/bin/initdb")), key=lambda path: path.parts)
    on_path = shutil.which("initdb")
    if versions:
        return versions[-1]
    return Path(on_path).resolve().parent if on_path else None


def _user_exists() -> bool:
    return _UNPRIVILEGED in {entry.pw_name for entry in pwd.getpwall()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
