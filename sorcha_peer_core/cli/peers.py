"""``sorcha-peer peers``: whom a running node knows, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.durations import seconds_argument
from sorcha_peer_core.cli.options import asks_node, json_option, node_options, refuse_before_subcommand
from sorcha_peer_core.cli.peer_names import called, find_any_peer, find_peer
from sorcha_peer_core.cli.tables import duration_text, moment_text, print_json, print_table

if TYPE_CHECKING:
    from sorcha_peer_core.client import Json, NodeClient

_COLUMNS = ("peer", "name", "address", "status", "transport", "direction", "age", "latency", "last seen", "failures", "score")
_TROUBLE_COLUMNS = ("peer", "transport", "breaker", "last error", "ago")


_peer = click.argument("peer", metavar="PEER")


@click.group(invoke_without_command=True)
@click.pass_context
@node_options
@json_option
def peers(context: click.Context, client: Callable[[], NodeClient], as_json: bool) -> None:
    """Show whom a running node knows, linked peers first; ping, add, remove or ban them.

    PEER is the beginning of an id or of a name, as long as it fits one peer only.
    """
    if context.invoked_subcommand is not None:
        refuse_before_subcommand(context)
        return
    known = client().peers()
    if as_json:
        print_json({"peers": known})
    elif not known:
        click.echo("The node knows no peers yet.")
    else:
        _print_peers(known)


@peers.command(short_help="Have the node dial an address and keep who answers.")
@click.argument("address")
@asks_node
def add(client: NodeClient, address: str) -> None:
    """Have a node dial [scheme://]host:port[#PEER_ID] now, and keep who answers among the peers it knows."""
    client.add_peer(address)
    click.echo(f"{address} answers, and the node knows it now.")


@peers.command(short_help="See whether a peer answers, and how fast.")
@_peer
@asks_node
@json_option
def ping(client: NodeClient, peer: str, as_json: bool) -> None:
    """Ask a peer whether it is there: over its link, or by a look at one that is not linked."""
    found = find_peer(peer, client.peers())
    answer = client.ping_peer(found["id"])
    if as_json:
        print_json({"id": found["id"], **answer})
    else:
        click.echo(f"{called(found)} answered after {answer['rtt_ms']:.1f} ms by {answer['transport']}.")


@peers.command(short_help="Unlink a peer and forget it.")
@_peer
@asks_node
def remove(client: NodeClient, peer: str) -> None:
    """Have a node part with a peer and forget it. Others may tell of it again, and it may dial: only a ban keeps it away."""
    found = find_peer(peer, client.peers())
    client.remove_peer(found["id"])
    click.echo(f"{called(found)} is removed.")


@peers.command(short_help="Have nothing to do with a peer any more.")
@_peer
@click.option("--reason", default="", help="Why, for those who read the list of bans.")
@click.option(
    "--for", "duration_s", callback=seconds_argument, metavar="TIME", help="How long, such as 90s, 30m, 12h or 7d; else for ever."
)
@asks_node
@json_option
def ban(client: NodeClient, peer: str, reason: str, duration_s: float | None, as_json: bool) -> None:
    """Have a node part with a peer, link with it no more and tell nobody of it, for some time or until unban.

    A peer that is not known is banned by its whole id.
    """
    found = find_any_peer(peer, client.peers())
    answer = client.ban_peer(found["id"], reason, duration_s)
    if as_json:
        print_json(answer)
    else:
        until = answer["until"]
        click.echo(f"{called(found)} is banned {'until you lift it' if until is None else f'until {moment_text(until)}'}.")


@peers.command(short_help="Lift a ban.")
@_peer
@asks_node
def unban(client: NodeClient, peer: str) -> None:
    """Lift the ban of a peer: it is dialled again soon if it is known."""
    found = find_peer(peer, client.bans(), "banned peer")
    client.unban_peer(found["id"])
    click.echo(f"{called(found)} is not banned any more.")


def _print_peers(known: list[Json]) -> None:
    rows = [
        (
            peer["id"],
            peer["name"],
            peer["address"],
            f"{peer['status']}, bootstrap" if peer.get("bootstrap") else peer["status"],
            peer["transport"],
            peer["direction"],
            _age_text(peer.get("link_age_s")),
            "" if peer["latency_ms"] is None else f"{peer['latency_ms']:.1f} ms",
            moment_text(peer["last_seen"]),
            peer["failures"],
            f"{peer.get('score', 0.0):.0f}",
        )
        for peer in known
    ]
    print_table(_COLUMNS, rows, right=(6, 7, 9, 10))
    troubles = list(_troubles(known))
    if troubles:
        click.echo("\nTransports that failed where another one reached the peer:\n")
        print_table(_TROUBLE_COLUMNS, troubles, right=(4,))


def _troubles(peers: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    for peer in peers:
        for rung in peer.get("rungs", ()):
            if rung["last_error"]:
                age = _age_text(rung["last_error_age_s"])
                yield peer["id"], rung["transport"], rung["breaker"], rung["last_error"], age


def _age_text(seconds: float | None) -> str:
    return "" if seconds is None else duration_text(seconds)
