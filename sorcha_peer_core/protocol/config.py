"""The knobs of the protocol, with the reasons for their values."""

from __future__ import annotations

from dataclasses import dataclass

from sorcha_peer_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """Knobs of one Core. Times in seconds, sizes in bytes."""

    eager_max_bytes: int = 4096  #: above it a push is announced first, so no wait for one makes sense
    swarm_min_bytes: int = 262_144  #: from here on a payload travels in chunks
    whole_max_bytes: int = 1_000_000  #: fits into one batch; up to here a wanted payload is sent whole, whoever asks
    max_transaction_bytes: int = 10_485_760
    chunk_bytes: int = 32 * 1024  #: small enough that a probe behind it waits little, large enough to cost little
    chunk_window: int = 16  #: chunks asked for at once: 512 KiB covers 40 ms at 100 Mbit/s
    pull_wait_s: float = 0.05  #: wait for the push of what was announced, until the strategy says otherwise
    fetch_timeout_s: float = 1.0  #: then the next announcer is asked; grows with each round
    fetch_timeout_max_s: float = 10.0
    fetch_rounds: int = 8  #: after so many fruitless ones a hash is left to sync
    want_items: int = 128  #: most transactions asked of one peer at a time
    want_bytes: int = 1024 * 1024  #: and their size: bounds what an answer puts into one send queue
    queue_items: int = 50_000  #: hashes that wait to be asked of one peer, about 20 MB; what else it announces is left to sync
    announcers_max: int = 16  #: per hash; more would only cost memory
    announce_items: int = 1024  #: hashes in one frame, about 36 KiB
    sync_page_items: int = 512
    sync_peers: int = 3  #: logs read at the same time: two honest ones outvote a lazy third
    sync_interval_s: float = 30.0  #: linked peers' logs are read again in turn: repairs what queues had to drop
    probe_interval_s: float = 2.0
    probe_misses: int = 3
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
