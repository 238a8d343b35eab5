"""What each metric means, in one line: the help texts of those that have nothing but a name and a number."""

from __future__ import annotations

from collections.abc import Mapping

GAUGES: Mapping[str, str] = {
    "ready": "1 while the node is ready for requests, as /readyz says.",
    "certificate_expiry_timestamp_seconds": "When the certificate that links show runs out; without one there is none.",
    "dedup_bloom_fill_ratio": "How full the filter of old hashes is; near 1 the index is asked about every hash.",
    "network_partition_detected": "1 while the network may have fallen apart.",
    "fetching": "Transactions that were announced and asked for, and have not come.",
    "log_bytes": "Payloads in the arrival log.",
    "pruning_longest_step_seconds": "The longest time for which the store waited for retention.",
    "clock_skew_seconds": "How far the clock is ahead of those of the linked peers; negative: behind.",
    "store_failing": "1 while the store cannot be written.",
    "local_slowness": "How much more time silent links get because this node is late, 0 to 8.",
    "local_stretch": "How much longer things take because the processor is busy, 1 to 10.",
    "storage_queue": "Operations that wait for the store.",
    "send_backlog_bytes": "What waits in the fullest send queue.",
}

COUNTERS: Mapping[str, str] = {
    "gossip_rounds": "Times that gathered announcements went out.",
    "banned_refused": "Times a banned peer, or a dial to one, was turned away.",
    "dead_letters": "Submissions that were given up.",
    "receipts": "Receipts of peers for own submissions.",
    "sync_recovered": "Transactions that pushes and announcements had missed, and sync brought.",
    "pruned_bytes": "Payloads that retention took away.",
    "store_operations_put_aside": "Transactions that the store does not take, however often it is tried.",
    "digests_refused": "Comparisons of peers that were not what they should be.",
    "transactions_rejected": "Transactions that did not verify.",
    "left_to_sync": "Hashes and payloads that came while the store was asked about too many others.",
    "chunks_refused": "Chunks that were not what the origin signed.",
    "compression_sent_plain_bytes": "Batches that were sent compressed, before.",
    "compression_sent_bytes": "The same as they were sent.",
    "compression_received_plain_bytes": "Batches that came compressed, expanded.",
    "compression_received_bytes": "The same as they came.",
    "compression_unpaid": "Batches that were compressed in vain.",
    "compression_refused": "Compressed batches that were not what they said; each ended its link.",
    "discovery_looks": "Looks at peers that are not linked.",
    "discovery_links_shed": "Links ended because there were more than wanted, or for better ones.",
    "discovery_refused": "Records and questions of peers that were not taken.",
    "discovery_displaced": "Peers forgotten to make room for others.",
    "discovery_pauses": "Times the node noticed that it had stood still.",
    "reachability_checks": "Times peers were asked to dial this node back.",
    "dial_backs_reached": "Endpoints dialled back for others, with success.",
    "dial_backs_unreached": "The same without.",
    "dial_backs_refused": "Requests to dial back that were not granted.",
}
