"""``sorcha-peer submit``: hand transactions to a running node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import click

from sorcha_peer_core.cli.delivery import DEFAULT_TIMEOUT_S, first_few, wait_for_receipts
from sorcha_peer_core.cli.options import asks_node
from sorcha_peer_core.cli.payloads import PATH, STDIN, Form, Sourced, payload_options, read_payloads
from sorcha_peer_core.client import NodeClient, Refused
from sorcha_peer_core.errors import PeerError

MAX_BATCH_PAYLOADS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024


@click.command()
@click.argument("paths", metavar="PATH...|-", nargs=-1, required=True, type=PATH)
@payload_options
@click.option("--register", "register_id", metavar="ID", help="The register the transactions belong to.")
@click.option("--content-type", metavar="T", help="What the payloads are; application/octet-stream when nothing is said.")
@click.option("--wait", is_flag=True, help="Return when other peers have said that they have all of them.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), metavar="S", help=f"Of --wait; {DEFAULT_TIMEOUT_S:.0f} s.")
@asks_node
def submit(
    client: NodeClient,
    paths: tuple[str, ...],
    form: Form,
    register_id: str | None,
    content_type: str | None,
    wait: bool,
    timeout_s: float | None,
) -> None:
    """Hand transactions to a running node, each file one; - is stdin.

    Prints one hash a line when the node has committed them. What it refuses is named at the end; the others are in.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("stdin (-) can be read only once")
    if timeout_s is not None and not wait:
        raise click.UsageError("--timeout S needs --wait: it says how long that may take")
    submitter = _Submitter(client, content_type, register_id)
    for batch in batches_of(read_payloads(paths, form)):
        submitter.submit(batch)
    problems = submitter.problems()
    if wait:
        problems += wait_for_receipts(client, submitter.accepted, DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s)
    if problems:
        raise PeerError("; ".join(problems))


class HasPayload(Protocol):
    """What can be grouped into batches."""

    @property
    def payload(self) -> bytes:
        """Its bytes."""


Item = TypeVar("Item", bound=HasPayload)


def batches_of(payloads: Iterable[Item], most: int = MAX_BATCH_PAYLOADS) -> Iterator[list[Item]]:
    """Group payloads, in order, into requests of bounded count and size; a large payload goes alone."""
    batch: list[Item] = []
    size_bytes = 0
    for item in payloads:
        if batch and (len(batch) == most or size_bytes + len(item.payload) > MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(item)
        size_bytes += len(item.payload)
    if batch:
        yield batch


class _Submitter:
    """Hands batches over, prints the hashes of what was accepted and remembers what was not."""

    def __init__(self, client: NodeClient, content_type: str | None, register_id: str | None) -> None:
        self._client = client
        self._content_type = content_type
        self._register_id = register_id
        self._submitted = 0
        self._refused: list[str] = []
        self.accepted: list[str] = []

    def submit(self, batch: list[Sourced]) -> None:
        """Hand one batch over. Raises what ends everything: the node is gone, or full."""
        self._submitted += len(batch)
        if len(batch) == 1:
            self._submit_one(batch[0])
            return
        try:
            answer = self._client.submit_batch([item.payload for item in batch], self._content_type, self._register_id)
        except Refused as refusal:
            self._accept(refusal.answer.get("accepted", ()))
            raise PeerError(f"{refusal}; everything up to the last hash printed was accepted") from refusal
        self._accept(answer.accepted)
        self._refused += [f"{batch[line - 1].source}: {reason}" for line, reason in answer.rejected]

    def problems(self) -> list[str]:
        """A sentence about everything that was refused; none when nothing was."""
        if not self._refused:
            return []
        if self._submitted == 1:
            return self._refused
        return [f"{len(self._refused)} of {self._submitted} transactions were refused: {first_few(self._refused)}"]

    def _submit_one(self, item: Sourced) -> None:
        try:
            self._accept([self._client.submit(item.payload, self._content_type, self._register_id)["hash"]])
        except Refused as refusal:
            if refusal.http_status not in (400, 413, 422):
                raise
            self._refused.append(f"{item.source}: {refusal}")

    def _accept(self, hashes: Sequence[str]) -> None:
        self.accepted += hashes
        for tx_hash in hashes:
            click.echo(tx_hash)
