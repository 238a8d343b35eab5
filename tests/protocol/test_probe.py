"""Probes: silence is noticed, life is not disturbed, round trips are measured."""

from __future__ import annotations

from random import Random

from sorcha_peer_core.protocol.probe import Probe


def test_silence_is_counted_and_any_sign_of_life_ends_it():
    probe, rng = Probe(), Random(1)

    misses = []
    for now in range(4):
        probe.due(float(now), rng)
        misses.append(probe.misses)
    probe.heard()
    probe.due(4.0, rng)

    assert misses == [1, 2, 3, 4]
    assert probe.misses == 0


def test_silence_in_an_interval_that_does_not_count_is_none_but_a_sign_of_life_is_one():
    probe, rng = Probe(), Random(1)

    misses = []
    for now, counts in enumerate([True, False, False, True]):
        probe.due(float(now), rng, counts=counts)
        misses.append(probe.misses)
    probe.heard()
    probe.due(4.0, rng, counts=False)

    assert misses == [1, 1, 1, 2]
    assert probe.misses == 0


def test_a_silent_link_is_asked_also_when_the_silence_does_not_count():
    assert Probe().due(1.0, Random(1), counts=False) is not None


def test_a_link_that_talks_is_probed_only_now_and_then():
    probe, rng = Probe(measure_every=5), Random(1)

    sent = []
    for now in range(11):
        probe.heard()
        sent.append(probe.due(float(now), rng) is not None)

    assert [number for number, was in enumerate(sent) if was] == [0, 5, 10]


def test_round_trips_are_smoothed():
    probe, rng = Probe(), Random(1)

    probe.answered(probe.due(1.0, rng), 1.5)
    first = probe.rtt_s
    probe.answered(probe.due(2.0, rng), 2.1)

    assert first == 0.5
    assert abs(probe.rtt_s - (0.5 + 0.125 * (0.1 - 0.5))) < 1e-9


def test_an_answer_to_nothing_or_to_an_older_probe_measures_nothing():
    probe, rng = Probe(), Random(1)
    old = probe.due(1.0, rng)
    probe.due(3.0, rng)

    probe.answered(old, 4.0)
    probe.answered(12345, 4.0)

    assert probe.rtt_s is None


def test_the_same_answer_twice_is_measured_once():
    probe = Probe()
    nonce = probe.due(1.0, Random(1))
    probe.answered(nonce, 1.5)

    probe.answered(nonce, 99.0)

    assert probe.rtt_s == 0.5
