"""The dialling side of the unary pipe, with answers in an order of the test's choice."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import AsyncResult

from sorcha_peer_core.errors import LinkClosed
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import RecordedEvents
from sorcha_peer_core.wire.peer_communication_pb2 import MessageAck, PeerMessage
from sorcha_transport_grpc.encryption import Security
from sorcha_transport_grpc.unary_dialled import DialledLink

REMOTE = Endpoint("grpc", "127.0.0.1", 1)


class Call:
    """A call under way; the test answers it."""

    def __init__(self) -> None:
        self._answer: AsyncResult[MessageAck] = AsyncResult()

    def result(self) -> MessageAck:
        return self._answer.get(timeout=5)

    def cancel(self) -> None:
        self._answer.set_exception(LinkClosed("cancelled"))

    def answer(self, **fields: object) -> None:
        self._answer.set(MessageAck(received=True, **fields))


class Channel:
    """Keeps the calls that are made over it: polls carry no payload."""

    def __init__(self) -> None:
        self.polls: list[Call] = []
        self.handed_over: list[Call] = []

    def unary_unary(self, path: str, **serializers: object) -> Channel:
        return self

    def future(self, message: PeerMessage, timeout: float) -> Call:
        calls = self.handed_over if message.payload else self.polls
        calls.append(Call())
        return calls[-1]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("poll_is_answered_first", [True, False])
def test_last_words_arrive_whichever_of_two_answers_comes_first(poll_is_answered_first):
    channel, events = Channel(), RecordedEvents()
    link = DialledLink(REMOTE, events, channel, Security(), token=b"t", poll_wait_s=25.0)
    link.run()
    sending = gevent.spawn(link.send, b"a batch")
    gevent.idle()
    [poll], [data] = channel.polls, channel.handed_over

    answers = [lambda: poll.answer(closed=True), lambda: data.answer(batch=b"goodbye", batch_number=1, closed=True)]
    for answer in answers if poll_is_answered_first else reversed(answers):
        answer()
        gevent.idle()

    with pytest.raises(LinkClosed):
        sending.get(timeout=5)
    assert link.ended.wait(5)
    assert events.batches() == [b"goodbye"]
