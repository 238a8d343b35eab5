"""``sorcha-peer submit``: hand transactions to a running node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from sorcha_peer_core.cli.options import asks_node
from sorcha_peer_core.cli.payloads import PATH, STDIN, Form, Sourced, payload_options, read_payloads
from sorcha_peer_core.client import NodeClient, Refused
from sorcha_peer_core.errors import PeerError

MAX_BATCH_PAYLOADS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024

_REASONS_SHOWN = 5


@click.command()
@click.argument("paths", metavar="PATH...|-", nargs=-1, required=True, type=PATH)
@payload_options
@click.option("--register", "register_id", metavar="ID", help="The register the transactions belong to.")
@click.option("--content-type", metavar="T", help="What the payloads are; application/octet-stream when nothing is said.")
@asks_node
def submit(client: NodeClient, paths: tuple[str, ...], form: Form, register_id: str | None, content_type: str | None) -> None:
    """Hand transactions to a running node, each file one; - is stdin.

    Prints one hash a line when the node has committed them. What it refuses is named at the end; the others are in.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("stdin (-) can be read only once")
    submitter = _Submitter(client, content_type, register_id)
    for batch in batches_of(read_payloads(paths, form)):
        submitter.submit(batch)
    submitter.raise_if_refused()


def batches_of(payloads: Iterator[Sourced] | Sequence[Sourced], most: int = MAX_BATCH_PAYLOADS) -> Iterator[list[Sourced]]:
    """Group payloads, in order, into requests of bounded count and size; a large payload goes alone."""
    batch: list[Sourced] = []
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

    def submit(self, batch: list[Sourced]) -> None:
        """Hand one batch over. Raises what ends everything: the node is gone, or full."""
        self._submitted += len(batch)
        if len(batch) == 1:
            self._submit_one(batch[0])
            return
        try:
            answer = self._client.submit_batch([item.payload for item in batch], self._content_type, self._register_id)
        except Refused as refusal:
            _print_hashes(refusal.answer.get("accepted", ()))
            raise PeerError(f"{refusal}; everything up to the last hash printed was accepted") from refusal
        _print_hashes(answer.accepted)
        self._refused += [f"{batch[line - 1].source}: {reason}" for line, reason in answer.rejected]

    def raise_if_refused(self) -> None:
        """One sentence about everything that was refused."""
        if not self._refused:
            return
        if self._submitted == 1:
            raise PeerError(self._refused[0])
        shown = "; ".join(self._refused[:_REASONS_SHOWN])
        more = len(self._refused) - _REASONS_SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        raise PeerError(f"{len(self._refused)} of {self._submitted} transactions were refused: {shown}{rest}")

    def _submit_one(self, item: Sourced) -> None:
        try:
            _print_hashes([self._client.submit(item.payload, self._content_type, self._register_id)["hash"]])
        except Refused as refusal:
            if refusal.http_status not in (400, 413, 422):
                raise
            self._refused.append(f"{item.source}: {refusal}")


def _print_hashes(hashes: Sequence[str]) -> None:
    for tx_hash in hashes:
        click.echo(tx_hash)
