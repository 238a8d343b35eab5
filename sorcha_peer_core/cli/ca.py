"""``sorcha-peer ca``: a private certificate authority for ``security.mode = "ca"``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import FILE, config_option, configuration, data_dir_option, json_option
from sorcha_peer_core.cli.tables import moment_text, print_json, print_table
from sorcha_peer_core.errors import StartError

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config
    from sorcha_peer_core.services.tls.authority import Authority, Issued
    from sorcha_peer_core.services.tls.ca_credentials import CaFiles

_MOST_DAYS = 36_500
_DAYS = click.IntRange(1, _MOST_DAYS)
_DAY_S = 86_400

authority_option = click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder of the authority."
)
output_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; never overwrites."
)


@click.group()
def ca() -> None:
    """A private certificate authority, for nodes in security.mode "ca"."""


@ca.command()
@authority_option
@click.option("--name", default="Sorcha Peer CA", show_default=True, help="What people call it, up to 64 characters.")
@click.option("--days", type=_DAYS, default=3650, show_default=True, help="How long it is valid.")
def init(folder: Path, name: str, days: int) -> None:
    """Make an authority: a key (keep it offline), a certificate, an index and a list of who is revoked."""
    from sorcha_peer_core.services.tls.authority import init_authority

    if not 0 < len(name.strip()) <= 64 or not name.isprintable():
        raise click.BadParameter(f"{name!r} is no name of 1 to 64 printable characters", param_hint="--name")
    authority = init_authority(folder, name.strip(), days, time.time())
    click.echo(f"{folder} holds a new authority. Every node trusts {authority.certificate_file} as tls/ca.pem.")
    click.echo(f"Next, for each node: sorcha-peer ca request --data-dir NODE -o FILE; sorcha-peer ca issue --dir {folder} FILE")


@ca.command()
@config_option
@data_dir_option
@output_option
def request(config_file: Path | None, data_dir: Path | None, output: Path | None) -> None:
    """Write a node's request for a certificate, signed with its identity. Its TLS key stays in its data directory."""
    if output is None:
        raise click.UsageError("say with -o FILE where the request is to be written")
    _refuse_to_overwrite(output)
    _write(output, _request_of(configuration(config_file, data_dir)))
    click.echo(f"{output} is written. Where the authority is: sorcha-peer ca issue --dir DIR {output.name} -o certificate.pem")


@ca.command()
@authority_option
@click.argument("request_file", metavar="[REQUEST]", type=FILE, required=False)
@config_option
@data_dir_option
@output_option
@click.option("--days", type=_DAYS, default=365, show_default=True, help="How long the certificate is valid.")
@click.pass_context
def issue(
    context: click.Context,
    folder: Path,
    request_file: Path | None,
    config_file: Path | None,
    data_dir: Path | None,
    output: Path | None,
    days: int,
) -> None:
    """Issue a certificate for a REQUEST, or for the node in --data-dir, where it is put in place at once."""
    from sorcha_peer_core.services.tls.authority import open_authority

    # From the environment a data directory says nothing about what is wanted here.
    has_named_node = context.get_parameter_source("data_dir") is click.core.ParameterSource.COMMANDLINE
    if request_file is not None and not has_named_node:
        if output is None:
            raise click.UsageError("say with -o FILE where the certificate is to be written")
        _refuse_to_overwrite(output)
        authority = open_authority(folder)
        certificate, entry = _issue(authority, request_file.read_bytes(), days)
        _write(output, certificate)
        click.echo(
            f"{output} is written. Put it into the node's data directory as tls/certificate.pem, together with "
            f"{authority.certificate_file} as tls/ca.pem and {authority.revoked_file} as tls/revoked.txt."
        )
    elif request_file is None and has_named_node and output is None:
        config, authority = configuration(config_file, data_dir), open_authority(folder)
        certificate, entry = _issue(authority, _request_of(config), days)
        files = _files_of(config)
        _install(authority, files, certificate)
        click.echo(f"{files.certificate} is in place, and so are {files.trusted_cas} and {files.revoked}.")
    else:
        raise click.UsageError("name a REQUEST and -o FILE, or the --data-dir of a node on this machine")
    click.echo(
        f"It is for peer {entry.peer_id} of the network {entry.network_id!r}, valid until {moment_text(entry.expires_at)}."
    )
    if entry.expires_at < entry.issued_at + days * _DAY_S:
        click.echo("That is when the authority's own certificate ends.")


