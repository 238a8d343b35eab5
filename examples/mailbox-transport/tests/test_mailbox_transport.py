"""The pipe through mailboxes behaves as a transport must."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread

import gevent
from sorcha_mailbox.client import Relay
from sorcha_mailbox.plugin import peer_transports
from sorcha_mailbox.relay import RelayServer

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents, TransportSuite

RELAY = RelayServer("127.0.0.1", 0)
SETTINGS = {"relay": f"http://127.0.0.1:{RELAY.port}"}
Thread(target=RELAY.serve_forever, daemon=True).start()


class TestMailboxTransport(TransportSuite):
    plugin = "sorcha_mailbox.plugin"
    settings = SETTINGS

    def make_transport(self, port=0):
        return peer_transports()[0].build(self.context(port))

    @contextmanager
    def silent(self):
        # A mailbox that somebody has and nobody empties.
        assert Relay(SETTINGS["relay"]).claim("7", key="nobody's")
        yield Endpoint("mailbox", "127.0.0.1", 7)

    def test_a_letter_that_names_no_link_is_passed_over(self):
        listener, dialler, events = self._make(), self._make(), RecordedEvents()
        [endpoint] = listener.listen(events)
        for letter in (b"../7", b"x" * 100_000, b"\xff" * 64):
            Relay(SETTINGS["relay"]).put(str(endpoint.port), letter)

        dialler.dial(endpoint, RecordedEvents(), PATIENCE_S)

        events.wait_for(lambda: bool(events.opens))
        assert (len(events.opens), events.ends) == (1, [])

    def test_a_node_can_be_dialled_after_the_relay_has_forgotten_its_mailbox(self):
        listener, dialler, events = self._make(), self._make(), RecordedEvents()
        [endpoint] = listener.listen(events)

        forgotten = RELAY.mailboxes.find(str(endpoint.port))
        forgotten.close()
        with gevent.Timeout(PATIENCE_S):
            while RELAY.mailboxes.find(str(endpoint.port)) in (None, forgotten):
                gevent.sleep(0.01)

        dialler.dial(endpoint, RecordedEvents(), PATIENCE_S).send(b"hello")
        assert events.wait_for_batches(1) == [b"hello"]
