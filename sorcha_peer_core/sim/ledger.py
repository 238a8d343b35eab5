"""All transactions of a simulation, and which node's disk has which. Each exists once, whoever holds it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import chunk_bytes_for, chunk_list, chunk_root
from sorcha_peer_core.model.ids import TxHash, tx_hash_of
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.sim.sizes import header_bytes

if TYPE_CHECKING:
    from sorcha_peer_core.sim.machine import Machine

START_MS = 1_700_000_000_000.0
"""Unix milliseconds at the beginning of virtual time."""
_SIGNATURE = bytes(64)
_EPOCH = 1


class Ledger:
    """Makes transactions and answers for the stores."""

    def __init__(self, machines: int) -> None:
        self._machines = machines
        self._made: dict[TxHash, tuple[Transaction, bytearray]] = {}
        """Each transaction with a mark for every node that has it."""
        self._in_order: list[tuple[Transaction, bytearray]] = []
        self._created_ms: list[float] = []
        self._payloads: dict[int, bytes] = {}
        self._roots: dict[int, bytes] = {}
        self._lacking: dict[int, int] = {}
        """How many of those made until ``expect`` each node lacks."""
        self._expected: set[TxHash] = set()
        self.complete_at: float | None = None
        """When the last node had the last of those."""

    def __len__(self) -> int:
        return len(self._made)

    def make(self, origin: int, size: int, now: float) -> Transaction:
        """A transaction of ``size`` bytes, submitted at one node. Payloads of one size are one object."""
        number = len(self._made)
        payload = self._payloads.setdefault(size, bytes(size))
        header = Header(
            network_id="sorcha",
            payload_hash=tx_hash_of(number.to_bytes(8, "big")),
            payload_size=size,
            content_type="application/octet-stream",
            register_id="",
            origin_key=origin.to_bytes(32, "big"),
            created_ms=START_MS + now * 1000,
            ttl_s=86_400,
            nonce=number + 1,
            chunk_bytes=chunk_bytes_for(size),
            chunk_root=self._root_of(payload),
        )
        transaction = Transaction(header, bytes(header_bytes(header)), _SIGNATURE, payload)
        self._made[transaction.hash] = transaction, bytearray(self._machines)
        self._in_order.append(self._made[transaction.hash])
        self._created_ms.append(header.created_ms)
        return transaction

    def _root_of(self, payload: bytes) -> bytes:
        """Of the list of its chunks; made once for each size."""
        chunk_bytes = chunk_bytes_for(len(payload))
        if not chunk_bytes:
            return b""
        if len(payload) not in self._roots:
            self._roots[len(payload)] = chunk_root(chunk_list(payload, chunk_bytes))
        return self._roots[len(payload)]

    def get(self, tx_hash: TxHash) -> Transaction:
        """The one with this hash."""
        return self._made[tx_hash][0]

    def size_of(self, tx_hash: TxHash) -> int:
        """Of its payload."""
        return self._made[tx_hash][0].header.payload_size

    def has(self, machine: Machine, tx_hash: TxHash) -> bool:
        """Whether a node's log has it."""
        made = self._made.get(tx_hash)
        return made is not None and made[1][machine.index] == 1

    def keep(self, machine: Machine, tx_hash: TxHash) -> None:
        """It is committed there."""
        self._made[tx_hash][1][machine.index] = 1
        if self._lacking and tx_hash in self._expected:
            self._got(machine)

    def expect(self, machines: Iterable[Machine], now: float) -> None:
        """From now on see when each of these has everything that was made until now."""
        self._expected = set(self._made)
        lacking = {machine.index: len(self._made) - len(machine.log) for machine in machines}
        self._lacking = {index: count for index, count in lacking.items() if count}
        self.complete_at = None if self._lacking else now

    def _got(self, machine: Machine) -> None:
        left = self._lacking.get(machine.index, 0) - 1
        if left > 0:
            self._lacking[machine.index] = left
        elif left == 0:
            del self._lacking[machine.index]
            if not self._lacking:
                self.complete_at = machine.now

    def answer(self, machine: Machine, question: m.Load) -> m.Answer:
        """What a node's store has to say."""
        match question:
            case m.LoadKnown(hashes):
                return m.KnownHashes(question, frozenset(h for h in hashes if self.has(machine, h)))
            case m.LoadWanted(_, hashes):
                return m.Loaded(question, tuple(self._made[h][0] for h in dict.fromkeys(hashes) if self.has(machine, h)))
            case m.LoadChunks(_, want):
                return m.Loaded(question, (self._made[want.hash][0],) if self.has(machine, want.hash) else ())
            case m.LoadLog(_, log_epoch, after_seq, most):
                # Logs are never lost here: every node's has the same epoch all the time.
                after = min(after_seq, len(machine.log)) if log_epoch == _EPOCH else 0
                items = tuple(m.Announced(h, self._made[h][0].header.payload_size) for h in machine.log[after : after + most])
                end = after + len(items)
                return m.LogPage(question, _EPOCH, items, end, end < len(machine.log))
            case m.LoadCreated():
                return m.CreatedPage(question, self._created(machine, question))

    def _created(self, machine: Machine, question: m.LoadCreated) -> tuple[m.Created, ...]:
        """Transactions are made in the order of time, no two at the same."""
        at = bisect_right if question.after else bisect_left
        found: list[m.Created] = []
        for number in range(at(self._created_ms, question.start_ms), bisect_left(self._created_ms, question.end_ms)):
            transaction, marks = self._in_order[number]
            if marks[machine.index]:
                header = transaction.header
                found.append(m.Created(header.payload_hash, header.payload_size, header.created_ms))
                if len(found) == question.most:
                    break
        return tuple(found)
