"""What the configuration says to the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.config import CoreConfig

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config


def core_config(config: Config) -> CoreConfig:
    """The knobs of the Core; those that no setting names keep their values."""
    distribution = config.transaction_distribution
    return CoreConfig(
        eager_max_bytes=distribution.eager_max_bytes,
        swarm_min_bytes=distribution.swarm_min_bytes,
        max_transaction_bytes=distribution.max_transaction_bytes,
        min_receipts=distribution.min_receipts,
        retry_delay_s=config.communication.retry_delay_s,
        max_attempts=config.offline_mode.max_retries,
        probe_interval_s=config.communication.link_probe_interval_s,
    )
