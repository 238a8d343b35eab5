"""What crosses a link at once, measured when it is packed, and not again by everybody it goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.sim.sizes import frame_bytes
from sorcha_peer_core.sim.tally import Cell, amount_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.sim.profile import Model
    from sorcha_peer_core.sim.tally import Tally

Parcel = tuple[int, m.Message, Cell, int, float, float, float, Priority]
"""One message: its size with the framing, itself, where it is counted, how much there is of it, seconds in the uplink, in the
downlink and, at least, on the receiver's CPU, and how urgent it is. A plain tuple, because there are millions of them.
"""
Batch = tuple[int, list[m.Message], float, float, float]
"""Several: the size, the messages, and the same seconds."""


class Packing:
    """Packs messages for the network of a model."""

    def __init__(self, model: Model, tally: Tally) -> None:
        costs = model.costs
        self._cells = tally.cells
        self.framing_bytes = costs.framing_bytes
        self._up_s_per_byte = 1 / model.profile.up_bytes_per_s
        self._down_s_per_byte = 1 / model.profile.down_bytes_per_s
        self._least_s = costs.receive_ms[0] / 1000
        self._entry_s = costs.entry_ms / 1000
        self._byte_s = costs.byte_ns / 1e9
        self.last = self.one(m.Ping(0), Priority.CONTROL)
        """The one packed last: what goes to many is the same object for all of them."""

    def one(self, message: m.Message, priority: Priority) -> Parcel:
        """A message by itself."""
        size = frame_bytes(message) + self.framing_bytes
        self.last = (size, message, self._cells[type(message)], amount_of(message), *self._times_s(size, 1), priority)
        return self.last

    def many(self, messages: Sequence[m.Message]) -> Batch:
        """Messages that gathered."""
        size = sum(map(frame_bytes, messages)) + self.framing_bytes
        return (size, list(messages), *self._times_s(size, len(messages)))

    def _times_s(self, size: int, frames: int) -> tuple[float, float, float]:
        cpu_s = self._least_s + self._entry_s * (frames - 1) + self._byte_s * size
        return size * self._up_s_per_byte, size * self._down_s_per_byte, cpu_s
