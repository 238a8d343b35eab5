"""What every transport must do, as tests: subclass :class:`TransportSuite` and pytest runs them against yours.

    class TestCarrierPigeon(TransportSuite):
        plugin = "pigeon.plugin"

        def make_transport(self, port: int = 0) -> Transport:
            return PigeonTransport(self.context(port))

    class TestCarrierPigeonUnderSeal(TestCarrierPigeon):
        credentials = "pigeon_tests.seals:make_credentials"   # MODULE:FUNCTION; called once

Run them in a patched process: ``pytest -p sorcha_peer_core.testing.patched``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerUnreachable, StartError
from sorcha_peer_core.interfaces.peer_api import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES, Link, Transport, TransportContext
from sorcha_peer_core.model.peer import Endpoint

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.credentials import Credentials

PATIENCE_S = 10.0
"""How long something may take that should come at once."""
STALL_S = 0.5
"""How long something is watched that should not come."""
MAX_BUFFERED_BYTES = 8 * MAX_BATCH_BYTES
"""The most that may be under way to a receiver that does not read."""


class EmptyPeerApi:
    """A PeerApi of a node that knows nobody and has nothing."""

    def own(self) -> RegisteredPeer:
        return RegisteredPeer("00" * 20, "127.0.0.1", 5001, ("GrpcStream", "Grpc"), 0, True, True, MAX_BATCH_BYTES)

    def peer_list(self, requesting_peer_id: str, most: int) -> tuple[Sequence[RegisteredPeer], int]:
        return [], 0

    def register(self, peer: RegisteredPeer, caller: str = "") -> tuple[bool, str]:
        return False, "this node lists nobody"

    def ping(self, peer_id: str) -> None:
        return None

    def notify(self, tx_hash: str, sender_peer_id: str, size: int, *, register_id: str = "", caller: str = "") -> NotifyAnswer:
        return NotifyAnswer(already_known=False, will_request=False)

    def payload(self, tx_hash: str) -> bytes | None:
        return None

    def listening(self) -> Iterator[Endpoint]:
        return iter(())

    def when_stopping(self, told: Callable[[], object]) -> None:
        return None


def transport_context(
    port: int = 0,
    host: str = "127.0.0.1",
    settings: Mapping[str, Any] | None = None,
    credentials: Credentials | None = None,
) -> TransportContext:
    """What a node would give a transport factory; its peer API is empty."""
    return TransportContext(
        listen=(host, port),
        settings=settings or {},
        peer_api=EmptyPeerApi(),
        data_dir=Path(tempfile.gettempdir()),
        max_transaction_bytes=10 * 1024 * 1024,
        streaming_threshold_bytes=1024 * 1024,
        max_connections=16,
        credentials=credentials,
    )


@cache
def credentials_named(name: str) -> Credentials | None:
    """What the function MODULE:FUNCTION returns; None for no name."""
    if not name:
        return None
    module, _, function = name.partition(":")
    made: Credentials = getattr(import_module(module), function)()
    return made


class RecordedEvents:
    """LinkEvents that remember, and that can hold up a link: ``received`` waits while ``gate`` is not set."""

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.opens: list[Link] = []
        self.arrivals: list[tuple[Link, bytes]] = []
        self.ends: list[tuple[Link, str]] = []
        self.disorder: list[str] = []
        """What happened before ``opened`` or after ``closed``."""
        self._changed = Event()

    def opened(self, link: Link) -> None:
        self.opens.append(link)
        self._changed.set()

    def received(self, link: Link, batch: bytes) -> None:
        self.gate.wait()
        if not link.outbound and link not in self.opens:
            self.disorder.append("a batch before opened")
        if link in (ended for ended, _ in self.ends):
            self.disorder.append("a batch after closed")
        self.arrivals.append((link, batch))
        self._changed.set()

    def closed(self, link: Link, reason: str) -> None:
        self.ends.append((link, reason))
        self._changed.set()

    def batches(self, link: Link | None = None) -> list[bytes]:
        """What arrived, over one link or over all."""
        return [batch for by, batch in self.arrivals if link is None or by is link]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Block until it holds; fails the test when that takes too long."""
        end_s = monotonic() + PATIENCE_S
        while not condition():
            self._changed.clear()
            assert self._changed.wait(end_s - monotonic()), f"waited {PATIENCE_S:g} s in vain"

    def wait_for_batches(self, count: int) -> list[bytes]:
        """Block until so many have arrived."""
        self.wait_for(lambda: len(self.arrivals) >= count)
        return self.batches()


