"""``sorcha-peer dead-letters``: submissions that a running node gave up, and what to do about them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.dead_letter_files import export_letters, import_letters
from sorcha_peer_core.cli.get import tx_hash_argument
from sorcha_peer_core.cli.options import asks_node, json_option, limit_option, node_options, refuse_before_subcommand
from sorcha_peer_core.cli.output import destination
from sorcha_peer_core.cli.payloads import PATH, STDIN
from sorcha_peer_core.cli.queue import read_rows, say_if_more
from sorcha_peer_core.cli.tables import bytes_text, count_text, moment_text, print_json, print_listing
from sorcha_peer_core.client import NodeClient, Refused
from sorcha_peer_core.errors import PeerError

if TYPE_CHECKING:
    from sorcha_peer_core.client import Json
    from sorcha_peer_core.model.ids import TxHash

_COLUMNS = ("hash", "size", "queued", "attempts", "last attempt", "why")


def _hashes_argument(context: click.Context, parameter: click.Parameter, texts: Sequence[str]) -> tuple[TxHash, ...]:
    return tuple(tx_hash_argument(context, parameter, text) for text in texts)


_hashes = click.argument("hashes", metavar="HASH...|--all", nargs=-1, callback=_hashes_argument)
_all = click.option("--all", "all_of_them", is_flag=True, help="All dead letters of the node.")


@click.group(invoke_without_command=True)
@click.pass_context
@limit_option
@node_options
@json_option
def dead_letters(context: click.Context, client: Callable[[], NodeClient], limit: int, as_json: bool) -> None:
    """Show which submissions a node gave up, and why; retry, drop, export or import them."""
    if context.invoked_subcommand is not None:
        refuse_before_subcommand(context)
        return
    found = read_rows(client().dead_letters, "dead_letters", limit)
    if as_json:
        print_json(found)
    elif not found["dead_letters"]:
        click.echo("There are no dead letters.")
    else:
        print_listing(_COLUMNS, list(_rows_of(found["dead_letters"])), right=(1, 3))
        say_if_more(len(found["dead_letters"]), found["totals"]["dead"])


@dead_letters.command(short_help="Have them offered to the network again.")
@_hashes
@_all
@asks_node
def retry(client: NodeClient, hashes: tuple[TxHash, ...], all_of_them: bool) -> None:
    """Have dead letters offered to the network again, at once and with no attempts counted."""
    _check_choice(hashes, all_of_them)
    if all_of_them:
        click.echo(f"{_letters(client.retry_dead_letters())} offered again.")
    else:
        _each(hashes, client.retry_dead_letter, "offered again")


@dead_letters.command()
@_hashes
@_all
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_node
def drop(client: NodeClient, hashes: tuple[TxHash, ...], all_of_them: bool, yes: bool) -> None:
    """Have a node forget dead letters for good. Asks first on a terminal.

    What was released before it was given up stays in the node's log; what was not is gone, unless it was exported.
    """
    _check_choice(hashes, all_of_them)
    if not yes and sys.stdin.isatty():
        count = client.dead_letters(limit=1)["totals"]["dead"] if all_of_them else len(hashes)
        if not count:
            click.echo("There are no dead letters.")
            return
        click.confirm(f"Drop {'1 dead letter' if count == 1 else f'{count_text(count)} dead letters'} for good?", abort=True)
    if all_of_them:
        click.echo(f"{_letters(client.drop_dead_letters())} dropped.")
    else:
        _each(hashes, client.drop_dead_letter, "dropped")


@dead_letters.command("export", short_help="Write all of them with their payloads to a file.")
@click.argument("file", metavar="FILE|-", type=click.Path(dir_okay=False, allow_dash=True))
@asks_node
def export_command(client: NodeClient, file: str) -> None:
    """Write all dead letters with their payloads to a file, a JSON object a line; - is stdout."""
    with destination(None if file == STDIN else Path(file)) as output:
        exported, problems = export_letters(client, output)
    click.echo(f"{_letters(exported)} exported.", err=True)
    if problems:
        raise PeerError("; ".join(problems))


@dead_letters.command("import", short_help="Submit what export wrote, here or at another node.")
@click.argument("file", metavar="FILE|-", type=PATH)
@asks_node
def import_command(client: NodeClient, file: str) -> None:
    """Submit what export wrote, here or at another node, as ordinary submissions; - is stdin.

    Prints how many were new, known already and refused; the refused lines are named with the reason.
    """
    outcome = import_letters(client, file)
    counts = (
        f"{count_text(outcome.new)} new, {count_text(outcome.known)} known already, {count_text(len(outcome.refused))} refused"
    )
    click.echo(counts)
    for problem in outcome.refused:
        click.echo(problem, err=True)
    if outcome.ended_by:
        raise PeerError(outcome.ended_by)
    if outcome.refused:
        raise PeerError(f"{len(outcome.refused)} of the lines were refused")


def _check_choice(hashes: Sequence[TxHash], all_of_them: bool) -> None:
    if bool(hashes) == all_of_them:
        raise click.UsageError("name the dead letters by their hashes, or say --all")


def _each(hashes: Sequence[TxHash], act: Callable[[str], None], done: str) -> None:
    problems = []
    for tx_hash in dict.fromkeys(hashes):
        try:
            act(tx_hash.hex())
        except Refused as refusal:
            if refusal.http_status != 404:
                raise
            problems.append(str(refusal))
    click.echo(f"{_letters(len(set(hashes)) - len(problems))} {done}.")
    if problems:
        raise PeerError("; ".join(problems))


def _letters(count: int) -> str:
    return "1 dead letter is" if count == 1 else f"{count_text(count)} dead letters are"


def _rows_of(rows: list[Json]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        last_ms = row["last_attempt_ms"]
        yield (
            row["hash"],
            bytes_text(row["size"]),
            moment_text(row["queued_ms"] / 1000),
            row["attempts"],
            moment_text(last_ms / 1000 if last_ms else None),
            row["reason"],
        )
