"""One direction of a link: what gathers for it, and how long it takes to the other side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.sendqueue import SendQueue

if TYPE_CHECKING:
    from sorcha_peer_core.model.messages import Message
    from sorcha_peer_core.sim.machine import Machine
    from sorcha_peer_core.sim.network import Network
    from sorcha_peer_core.sim.parcel import Parcel


def link(net: Network, one: Machine, other: Machine, base_s: float) -> tuple[Pipe, Pipe]:
    """Both directions between two machines."""
    there, back = Pipe(net, one, other, base_s), Pipe(net, other, one, base_s)
    there.twin, back.twin = back, there
    return there, back


class Pipe:
    """A stream: what goes in comes out in the same order, or not at all.

    One batch at a time is on its way into the uplink; what the core says meanwhile gathers in the link's send queue.
    """

    __slots__ = (
        "_draining", "_more", "_net", "_queue", "arrive", "base_s", "blocked", "cut", "deaf", "far", "free_at", "last_at", "near",
        "peer", "ready_at", "said", "sent_at", "there", "twin",
    )  # fmt: skip

    def __init__(self, net: Network, near: Machine, far: Machine, base_s: float) -> None:
        self._net = net
        self.near = near
        self.far = far
        self.base_s = base_s
        self.there = near.number_of(far)
        """What the sender's core calls the receiver."""
        self.peer = far.number_of(near)
        """What the receiver's core calls the sender."""
        self.twin: Pipe = self
        """The other direction; set by ``link``."""
        self.cut = False
        """One side has ended the link."""
        self.deaf = False
        """Nobody hears what arrives."""
        self.said: Parcel | None = None
        """By the core, in this turn."""
        self.arrive = far.arrive
        """Called when a message arrives."""
        self.sent_at = self.free_at = self.last_at = -inf
        """When the last batch was sent, when it has left the sender, and when it arrives."""
        self.ready_at = inf if net.lossy else -inf
        """From when on a message may go without looking further; inf: something waits, or may happen on the way."""
        self._more: tuple[Parcel, ...] = ()
        self._queue: SendQueue[Message] | None = None
        """There is one while something waits."""
        self._draining = False
        self.blocked = False
        """Nothing gets through, and nobody is told; set by ``block``."""

    def block(self, blocked: bool) -> None:
        """Let nothing through, or everything again; nobody is told."""
        self.blocked = blocked
        self._look()

    def end(self) -> None:
        """Nothing goes or comes any more, in either direction."""
        for pipe in (self, self.twin):
            pipe.cut = pipe.deaf = True
            pipe._look()

    def say_more(self, parcel: Parcel) -> None:
        """The core says something else in the same turn."""
        self._more += (parcel,)
        self.ready_at = inf

    def flush(self, now: float) -> None:
        """The core's turn is over: send what it said, or let it wait for its place."""
        said, more = self.said, self._more
        self.said, self._more = None, ()
        if said is None or self.cut:
            return
        if more or self._queue or now < self.free_at or now - self.sent_at < self.near.apart_s:
            self._gather(now, (said, *more))
        else:
            self._send_one(now, said)
        self._look()

    def _look(self) -> None:
        if not self._queue:
            # Empty, it would still be the largest thing on this link.
            self._queue = None
        is_plain = not (self._queue or self.cut or self.blocked or self._net.lossy)
        self.ready_at = max(self.free_at, self.sent_at + self.near.apart_s) if is_plain else inf

    def _gather(self, now: float, said: Iterable[Parcel]) -> None:
        queue = self._queue
        if queue is None:
            queue = self._queue = SendQueue(self._net.model.queue_bytes)
            # It was spoken to before, past the queue.
            queue.take(0, self.sent_at)
        for parcel in said:
            frame_bytes = parcel[0] - self._net.packing.framing_bytes
            self._net.tally.queue_drops += queue.put(parcel[1], frame_bytes, parcel[-1])
        if queue.overflowed:
            self.near.unlink(self.there, "it reads too slowly")
        self._drain(now)

    def _drain(self, now: float) -> None:
        """Send what waits, now or when the batch before it has left and the core wants it to."""
        queue = self._queue
        while queue and not self.cut:
            at = max(self.free_at, now + queue.wait_s(now, self.near.apart_s))
            if at > now:
                if not self._draining:
                    self._draining = True
                    self._net.calendar.add((at, self._go_on, None, None))
                return
            self._send_many(now, queue.take(self._net.model.batch_bytes, now))

    def _go_on(self, now: float, nothing: None, more: None) -> None:
        self._draining = False
        if self.near.running:
            self._drain(now)
            self._look()

    def _send_one(self, now: float, parcel: Parcel) -> None:
        size, message, _, _, up_s, _, _, _ = parcel
        arrives_at = self._arrives_at(now, (message,), size, up_s)
        if arrives_at < inf:
            self._net.calendar.add((arrives_at, self.arrive, self, parcel))

    def _send_many(self, now: float, messages: list[Message]) -> None:
        batch = self._net.packing.many(messages)
        arrives_at = self._arrives_at(now, messages, batch[0], batch[2])
        if arrives_at < inf:
            self._net.calendar.add((arrives_at, self.far.arrive_many, self, batch))

    def _arrives_at(self, now: float, messages: Sequence[Message], size: int, up_s: float) -> float:
        """Send; when it arrives, infinite when it does not."""
        net = self._net
        net.tally.sent(messages, size)
        self.sent_at = now
        self.free_at = self.near.upload(now, size, up_s)
        arrives_at = self.free_at + self.base_s * net.stretch() + net.hop_s
        if net.lossy:
            arrives_at += net.delay_by_loss_s(self.base_s)
        if self.blocked or arrives_at == inf:
            net.tally.lost += 1
            net.tally.unheard(messages)
            return inf
        self.last_at = max(self.last_at, arrives_at)
        return self.last_at