@ca.command()
@authority_option
@click.argument("target", metavar="PEER_ID|SERIAL|FINGERPRINT")
def revoke(folder: Path, target: str) -> None:
    """Put a peer, or one certificate, on the list of who is out."""
    from sorcha_peer_core.services.tls.authority import open_authority

    authority = open_authority(folder)
    try:
        entry, is_new = authority.revoke(target, time.time())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="PEER_ID|SERIAL|FINGERPRINT") from None
    if not is_new:
        click.echo(f"{entry} was already on {authority.revoked_file}.")
        return
    if not any(entry in (issued.serial, issued.fingerprint, issued.peer_id) for issued in authority.issued()):
        click.echo(f"{entry} is not in the index of this authority; it is revoked all the same.")
    click.echo(f"{entry} is on {authority.revoked_file}.")
    click.echo(
        "Next: copy that file to tls/revoked.txt of every node. Running nodes notice it within seconds and end such links."
    )


@ca.command("list")
@authority_option
@json_option
def list_issued(folder: Path, as_json: bool) -> None:
    """What was issued, to whom, and what is still valid."""
    from sorcha_peer_core.services.tls.authority import open_authority

    authority, now = open_authority(folder), time.time()
    revoked = authority.revoked()
    rows = [(issued, issued.state(revoked, now)) for issued in authority.issued()]
    if as_json:
        print_json({"certificates": [_facts(issued, state) for issued, state in rows]})
        return
    print_table(
        ("peer", "network", "serial", "issued", "expires", "state"),
        [(i.peer_id, i.network_id, i.serial, moment_text(i.issued_at), moment_text(i.expires_at), state) for i, state in rows],
    )


def _facts(issued: Issued, state: str) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(issued), "state": state}


def _request_of(config: Config) -> bytes:
    from sorcha_peer_core.services.identity import load_or_create_identity
    from sorcha_peer_core.services.tls.request import make_request

    return make_request(_files_of(config).key, config.node.network_id, load_or_create_identity(config.data_dir))


def _files_of(config: Config) -> CaFiles:
    from sorcha_peer_core.services.tls.ca_credentials import CaFiles

    security = config.security
    return CaFiles.of(config.data_dir, security.certificate, security.key, security.trusted_cas, security.revoked)


def _issue(authority: Authority, request: bytes, days: int) -> tuple[bytes, Issued]:
    from sorcha_peer_core.services.tls.request import check_request

    return authority.issue(check_request(request), days, time.time())


def _install(authority: Authority, files: CaFiles, certificate: bytes) -> None:
    from sorcha_peer_core.services.tls.files import PUBLIC, Draft, read
    from sorcha_peer_core.services.tls.files import replace as put_in_place

    drafts = [Draft(files.trusted_cas, read(authority.certificate_file), PUBLIC)]
    if authority.revoked_file.exists():
        drafts.append(Draft(files.revoked, read(authority.revoked_file), PUBLIC))
    # The node's own comes last: a running node that looks in between finds nothing that it would have to refuse.
    put_in_place([*drafts, Draft(files.certificate, certificate, PUBLIC)])


def _refuse_to_overwrite(file: Path) -> None:
    if file.exists():
        raise StartError(f"{file} is already there and is not overwritten")


def _write(file: Path, content: bytes) -> None:
    from sorcha_peer_core.services.tls.files import PUBLIC, Draft, create

    try:
        if not create(Draft(file, content, PUBLIC)):
            _refuse_to_overwrite(file)
    except OSError as error:
        raise StartError(f"{file} cannot be written: {error.strerror}") from error
