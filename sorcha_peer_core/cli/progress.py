"""Progress of long work: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
Stages = Callable[[str, int], Advance]
"""Begins a stage with a name and a total; what it returns is told how much is done."""


@contextmanager
def progress_on_terminal() -> Iterator[Stages]:
    """Bars on stderr for as long as the block runs; they leave no trace."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _silent
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:

        def stage(name: str, total: int) -> Advance:
            task = progress.add_task(name, total=total)
            return lambda done: progress.update(task, completed=done)

        yield stage


def _silent(name: str, total: int) -> Advance:
    return lambda done: None
