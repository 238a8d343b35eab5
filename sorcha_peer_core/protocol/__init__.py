"""Gossip without I/O: what a node decides, and nothing of how it is done.

The theory in one page. A transaction is named by the hash of its payload and carries its origin's signature. For each
hash a node goes through: unknown, ANNOUNCED (a peer says it has it), FETCHING (a peer was asked), VERIFYING (the bytes
are here), then VALID for good. A lie ends back at unknown, or at the next announcer: only what is verified may suppress
anything.

Three ways lead to a transaction. It is *pushed* by the origin or a relay. Or it is *announced* and *wanted*: after a
short wait for the push that is probably under way, the announcers are asked in turn; what is large is asked of all of
them at once, chunk by chunk. Or *sync* finds it: every node keeps a log of arrivals, and whoever links reads the peer's
log from where it stopped; linked peers compare now and then what was created when. The first is fast, the second repairs,
the third is certain.

Time, randomness and the world come in as arguments (``now`` in monotonic seconds, ``rng``, ``Host``); out go calls on
Host, which return at once. One greenlet, or one simulator, owns a Core; nothing in here locks, sleeps or logs. Timers
are never cancelled: one that comes too late finds its state gone and does nothing (foca's rule).
"""
