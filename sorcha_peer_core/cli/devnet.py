"""``sorcha-peer devnet``: a network of real nodes on this machine, into which transactions are published."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sorcha_peer_core.cli.cluster import NodeProcess, merged_tables
from sorcha_peer_core.cli.devnet_publish import distinct
from sorcha_peer_core.cli.devnet_trace_plot import draw_trace
from sorcha_peer_core.cli.options import FILE, json_option
from sorcha_peer_core.cli.payloads import PATH, Form, Sourced, payload_options, read_payloads
from sorcha_peer_core.cli.simulate_plot import check_plot
from sorcha_peer_core.config import Config, load_config
from sorcha_peer_core.errors import PeerError, SubmissionRefused
from sorcha_peer_core.model.transaction import submission_of

_MADE_UP_PAYLOADS = 100
_MADE_UP_BYTES = 1024
_MADE_UP_SEED = 1
_MOST_NODES = 500


@click.command()
@click.option("-n", "--nodes", type=click.IntRange(2, _MOST_NODES), default=5, show_default=True, help="How many nodes.")
@click.option("--publish", type=PATH, multiple=True, metavar="PATH", help="A file to publish; may be given several times.")
@click.argument("more", metavar="[PATH]...", nargs=-1, type=PATH)
@payload_options
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Transactions a second; else as fast as they are taken."
)
@click.option(
    "--settle",
    "settle_s",
    type=click.FloatRange(0),
    default=0.0,
    metavar="S",
    help="Before publishing wait until the nodes have little to do any more, at most S seconds.",
)
@click.option("--keep", is_flag=True, help="Keep the data directories and say where they are.")
@click.option(
    "--trace",
    "picture",
    is_flag=False,
    flag_value="",
    metavar="[FILE.png]",
    help="Show how some transactions spread, as text and, with a name, as a picture.",
)
@click.option("--admin", is_flag=True, help="At the end show links to the pages of the nodes, and run until Ctrl-C.")
@json_option
@click.option("-c", "--config", "config_file", type=FILE, help="Configuration of all nodes.")
@click.option("--node-config", "node_configs", type=FILE, multiple=True, help="Further settings for the first, second, ... node.")
def devnet(  # noqa: PLR0913 - one argument an option
    *,
    nodes: int,
    publish: tuple[str, ...],
    more: tuple[str, ...],
    form: Form,
    rate: float | None,
    settle_s: float,
    keep: bool,
    picture: str | None,
    admin: bool,
    as_json: bool,
    config_file: Path | None,
    node_configs: tuple[Path, ...],
) -> int:
    """Run a network of real nodes on this machine, publish into it, and report.

    Every node is a process with an identity, a port and a data directory of its own; all join through the first. Each file,
    or with --lines each line, is one transaction; without any, 100 made-up ones of 1 KiB are published. Exit status 0 means
    that in the end every node held exactly the same transactions.
    """
    if len(node_configs) > nodes:
        raise click.UsageError(f"--node-config is given {len(node_configs)} times, but there are only {nodes} nodes")
    if picture:
        check_plot(Path(picture), "--trace")
    configs = _configs_of(nodes, config_file, node_configs)
    common = load_config(config_file, os.environ, {})
    given = read_payloads((*publish, *more), form) if publish or more else made_up_payloads()
    payloads, copies_given = distinct(_checked(given, common.transaction_distribution.max_transaction_bytes))
    if not payloads:
        raise PeerError(f"there is nothing to publish in {', '.join((*publish, *more))}")
    links = _links_wanted(common, nodes)

    from sorcha_peer_core.cli.devnet_run import DevnetRun

    with _interruptible(), _root_directory(keep) as root:
        report = DevnetRun(root, nodes, configs, links).run(
            payloads, rate, settle_s=settle_s, traced=picture is not None, visit=_show_pages if admin else None
        )
    _print(report, copies_given, as_json)
    if picture:
        draw_trace(report["trace"], Path(picture))
    if not report["complete"]:
        raise PeerError(f"the network is not complete: {'; '.join(_lacks(missing) for missing in report['missing'])}")
    return 0


def made_up_payloads(count: int = _MADE_UP_PAYLOADS, size: int = _MADE_UP_BYTES, seed: int = _MADE_UP_SEED) -> Iterator[Sourced]:
    """Random bytes, the same each time."""
    rng = random.Random(seed)
    for number in range(1, count + 1):
        yield Sourced(f"made-up transaction {number}", rng.randbytes(size))


def _checked(payloads: Iterator[Sourced], max_bytes: int) -> Iterator[Sourced]:
    """Refuse what every node would refuse before any node is started."""
    for item in payloads:
        try:
            submission_of(item.payload, max_bytes=max_bytes)
        except SubmissionRefused as refusal:
            raise PeerError(f"{item.source}: {refusal}") from refusal
        yield item


def _configs_of(nodes: int, common: Path | None, own: Sequence[Path]) -> list[dict[str, Any]]:
    """The tables for each node's configuration file. Raises ConfigError for what is wrong in any of the files."""
    shared = _tables_of(common) if common else {}
    each = [_tables_of(file) for file in own] + [{} for _ in range(nodes - len(own))]
    configs = [merged_tables(shared, tables) for tables in each]
    for config in configs:
        load_config(None, os.environ, config)
    return configs


