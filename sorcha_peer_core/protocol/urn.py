"""A set to draw from at random."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from random import Random

T = TypeVar("T", bound=Hashable)


class Urn(Generic[T]):
    """Putting in, taking out and drawing cost the same however much lies in it; the same calls give the same draws."""

    __slots__ = ("_items", "_places")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._places: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._places

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def put(self, item: T) -> None:
        """Put it in, unless it is there."""
        if item not in self._places:
            self._places[item] = len(self._items)
            self._items.append(item)

    def take_out(self, item: T) -> None:
        """Take it out, if it is there."""
        place = self._places.pop(item, None)
        if place is None:
            return
        last = self._items.pop()
        if place < len(self._items):
            self._items[place], self._places[last] = last, place

    def draw(self, rng: Random) -> T | None:
        """One at random, which stays in; None when it is empty."""
        return self._items[rng.randrange(len(self._items))] if self._items else None
