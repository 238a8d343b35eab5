"""``sorcha-peer simulate``: the shipped protocol in virtual time."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.options import FILE, json_option

if TYPE_CHECKING:
    from sorcha_peer_core.cli.scenario_file import Plan

_SHARE = click.FloatRange(0, 1, max_open=True)
_POSITIVE = click.FloatRange(0, min_open=True)
_COUNT = click.IntRange(1)


@click.command()
@click.option("--peers", type=click.IntRange(2, 100_000), metavar="N", help="How many nodes; 100 when nothing is said.")
@click.option("--profile", type=click.Choice(["world", "continent", "lan"]), help="Where they are; world when nothing is said.")
@click.option("--strategy", metavar="NAME", help="How transactions spread; mesh when nothing is said.")
@click.option("--links", type=_COUNT, metavar="N", help="Links per node; else as many as the strategy wants.")
@click.option("--size", type=_COUNT, metavar="BYTES", help="Of each payload; 1024 when nothing is said.")
@click.option("--rate", type=_POSITIVE, metavar="R", help="Transactions a second; else one after the other.")
@click.option("--transactions", type=_COUNT, metavar="M", help="How many are measured; 30 when nothing is said.")
@click.option("--warmup", type=click.IntRange(0), metavar="W", help="How many come before them; 60 when nothing is said.")
@click.option("--loss", type=_SHARE, metavar="P", help="Share of messages that is lost.")
@click.option("--loss-kind", type=click.Choice(["drop", "tcp"]), help="Lost for good, or only late; drop when nothing is said.")
@click.option("--dead", type=_SHARE, metavar="P", help="Share of nodes that fall silent at the first measured transaction.")
@click.option("--sybils", type=_SHARE, metavar="P", help="Share of nodes that announce everything and deliver nothing.")
@click.option("--batch-ms", type=click.FloatRange(0), metavar="MS", help="Apart are batches of one link; else as the core wants.")
@click.option("--verify-ms", type=click.FloatRange(0), metavar="MS", help="CPU time of a signature; 0 when nothing is said.")
@click.option("--commit-ms", type=click.FloatRange(0), metavar="MS", help="Time of a commit; 0 when nothing is said.")
@click.option("--seed", type=int, metavar="S", help="Of all random numbers; 1 when nothing is said.")
@click.option("--seeds", type=_COUNT, metavar="K", help="Runs, each with the next seed; 1 when nothing is said.")
@click.option("--scenario", "file", type=FILE, metavar="FILE", help="A scenario (TOML); options given beside it go before it.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw how it spread (PNG, SVG).")
@json_option
def simulate(*, file: Path | None, plot: Path | None, as_json: bool, **options: Any) -> int:
    """Spread transactions through a simulated network.

    Every node runs the protocol that ships, over a model of the network: latencies between the regions of the world, uplinks
    of 20 Mbit/s, one CPU. The same seed gives the same result. docs/simulator.md says what is modelled and what is not.
    """
    from sorcha_peer_core.cli.scenario_file import plan_of, read_tables
    from sorcha_peer_core.cli.simulate_plot import check_plot, draw_plot
    from sorcha_peer_core.cli.simulate_table import print_reports
    from sorcha_peer_core.cli.tables import print_json

    if plot is not None:
        check_plot(plot)
    given = {name: value for name, value in options.items() if value is not None}
    plans = [plan_of({**table, **given}) for table in (read_tables(file) if file else [{}])]
    reports = _run(plans)
    if plot is not None:
        draw_plot(reports, plot)
    if not as_json:
        print_reports(reports)
    elif file is None:
        print_json(reports[0])
    else:
        print_json({"scenario": file.stem, "runs": reports})
    return 0


def _run(plans: Sequence[Plan]) -> list[dict[str, Any]]:
    from sorcha_peer_core.cli.progress import progress_on_terminal
    from sorcha_peer_core.sim.report import run

    reports = []
    with progress_on_terminal() as stages, _without_gc():
        for number, (scenario, strategy) in enumerate(plans, 1):
            name = scenario.name or f"run {number} of {len(plans)}"
            advance = stages(name, scenario.seeds * (scenario.warmup + scenario.transactions))
            began_s = monotonic()
            report = run(scenario, strategy, advance)
            report["wall_s"] = round(monotonic() - began_s, 2)
            reports.append(report)
            if number < len(plans):
                # What is left of this network; at the end of the process nobody needs the room.
                gc.collect()
    return reports


@contextmanager
def _without_gc() -> Iterator[None]:
    """Millions of live objects, and hardly a cycle among them: looking for garbage would take a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
