"""``sorcha-peer admin-password`` and ``admin-link``: how people get to the pages of a node."""

from __future__ import annotations

import hashlib
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import asks_node, config_option, configuration, data_dir_option, json_option
from sorcha_peer_core.cli.tables import print_json
from sorcha_peer_core.errors import PeerError

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient

PASSWORD_FILE = "admin.password"
LEAST_CHARS = 8
MOST_CHARS = 1024

# 16 MiB and some 50 ms a guess.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
_SALT_BYTES = 16


@click.command("admin-password")
@config_option
@data_dir_option
@click.option("--remove", is_flag=True, help="Forget the password; the token goes on to count.")
def admin_password(config_file: Path | None, data_dir: Path | None, remove: bool) -> None:
    """Set the password of a node's pages: asked for twice on a terminal, else the first line of stdin.

    It counts at once, also for a node that runs, and ends the sessions of all browsers.
    """
    from sorcha_peer_core.services.tls.files import SECRET, Draft, replace

    directory = configuration(config_file, data_dir).data_dir
    file = directory / PASSWORD_FILE
    if remove:
        click.echo(_removed(file))
        return
    password = _checked(_asked())
    try:
        replace([Draft(file, f"{password_hash(password)}\n".encode("ascii"), SECRET)])
    except OSError as error:
        raise PeerError(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"The password of the pages is set; {file} holds a hash of it")


@click.command("admin-link")
@asks_node
@json_option
def admin_link(client: NodeClient, as_json: bool) -> None:
    """Print an address that opens the pages of a running node without a login: once, within five minutes."""
    link = client.login_link()
    if as_json:
        print_json(link)
    else:
        click.echo(link["url"])


def password_hash(password: str) -> str:
    """``scrypt:N:r:p$salt$hash``, the form in which Werkzeug reads it."""
    salt = secrets.token_urlsafe(_SALT_BYTES)
    n, r, p = _SCRYPT.values()
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=132 * n * r * p)
    return f"scrypt:{n}:{r}:{p}${salt}${digest.hex()}"


def _asked() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")


def _checked(password: str) -> str:
    if not LEAST_CHARS <= len(password) <= MOST_CHARS:
        raise click.UsageError(f"the password has {len(password)} characters; {LEAST_CHARS} to {MOST_CHARS} are allowed")
    return password


def _removed(file: Path) -> str:
    try:
        file.unlink()
    except FileNotFoundError:
        return f"There was no password: {file} does not exist"
    except OSError as error:
        raise PeerError(f"{file} cannot be removed: {error.strerror}") from error
    return "The password is forgotten; the token in admin.token goes on to count"
