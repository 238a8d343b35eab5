"""A picture of how transactions spread; needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sorcha_peer_core.errors import PeerError

_FORMATS = (".png", ".svg", ".pdf")


def check_plot(file: Path, option: str = "--plot") -> None:
    """Before anything is computed: can it be drawn? ``option`` asks for it. Raises PeerError."""
    if file.suffix not in _FORMATS:
        raise PeerError(f"{option} {file}: the name ends in one of {', '.join(_FORMATS)}")
    if not file.parent.is_dir():
        raise PeerError(f"{option} {file}: there is no directory {file.parent}")
    if find_spec("matplotlib") is None:
        raise PeerError(f"{option} needs matplotlib, which is not installed: pip install 'sorcha-peer[plot]'")


def draw_plot(reports: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draw the share of nodes that has a transaction over time, a line for each run, with its bound dotted."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    for report in reports:
        reached = [(share, ms) for share, ms in report["curve_ms"] if ms is not None]
        label = report["name"] or f"{report['strategy']}, {report['peers']} peers, {report['profile']}"
        (line,) = axes.plot([ms for _, ms in reached], [share * 100 for share, _ in reached], label=label)
        axes.axvline(report["bound_t90_ms"], color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_xlabel("milliseconds from the submission, median transaction (dotted: bound of 90 %)")
    axes.set_ylabel("nodes that have it, %")
    axes.set_ylim(0, 101)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