class Pair:
    """A listener, a dialler, and the link between them as each side sees it."""

    def __init__(self, listener: Transport, dialler: Transport) -> None:
        self.listener, self.dialler = listener, dialler
        self.at_listener, self.at_dialler = RecordedEvents(), RecordedEvents()
        self.endpoint = listener.listen(self.at_listener)[0]
        self.dialled, self.accepted = self.dial()

    def dial(self) -> tuple[Link, Link]:
        """One more link: the dialler's side and the listener's."""
        before = len(self.at_listener.opens)
        dialled = self.dialler.dial(self.endpoint, self.at_dialler, PATIENCE_S)
        self.at_listener.wait_for(lambda: len(self.at_listener.opens) > before)
        return dialled, self.at_listener.opens[-1]

    def sides(self, sender: str) -> tuple[Link, Link, RecordedEvents, RecordedEvents]:
        """Sending link, receiving link, the sender's events, the receiver's events."""
        if sender == "dialler":
            return self.dialled, self.accepted, self.at_dialler, self.at_listener
        return self.accepted, self.dialled, self.at_listener, self.at_dialler


class TransportSuite:
    """The behaviour; ``make_transport`` is all that a subclass must give."""

    plugin = ""
    """Module with the ``peer_transports`` hook, for the test with a process of its own; empty leaves that out."""
    credentials = ""
    """MODULE:FUNCTION that makes the Credentials of both sides; empty: links are not encrypted."""
    settings: Mapping[str, Any] = {}
    """The section ``[plugins.NAME]`` that the transport is made with."""

    def make_transport(self, port: int = 0) -> Transport:
        """A transport that does not listen yet, on an address that is the same for the same port."""
        raise NotImplementedError

    def context(self, port: int = 0) -> TransportContext:
        """What a node would give to the factory of the transport."""
        return transport_context(port, settings=self.settings, credentials=credentials_named(self.credentials))

    def nobody(self) -> Endpoint:
        """An address where nobody listens."""
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            return Endpoint("grpc", "127.0.0.1", free.getsockname()[1])

    def silent(self) -> AbstractContextManager[Endpoint]:
        """An address that takes dials and never answers."""
        return _silent_listener()

    @pytest.fixture(autouse=True)
    def _stopped_at_the_end(self) -> Iterator[None]:
        self._made: list[Transport] = []
        yield
        for transport in self._made:
            transport.stop(1.0)

    @pytest.fixture
    def pair(self) -> Pair:
        return Pair(self._make(), self._make())

    def _make(self, port: int = 0) -> Transport:
        transport = self.make_transport(port)
        self._made.append(transport)
        return transport

    def test_batches_cross_in_both_directions(self, pair: Pair) -> None:
        pair.dialled.send(b"there")
        pair.accepted.send(b"and back")

        assert pair.at_listener.wait_for_batches(1) == [b"there"]
        assert pair.at_dialler.wait_for_batches(1) == [b"and back"]
        assert pair.at_listener.disorder == []

    def test_a_link_says_what_it_is(self, pair: Pair) -> None:
        assert (pair.dialled.transport, pair.accepted.transport) == (pair.dialler.name, pair.dialler.name)
        assert (pair.dialled.outbound, pair.accepted.outbound) == (True, False)
        assert pair.dialled.remote == pair.endpoint
        assert pair.endpoint.scheme in pair.dialler.schemes
        assert pair.dialled.channel_binding == pair.accepted.channel_binding

    def test_a_link_is_bound_to_the_certificate_that_its_listener_presented(self, pair: Pair) -> None:
        credentials = credentials_named(self.credentials)
        presented = pair.dialled.remote_certificate

        assert bool(presented) == (credentials is not None)
        assert pair.dialled.channel_binding == (sha256(presented).digest() if presented else b"")
        assert bool(pair.accepted.remote_certificate) == (credentials is not None and credentials.mode == "ca")

    def test_only_the_side_that_was_dialled_is_told_of_the_opening(self, pair: Pair) -> None:
        assert pair.at_listener.opens == [pair.accepted]
        assert pair.at_dialler.opens == []

    def test_a_thousand_batches_each_way_at_once_keep_their_order(self, pair: Pair) -> None:
        batches = [b"%d" % number for number in range(1000)]

        there = gevent.spawn(_send_all, pair.dialled, batches)
        back = gevent.spawn(_send_all, pair.accepted, batches)

        assert pair.at_listener.wait_for_batches(1000) == batches
        assert pair.at_dialler.wait_for_batches(1000) == batches
        gevent.joinall([there, back], timeout=PATIENCE_S, raise_error=True)

    @pytest.mark.parametrize("sender", ["dialler", "listener"])
    def test_the_largest_batch_arrives_intact(self, pair: Pair, sender: str) -> None:
        sending, _, _, receiver = pair.sides(sender)
        largest = bytes(range(256)) * (MAX_BATCH_BYTES // 256)

        sending.send(largest)

        assert receiver.wait_for_batches(1) == [largest]

    @pytest.mark.parametrize("size", [0, MAX_BATCH_BYTES + 1])
    @pytest.mark.parametrize("sender", ["dialler", "listener"])
    def test_a_batch_that_no_link_can_carry_is_refused_and_harms_nothing(self, pair: Pair, sender: str, size: int) -> None:
        sending, _, _, receiver = pair.sides(sender)

        with pytest.raises(ValueError):
            sending.send(bytes(size))

        sending.send(b"next")
        assert receiver.wait_for_batches(1) == [b"next"]

    @pytest.mark.parametrize("sender", ["dialler", "listener"])
    def test_a_receiver_that_blocks_holds_the_sender_up_and_loses_nothing(self, pair: Pair, sender: str) -> None:
        sending, _, _, receiver = pair.sides(sender)
        batches = [bytes([number]) * MAX_BATCH_BYTES for number in range(2 * MAX_BUFFERED_BYTES // MAX_BATCH_BYTES)]
        handed_over: list[int] = []
        receiver.gate.clear()

        flood = gevent.spawn(_send_all, sending, batches, handed_over.append)
        flood.join(STALL_S)

        assert sum(handed_over) <= MAX_BUFFERED_BYTES
        receiver.gate.set()
        assert receiver.wait_for_batches(len(batches)) == batches
        flood.join(PATIENCE_S)
        assert sum(handed_over) == len(batches) * MAX_BATCH_BYTES

    @pytest.mark.parametrize("closer", ["dialler", "listener"])
    def test_closing_one_side_ends_both_once(self, pair: Pair, closer: str) -> None:
        closing_link, other_link, own_events, other_events = pair.sides(closer)

        closing_link.close("enough")
        closing_link.close("twice")
        own_events.wait_for(lambda: bool(own_events.ends))
        other_events.wait_for(lambda: bool(other_events.ends))
        other_link.close("already over")
        pair.dialler.stop(1.0)
        pair.listener.stop(1.0)

        assert own_events.ends == [(closing_link, "enough")]
        assert [link for link, _ in other_events.ends] == [other_link]

    @pytest.mark.parametrize("closer", ["sender", "receiver"])
    @pytest.mark.parametrize("sender", ["dialler", "listener"])
    def test_a_closed_link_wakes_a_blocked_sender(self, pair: Pair, sender: str, closer: str) -> None:
        sending, receiving, _, receiver = pair.sides(sender)
        receiver.gate.clear()
        flood = gevent.spawn(_send_until_closed, sending)
        flood.join(STALL_S)
        assert not flood.ready()

        (sending if closer == "sender" else receiving).close("enough")

        flood.join(PATIENCE_S)
        receiver.gate.set()
        assert isinstance(flood.value, LinkClosed)

    @pytest.mark.parametrize("sender", ["dialler", "listener"])
    def test_sending_into_a_closed_link_raises(self, pair: Pair, sender: str) -> None:
        sending, receiving, _, other_events = pair.sides(sender)
        sending.close("enough")
        other_events.wait_for(lambda: bool(other_events.ends))

        for link in (sending, receiving):
            with pytest.raises(LinkClosed):
                link.send(b"too late")

    def test_dialling_nobody_is_unreachable(self) -> None:
        with pytest.raises(PeerUnreachable):
            self._make().dial(self.nobody(), RecordedEvents(), PATIENCE_S)

    def test_a_dial_without_an_answer_ends_in_time(self) -> None:
        events = RecordedEvents()
        with self.silent() as endpoint:
            started_s = monotonic()
            with pytest.raises(LinkTimeout):
                self._make().dial(endpoint, events, 0.3)

            assert monotonic() - started_s < 2.0
        assert events.ends == []

    def test_two_links_between_the_same_nodes_do_not_mix(self, pair: Pair) -> None:
        dialled, accepted = pair.dial()

        for number in range(20):
            pair.dialled.send(b"first %d" % number)
            dialled.send(b"second %d" % number)
        pair.at_listener.wait_for_batches(40)
        pair.dialled.close("one of two")
        pair.at_listener.wait_for(lambda: bool(pair.at_listener.ends))
        dialled.send(b"still here")
        pair.at_listener.wait_for_batches(41)

        assert pair.at_listener.batches(pair.accepted) == [b"first %d" % number for number in range(20)]
        assert pair.at_listener.batches(accepted) == [*(b"second %d" % number for number in range(20)), b"still here"]

    def test_stop_ends_every_link_and_frees_the_address(self, pair: Pair) -> None:
        pair.dial()

        pair.listener.stop(2.0)
        pair.listener.stop(2.0)

        assert len(pair.at_listener.ends) == 2
        pair.at_dialler.wait_for(lambda: len(pair.at_dialler.ends) == 2)
        assert self._make(pair.endpoint.port).listen(RecordedEvents())[0] == pair.endpoint

    def test_stop_does_not_wait_for_a_receiver_that_blocks(self, pair: Pair) -> None:
        pair.at_listener.gate.clear()
        flood = gevent.spawn(_send_until_closed, pair.dialled)
        flood.join(STALL_S)

        started_s = monotonic()
        pair.listener.stop(1.0)

        assert monotonic() - started_s < 2.0
        flood.join(PATIENCE_S)
        pair.at_listener.gate.set()
        assert isinstance(flood.value, LinkClosed)

    def test_an_address_in_use_cannot_be_listened_on(self, pair: Pair) -> None:
        with pytest.raises(StartError, match=str(pair.endpoint.port)):
            self._make(pair.endpoint.port).listen(RecordedEvents())

    def test_a_node_that_only_dials_is_reached_through_its_link(self, pair: Pair) -> None:
        pair.accepted.send(b"for you behind your router")

        assert pair.at_dialler.wait_for_batches(1) == [b"for you behind your router"]

    def test_a_restarted_listener_can_be_dialled_again(self, pair: Pair) -> None:
        pair.listener.stop(2.0)
        pair.at_dialler.wait_for(lambda: bool(pair.at_dialler.ends))
        events = RecordedEvents()
        self._make(pair.endpoint.port).listen(events)

        pair.dialler.dial(pair.endpoint, pair.at_dialler, PATIENCE_S).send(b"again")

        assert events.wait_for_batches(1) == [b"again"]

    def test_a_process_with_busy_links_ends_quickly_on_sigterm(self) -> None:
        if not self.plugin:
            pytest.skip("no plugin module is named")
        module, settings = "sorcha_peer_core.testing.transport_process", json.dumps(self.settings)
        command = [sys.executable, "-m", module, self.plugin, settings, self.credentials]
        # The function that makes credentials may lie where only the test run looks.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"ready\n"
            started_s = monotonic()
            process.send_signal(signal.SIGTERM)
            errors = process.stderr.read()

            assert process.wait(PATIENCE_S) == 0
            assert monotonic() - started_s < 3.0
            assert errors == b""


def _send_all(link: Link, batches: Sequence[bytes], handed_over: Callable[[int], object] = bool) -> None:
    for batch in batches:
        link.send(batch)
        handed_over(len(batch))


def _send_until_closed(link: Link) -> LinkClosed:
    try:
        while True:
            link.send(bytes(MAX_BATCH_BYTES))
    except LinkClosed as error:
        return error


@contextmanager
def _silent_listener() -> Iterator[Endpoint]:
    # The system completes the connection; nobody ever reads from it.
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield Endpoint("grpc", "127.0.0.1", listener.getsockname()[1])
