"""Everything that can go wrong, sorted by who can act on it.

A message is subject, what, numbers; attributes carry the data. Nothing here is ever returned in place of a value.
"""

from __future__ import annotations


class PeerError(Exception):
    """Root of all errors of this project."""


class ConfigError(PeerError):
    """The operator has to change a setting; the message names key, value and what is allowed. Exit status 2."""


class StartError(PeerError):
    """The node cannot start here: a port, a directory or a file stands in the way. Exit status 1."""


class PluginError(PeerError):
    """A plugin is missing, broken or doubled; the message names it and its distribution."""


class TransportError(PeerError):
    """A peer could not be asked. The links may retry, take the next rung or open the breaker."""


class PeerUnreachable(TransportError):
    """Nothing was delivered: safe to try elsewhere at once."""


class LinkTimeout(TransportError):
    """No answer in time. The peer may or may not have acted."""


class NotOffered(TransportError):
    """The peer does not speak this transport; it stays so for a long time (UNIMPLEMENTED)."""


class LinkClosed(TransportError):
    """The link ended while it was used. What was handed to it may or may not have arrived."""


class ProtocolError(PeerError):
    """Someone broke the rules. Never raised itself; see the two below."""


class LocalProtocolError(ProtocolError):
    """We did: a bug here. State is unchanged."""


class RemoteProtocolError(ProtocolError):
    """They did. The link it came by is closed with this reason."""


class SubmissionRefused(PeerError):
    """A payload was not accepted; nothing was stored. ``code`` is stable, for programs."""

    code = "refused"


class PayloadEmpty(SubmissionRefused):
    """There is nothing to distribute."""

    code = "empty"


class PayloadTooLarge(SubmissionRefused):
    """The payload is above ``transaction_distribution.max_transaction_bytes``."""

    code = "too_large"


class MetadataInvalid(SubmissionRefused):
    """Content type or register id is too long or holds control characters."""

    code = "invalid_metadata"


class QueueFull(SubmissionRefused):
    """The outbox is at ``offline_mode.max_queue_size`` or ``max_queue_bytes``: try again later. Nothing queued was dropped."""

    code = "queue_full"


class NotTraced(PeerError):
    """There is no trace of a transaction; the message says whether it is not here, or only its trace is not."""

    code = "not_traced"


class NoSuchPeer(PeerError):
    """No peer of this id is known, or banned, whichever was asked for."""

    code = "no_such_peer"


class ActionRefused(PeerError):
    """What an operator asked of a node cannot be done as things are; nothing was changed. ``code`` is stable, for programs."""

    code = "refused"


class AddressInvalid(ActionRefused):
    """It is no address of a peer; the message says how one is written."""

    code = "invalid_address"


class BanInvalid(ActionRefused):
    """The reason or the duration of a ban is none; the message says what is."""

    code = "invalid_ban"


class LogGap(PeerError):
    """A reader of an arrival log has missed something that is no longer there. Reading on goes on behind it."""


class StoreError(PeerError):
    """The store could not do what was asked; nothing of the request was committed."""


class StoreBroken(StoreError):
    """The database is damaged or was made by a newer version; the message says which and what to do."""


class StoreDamaged(StoreBroken):
    """What is kept was damaged, deleted or replaced. A ``MendingStore`` puts it aside and goes on with what can be read."""


class RowRefused(StoreError):
    """The database does not take, or give, this very row: trying again does not help, and everything else goes on."""


class NodeUnreachable(PeerError):
    """The management API of a running node did not answer: wrong address, or no node runs there."""
