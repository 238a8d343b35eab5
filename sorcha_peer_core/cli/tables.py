"""Tables for people; programs get JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PLAIN_WIDTH = 100_000
"""Where stdout is no terminal, nothing is to be wrapped or cut."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Print rows under headings; the columns numbered in ``right`` are aligned to the right."""
    console = _console()
    console.print(_table_of(console, columns, rows, right))


def print_listing(columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """The same for rows that begin with something to be copied: where the terminal is too narrow, one below the other."""
    console = _console()
    table = _table_of(console, columns, rows, right)
    if (
        not console.is_terminal
        or console.measure(table, options=console.options.update_width(_PLAIN_WIDTH)).maximum <= console.width
    ):
        console.print(table)
        return
    for name, *cells in rows:
        said = [f"{column} {_printable(cell)}" for column, cell in zip(columns[1:], cells, strict=True) if cell not in ("", None)]
        click.echo(f"{_printable(name)}\n    {', '.join(said)}")


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def _table_of(console: Console, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Without headings it is a list of names and values, which needs no lines.
    table = Table(box=box.SIMPLE_HEAD if any(columns) else None, show_header=any(columns), padding=(0, 2, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number in right else "left", no_wrap=not console.is_terminal)
    for row in rows:
        # As Text, because what peers say of themselves must not be read as markup.
        table.add_row(*(Text(_printable(cell)) for cell in row))
    return table


def print_json(value: object) -> None:
    """One JSON value for programs."""
    click.echo(json.dumps(value, indent=2))


def _printable(cell: object) -> str:
    return "".join(c if c.isprintable() else "�" for c in ("-" if cell is None or cell == "" else str(cell)))


def count_text(count: int) -> str:
    """Thousands set apart.

    >>> count_text(1381753)
    '1,381,753'
    """
    return f"{count:,}"


def bytes_text(count: float) -> str:
    """A size as people read it.

    >>> bytes_text(1381753)
    '1.3 MiB'
    """
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def duration_text(seconds: float) -> str:
    """A length of time, to the unit that matters.

    >>> duration_text(93784)
    '1 d 2 h'
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment_text(unix_s: float | None) -> str:
    """Local date and time of a moment; ``never`` where there was none."""
    if not unix_s:
        return "never"
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
