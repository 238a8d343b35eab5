"""Brings payloads into the nodes of a devnet: round robin, as fast as they take them or at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from hashlib import sha256

from sorcha_peer_core.cli.cluster import NodeProcess
from sorcha_peer_core.cli.devnet_report import Published
from sorcha_peer_core.cli.payloads import Sourced
from sorcha_peer_core.cli.submit import batches_of
from sorcha_peer_core.client import Refused
from sorcha_peer_core.errors import NodeUnreachable, PeerError

BATCH_PAYLOADS = 250
_FULL_PAUSE_S = 0.5
_FULL_TIMEOUT_S = 30.0
_HTTP_TOO_MANY = 429


def distinct(payloads: Iterator[Sourced]) -> tuple[list[Sourced], int]:
    """Each payload once, in order, and how many were left out as copies of an earlier one."""
    first: dict[bytes, Sourced] = {}
    given = 0
    for item in payloads:
        given += 1
        first.setdefault(item.payload, item)
    return list(first.values()), given - len(first)


class Publisher:
    """Hands payloads to nodes and remembers which node took which.

    What a node cannot take any more, because it is gone, the others get.
    """

    def __init__(self, nodes: Sequence[NodeProcess], payloads: Sequence[Sourced]) -> None:
        self._nodes = nodes
        self._payloads = payloads
        self._orphans: list[Sourced] = []
        self._lost: set[int] = set()
        self.published: dict[str, Published] = {}
        self.first_submission_ms = 0.0
        self.done = False
        self.failure: Exception | None = None

    def publish(self, rate: float | None) -> None:
        """Publish everything; runs in a greenlet of its own. A failure is kept for whoever waits for ``done``."""
        self.first_submission_ms = time.time() * 1000
        try:
            if rate is None:
                self._publish_fast(self._payloads)
            else:
                self._publish_steadily(rate)
            while self._orphans and self.failure is None:
                orphans, self._orphans = self._orphans, []
                self._publish_fast(orphans)
        except PeerError as error:
            self.failure = error
        finally:
            self.done = True

    def _publish_fast(self, payloads: Sequence[Sourced]) -> None:
        import gevent

        living = [number for number in range(len(self._nodes)) if number not in self._lost]
        if not living:
            raise NodeUnreachable("no node is left that takes transactions")
        shares = [payloads[place :: len(living)] for place in range(len(living))]
        gevent.joinall([gevent.spawn(self._guarded, number, share) for number, share in zip(living, shares, strict=True)])

    def _publish_steadily(self, rate: float) -> None:
        import gevent

        begin = time.monotonic()
        under_way = []
        for place, item in enumerate(self._payloads):
            time.sleep(max(0.0, begin + place / rate - time.monotonic()))
            # A greenlet each, so that a slow answer does not delay the next transaction.
            under_way.append(gevent.spawn(self._guarded, place % len(self._nodes), [item]))
            if self.failure is not None:
                break
        gevent.joinall(under_way)

    def _guarded(self, number: int, share: Sequence[Sourced]) -> None:
        # An error that leaves a greenlet would be printed with its traceback, and not reach whoever waits.
        try:
            self._submit_share(number, share)
        except Exception as error:
            self.failure = self.failure or error

    def _submit_share(self, number: int, share: Sequence[Sourced]) -> None:
        batches = list(batches_of(share, BATCH_PAYLOADS))
        for place, batch in enumerate(batches):
            try:
                self._submit_patiently(number, batch)
            except NodeUnreachable:
                self._lost.add(number)
                self._orphans += [item for rest in batches[place:] for item in rest]
                return

    def _submit_patiently(self, number: int, batch: Sequence[Sourced]) -> None:
        """Hand over one batch; a full outbox is waited for, since handing over again is harmless."""
        deadline = time.monotonic() + _FULL_TIMEOUT_S
        while True:
            try:
                self._submit(number, batch)
                return
            except Refused as refusal:
                if refusal.http_status != _HTTP_TOO_MANY or time.monotonic() > deadline:
                    raise PeerError(f"node {number + 1} did not take {batch[0].source}: {refusal}") from refusal
            time.sleep(_FULL_PAUSE_S)

    def _submit(self, number: int, batch: Sequence[Sourced]) -> None:
        client = self._nodes[number].client
        if len(batch) == 1:
            client.submit(batch[0].payload)
        else:
            answer = client.submit_batch([item.payload for item in batch])
            for line, reason in answer.rejected:
                raise PeerError(f"node {number + 1} did not take {batch[line - 1].source}: {reason}")
        for item in batch:
            self.published[sha256(item.payload).hexdigest()] = Published(number, len(item.payload))
