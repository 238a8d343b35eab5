"""What all links together say about a node: how late it is, and whether its peers are close by."""

from __future__ import annotations

from random import Random

from sorcha_peer_core.model.messages import Ping, Pong, ProbeDue
from sorcha_peer_core.protocol.awareness import LATE_S
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.probing import Probing
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT = range(1, 4)


def test_where_most_peers_answer_within_some_milliseconds_messages_are_to_be_saved(host: RecordingHost):
    probing = Probing(CoreConfig(), host, Random(1))

    _link(probing, host, ANN, rtt_s=0.002)
    _link(probing, host, BOB, rtt_s=0.2)
    half_are_near = probing.sparing
    _link(probing, host, CAT, rtt_s=0.002)

    assert (half_are_near, probing.sparing) == (False, True)


def test_who_once_answered_quickly_stays_close_by_however_slow_it_is_later(host: RecordingHost):
    probing = Probing(CoreConfig(), host, Random(1))
    _link(probing, host, ANN, rtt_s=0.002)

    _round(probing, host, ANN, due_at=2.0, now=2.0, rtt_s=1.5)

    assert probing.sparing


def test_a_peer_that_is_gone_is_not_close_by(host: RecordingHost):
    probing = Probing(CoreConfig(), host, Random(1))
    _link(probing, host, ANN, rtt_s=0.2)
    _link(probing, host, BOB, rtt_s=0.002)
    _link(probing, host, CAT, rtt_s=0.002)

    probing.link_down(CAT)

    assert not probing.sparing


def test_a_node_whose_timers_fire_late_saves_messages_until_it_keeps_up_again(host: RecordingHost):
    probing = Probing(CoreConfig(), host, Random(1))
    _link(probing, host, ANN, rtt_s=0.2)

    _round(probing, host, ANN, due_at=2.0, now=2.1, rtt_s=0.2)
    late, was_sparing = probing.lag_s, probing.sparing
    for number in range(12):
        _round(probing, host, ANN, due_at=4.1 + 2 * number, now=4.1 + 2 * number, rtt_s=0.2)

    assert late > LATE_S
    assert (was_sparing, probing.sparing) == (True, False)


def _link(probing: Probing, host: RecordingHost, peer: int, rtt_s: float) -> None:
    probing.link_up(peer, 0.0)
    _answer(probing, host, 0.0, rtt_s)


def _round(probing: Probing, host: RecordingHost, peer: int, *, due_at: float, now: float, rtt_s: float) -> None:
    [timer] = [timer for _, timer in host.take_timers(ProbeDue) if timer.peer == peer]
    probing.due(timer, now)
    _answer(probing, host, now, rtt_s)


def _answer(probing: Probing, host: RecordingHost, now: float, rtt_s: float) -> None:
    for peer, message in host.take_sent():
        if isinstance(message, Ping):
            probing.heard(peer)
            probing.pong(peer, Pong(message.nonce), now + rtt_s)
