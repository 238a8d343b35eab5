"""The knobs of the protocol, with the reasons for their values."""

from __future__ import annotations

from dataclasses import dataclass

from sorcha_peer_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """Knobs of one Core. Times in seconds, sizes in bytes."""

    eager_max_bytes: int = 4096  #: what is so small is pushed; it lies below swarm_min_bytes
    swarm_min_bytes: int = 262_144  #: from here on a payload travels in chunks
    whole_max_bytes: int = 1_000_000  #: fits into one batch; up to here a wanted payload is sent whole, whoever asks
    max_transaction_bytes: int = 10_485_760
    chunk_bytes: int = 32 * 1024  #: small enough that a probe behind it waits little, large enough to cost little
    chunk_window: int = 16  #: chunks asked for at once where there is no list: 512 KiB covers 40 ms at 100 Mbit/s
    chunks_per_source: int = 2  #: chunks asked of one neighbour at once, of all payloads: more only queue there
    lists_per_source: int = 8  #: lists of chunks asked of one neighbour at once
    have_after_s: float = 0.02  #: how long news of chunks gather before the neighbours are told
    swarm_check_s: float = 0.25  #: how often overdue chunks are looked for
    swarm_patience_s: float = 2.0  #: a chunk so much overdue is asked of the same neighbour again
    swarm_give_up_s: float = 30.0  #: without any progress; then it is left to sync
    swarm_items: int = 256  #: large transactions that one neighbour may have offered at once
    swarm_bytes: int = 64 * 1024 * 1024  #: of large ones on their way in; further ones wait
    uplink_bytes_per_s: float = 2_500_000.0  #: what this node's line carries: 20 Mbit/s
    mesh_givers_least: int = 2  #: links that push to a node, however little they are worth
    mesh_worth_least_s: float = 0.003  #: what a further one must be worth: a copy of everything is its price
    mesh_change_s: float = 0.002  #: how much better another link must be to be worth the change
    mesh_lead_most_s: float = 0.05  #: a lead counts no more than this: one that is far ahead once is not always
    mesh_patience_s: float = 1.0  #: between two grafts, and before a link is asked again
    fetch_timeout_s: float = 0.4  #: then the next announcer is asked, while its round trip is not measured; grows with each round
    fetch_margin_s: float = 0.05  #: on top of two round trips, once they are measured
    fetch_bytes_per_s: float = 125_000.0  #: and for what was asked: 1 Mbit/s, a slow line's share
    fetch_timeout_max_s: float = 10.0
    fetch_rounds: int = 8  #: after so many fruitless ones a hash is left to sync
    want_items: int = 128  #: most transactions asked of one peer at a time
    want_bytes: int = 1024 * 1024  #: and their size: bounds what an answer puts into one send queue
    queue_items: int = 50_000  #: hashes that wait to be asked of one peer, about 20 MB; what else it announces is left to sync
    announcers_max: int = 16  #: per hash; more would only cost memory
    announce_items: int = 1024  #: hashes in one frame, about 36 KiB
    sync_page_items: int = 512
    sync_peers: int = 3  #: logs read at the same time: two honest ones outvote a lazy third
    sync_interval_s: float = 30.0  #: between comparisons of a whole day with linked peers, in turn
    digest_interval_s: float = 2.0  #: between comparisons of the last minute with a linked peer
    probe_interval_s: float = 2.0
    probe_misses: int = 3
    min_receipts: int = 2  #: peers that must have committed an own transaction before it counts as delivered
    retry_delay_s: float = 5.0  #: how long receipts are waited for, and the first pause after that
    max_attempts: int = 5  #: so often an own transaction is offered while peers are linked; then nobody takes it
    recent_bytes: int = 16 * 1024 * 1024  #: verified payloads kept for those who ask right after
    seen_entries: int = 100_000  #: per generation, about 14 MB
    seen_rotate_s: float = 600.0

    def __post_init__(self) -> None:
        if self.chunk_bytes < 1 or self.chunk_window < 1:
            raise ConfigError(f"chunks of {self.chunk_bytes} bytes, {self.chunk_window} at once: both are at least 1")
        if self.swarm_min_bytes > self.whole_max_bytes:
            raise ConfigError(
                f"transaction_distribution.swarm_min_bytes is {self.swarm_min_bytes}; "
                f"above {self.whole_max_bytes} bytes a transaction does not fit into one batch"
            )
        if self.swarm_min_bytes <= self.eager_max_bytes:
            raise ConfigError(
                f"transaction_distribution.swarm_min_bytes is {self.swarm_min_bytes}; "
                f"it must be larger than eager_max_bytes ({self.eager_max_bytes})"
            )
