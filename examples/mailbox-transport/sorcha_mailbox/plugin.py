"""What this distribution offers; requests is imported only when a node builds the transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport, TransportContext


@hookimpl
def peer_transports() -> Sequence[Offer[Transport]]:
    """The pipe through mailboxes."""
    return [Offer("mailbox", _build, "mailboxes of an HTTP relay, where nodes can only make outbound requests")]


def _build(context: TransportContext) -> Transport:
    from sorcha_mailbox.client import Relay
    from sorcha_mailbox.transport import MailboxTransport

    settings = {"number": context.listen[1] if context.listen else 0, "key": "", **context.settings}
    if not str(settings.get("relay", "")).startswith(("http://", "https://")):
        raise ConfigError(f"plugins.mailbox.relay is {settings.get('relay')!r}: the URL of a relay, like https://relay.example")
    return MailboxTransport(Relay(settings["relay"]), int(settings["number"]), settings["key"])