def _tables_of(file: Path) -> dict[str, Any]:
    load_config(file, {}, {})
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _links_wanted(config: Config, nodes: int) -> int:
    """How many links each node of a network of this size has at least once it has formed."""
    from sorcha_peer_core.builtin import plugin as builtin
    from sorcha_peer_core.plugin_manager import PluginManager

    section = config.transaction_distribution
    plugins = PluginManager([("builtin", builtin)])
    (offer,) = plugins.choose("peer_strategies", [section.strategy], "transaction_distribution.strategy")
    wanted: int = offer.build(section.model_dump()).links_wanted(nodes - 1)
    most = min(wanted, config.communication.max_connections)
    # Where not all are linked to all some find every place taken, and are well with fewer links than they wish for.
    return nodes - 1 if most >= nodes - 1 else max(1, most // 2)


@contextmanager
def _root_directory(keep: bool) -> Iterator[Path]:
    if keep:
        root = Path(tempfile.mkdtemp(prefix="sorcha-devnet-"))
        click.echo(f"The data directories stay in {root}", err=True)
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="sorcha-devnet-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block, so that what it started is ended in order."""
    import gevent

    main = gevent.getcurrent()
    received: list[int] = []

    def interrupted(number: int) -> None:
        received.append(number)
        if len(received) == 1:
            gevent.kill(main, KeyboardInterrupt())

    handlers = [gevent.signal_handler(number, interrupted, number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(128 + (received[0] if received else signal.SIGINT)) from None
    finally:
        for handler in handlers:
            handler.cancel()


def _lacks(missing: Mapping[str, Any]) -> str:
    parts = [f"lacks {missing['lacking']} transactions"] if missing["lacking"] else []
    parts += [f"has {missing['foreign']} that were not published"] if missing["foreign"] else []
    parts += [missing["problem"]] if missing["problem"] else []
    return f"node {missing['node']} {', '.join(parts) or 'holds other bytes'}"


def _show_pages(nodes: Sequence[NodeProcess]) -> None:
    from gevent.event import Event

    for node in nodes:
        click.echo(f"node {node.number}  {node.client.login_link()['url']}", err=True)
    click.echo("Each link opens the pages of a node, once and within five minutes. Ctrl-C ends the network.", err=True)
    try:
        Event().wait()
    except KeyboardInterrupt:
        click.echo(err=True)


def _print(report: dict[str, Any], copies_given: int, as_json: bool) -> None:
    from sorcha_peer_core.cli.devnet_table import print_report
    from sorcha_peer_core.cli.devnet_trace import lines_of
    from sorcha_peer_core.cli.tables import print_json

    if as_json:
        print_json(report)
    else:
        print_report(report, copies_given)
        if "trace" in report:
            click.echo("\n" + "\n".join(lines_of(report["trace"])))
