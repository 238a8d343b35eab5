"""The stream pipe behaves as a transport must, and as a gRPC service should."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest
from gevent.event import Event

from sorcha_peer_core.errors import NotOffered, PeerUnreachable
from sorcha_peer_core.interfaces.transport import TransportContext
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, Pair, RecordedEvents, TransportSuite, transport_context
from sorcha_peer_core.wire.peer_communication_pb2 import HEARTBEAT, SESSION_BATCH, PeerMessage
from sorcha_transport_grpc.endpoint import endpoint_of, method_of
from sorcha_transport_grpcstream.plugin import peer_transports
from sorcha_transport_grpcstream.transport import STREAM, StreamTransport


def build(context: TransportContext) -> StreamTransport:
    return peer_transports()[0].build(context)


@pytest.fixture
def calls():
    """Opens bare streams to a listener, as a foreign client would."""
    channels = []

    def open_stream(endpoint, messages):
        channels.append(grpc.insecure_channel(endpoint.authority))
        return method_of(channels[-1], STREAM)(iter(messages), timeout=PATIENCE_S)

    yield open_stream
    for channel in channels:
        channel.close()


class TestStreamTransport(TransportSuite):
    plugin = "sorcha_transport_grpcstream.plugin"

    def make_transport(self, port: int = 0) -> StreamTransport:
        return build(transport_context(port))

    def test_what_was_sent_before_close_still_arrives(self, pair: Pair):
        pair.dialled.send(b"one")
        pair.dialled.send(b"goodbye")
        pair.dialled.close("done")

        assert pair.at_listener.wait_for_batches(2) == [b"one", b"goodbye"]

    @pytest.mark.parametrize(
        "message",
        [PeerMessage(message_type=HEARTBEAT, payload=b"x"), PeerMessage(message_type=SESSION_BATCH)],
        ids=["foreign type", "no payload"],
    )
    def test_a_message_that_is_no_batch_ends_the_stream_with_a_clean_status(self, pair: Pair, calls, message):
        call = calls(pair.endpoint, [message])

        assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "SESSION_BATCH" in call.details()

    def test_a_listener_without_this_method_does_not_offer_the_transport(self):
        endpoint = endpoint_of(transport_context())
        listening = endpoint.listen(self)

        with pytest.raises(NotOffered):
            self._make().dial(listening, RecordedEvents(), PATIENCE_S)
        endpoint.release(self, 1.0)

    def test_a_node_that_is_about_to_listen_is_unreachable_not_unable(self):
        context = transport_context()
        self._made.append(build(context))
        listening = endpoint_of(context).listen(self)

        with pytest.raises(PeerUnreachable):
            self._make().dial(listening, RecordedEvents(), PATIENCE_S)
        endpoint_of(context).release(self, 1.0)

    def test_one_link_more_than_allowed_is_turned_away(self, pair: Pair):
        for _ in range(transport_context().max_connections - 1):
            pair.dial()

        with pytest.raises(PeerUnreachable, match="as many links"):
            pair.dial()

    def test_the_place_of_an_ended_link_is_free_again(self, pair: Pair):
        for number in range(transport_context().max_connections + 2):
            pair.dial()[0].close("short visit")
            pair.at_listener.wait_for(lambda ends=number + 1: len(pair.at_listener.ends) == ends)

    def test_a_core_that_fails_on_a_batch_loses_the_link_and_hears_of_its_end(self, pair: Pair, monkeypatch):
        def fail(link, batch):
            raise RuntimeError("not today")

        monkeypatch.setattr(pair.at_listener, "received", fail)
        pair.dialled.send(b"x")

        pair.at_listener.wait_for(lambda: bool(pair.at_listener.ends))
        assert pair.at_listener.ends == [(pair.accepted, "internal error")]

    def test_a_vanished_client_ends_the_link(self, pair: Pair, calls):
        silence = Event()
        call = calls(pair.endpoint, iter(silence.wait, True))
        call.initial_metadata()

        call.cancel()

        pair.at_listener.wait_for(lambda: bool(pair.at_listener.ends))
        silence.set()


def test_a_node_that_only_dials_opens_no_port():
    transport = build(replace(transport_context(), listen=None))

    assert transport.listen(RecordedEvents()) == []
    transport.stop(1.0)
