"""Links made of two mailboxes at a relay, one for each direction. Whatever waits, waits at the relay."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import gevent

from sorcha_mailbox.client import Relay
from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerUnreachable, StartError
from sorcha_peer_core.interfaces.transport import Link, LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.polled_pipe import check_batch

NAME = "mailbox"
_ACCEPTED = b"accepted"
_BY_PEER = "the peer closed the link"


class MailboxLink:
    """One side of a link; ``reading`` is the greenlet that serves the core."""

    transport = NAME
    channel_binding = remote_certificate = b""

    def __init__(self, relay: Relay, events: LinkEvents, remote: Endpoint, word: str, *, outbound: bool) -> None:
        self.remote, self.outbound = remote, outbound
        self._relay, self._events = relay, events
        boxes = f"{word}-there", f"{word}-back"
        self.outgoing, self.incoming = boxes if outbound else boxes[::-1]
        self._reason = ""
        self.reading = gevent.Greenlet(self._read)

    def send(self, batch: bytes) -> None:
        """See Link."""
        check_batch(batch)
        try:
            if not self._reason and self._relay.put(self.outgoing, batch):
                return
        except PeerUnreachable as error:
            self.close(str(error))
        raise LinkClosed(self._reason or _BY_PEER)

    def close(self, reason: str) -> None:
        """See Link; what waits at the relay in both directions is woken."""
        if not self._reason:
            self._reason = reason or "closed"
            gevent.spawn(self._relay.close, self.outgoing, self.incoming)

    def _read(self) -> None:
        try:
            if not self.outbound:
                self._events.opened(self)
                self._relay.put(self.outgoing, _ACCEPTED)
            while (batch := self._relay.take(self.incoming)) is not None and not self._reason:
                if batch:
                    self._events.received(self, batch)
            self.close(_BY_PEER)
        except PeerUnreachable as error:
            self.close(str(error))
        finally:
            self.close("what it delivered could not be handled")
            self._events.closed(self, self._reason)


class MailboxTransport:
    """A node has a numbered mailbox. A letter to it is a dial: a random word, after which the link's mailboxes are named."""

    name = NAME
    schemes = (NAME,)

    def __init__(self, relay: Relay, number: int, key: str) -> None:
        """``number`` 0 chooses one; ``key`` shows the relay whose mailbox it is, empty makes one up."""
        self._relay = relay
        self._number = str(number or 1 + secrets.randbelow(65535))
        self._key = key or secrets.token_hex()
        self._listening: gevent.Greenlet[..., None] | None = None
        self._links: set[MailboxLink] = set()

    def listen(self, events: LinkEvents) -> Sequence[Endpoint]:
        """See Transport."""
        try:
            if not self._relay.claim(self._number, key=self._key):
                raise StartError(f"the mailbox {self._number} at {self._relay.host} belongs to another node")
        except PeerUnreachable as error:
            raise StartError(f"cannot have the mailbox {self._number}: {error}") from None
        self._listening = gevent.spawn(self._answer_letters, events)
        return [Endpoint(NAME, self._relay.host, int(self._number))]

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> Link:
        """See Transport."""
        word = secrets.token_hex(32)
        link = MailboxLink(self._relay, events, endpoint, word, outbound=True)
        try:
            with gevent.Timeout(timeout_s, LinkTimeout(f"{endpoint} did not answer within {timeout_s:g} s")):
                self._relay.claim(link.outgoing, link.incoming)
                if not self._relay.put(str(endpoint.port), word.encode()):
                    raise PeerUnreachable(f"nobody has the mailbox {endpoint.port} at {self._relay.host}")
                while (answer := self._relay.take(link.incoming)) != _ACCEPTED:
                    if answer is None:
                        raise PeerUnreachable(f"{endpoint} takes no links now")
        except BaseException:
            link.close("the dial failed")
            raise
        self._start(link)
        return link

    def stop(self, grace_s: float) -> None:
        """See Transport."""
        links = list(self._links)
        for link in links:
            link.close("this node stops")
        if self._listening:
            self._listening.kill()
            self._relay.close(self._number, key=self._key)
        gevent.joinall([link.reading for link in links], timeout=grace_s)

    def _start(self, link: MailboxLink) -> None:
        self._links.add(link)
        link.reading.rawlink(lambda _: self._links.discard(link))
        link.reading.start()

    def _answer_letters(self, events: LinkEvents) -> None:
        while True:
            letter = self._relay.letter(self._number, self._key)
            # Anybody can write one, with anything in it.
            if len(letter) == 64 and letter.isalnum():
                caller = Endpoint(NAME, self._relay.host, 0)
                self._start(MailboxLink(self._relay, events, caller, letter.decode(), outbound=False))
