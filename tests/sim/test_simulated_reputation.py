"""What nodes think of each other: honest ones never badly enough to part, of liars within seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sim_parts import mesh, small

from sorcha_peer_core.protocol.reputation import THRESHOLDS, Deed, Standing
from sorcha_peer_core.sim.experiment import Experiment
from sorcha_peer_core.sim.liars import Forger, Garbler, Sybil
from sorcha_peer_core.sim.profile import Costs, Loss
from sorcha_peer_core.sim.scenario import Absence, Churn, Partition, Scenario
from sorcha_peer_core.sim.watch import Watch

BUSY = small(peers=16, links=6, rate=20.0, transactions=300)
LOSS = Loss(0.05, "drop")
HONEST = {
    "messages are lost": replace(BUSY, loss=LOSS),
    "packets are lost": replace(BUSY, loss=Loss(0.05, "tcp")),
    "what is large is lost": small(peers=12, size=100_000, transactions=15, loss=LOSS),
    "chunks are lost": small(peers=12, size=600_000, transactions=5, loss=LOSS),
    "nodes come and go": replace(BUSY, churn=Churn(leaves_per_s=0.5, joins_per_s=0.5), loss=LOSS),
    "processors are slow": replace(BUSY, costs=Costs(receive_ms=(2.0, 30.0), verify_ms=10.0, commit_ms=200.0)),
    "nodes restart": replace(BUSY, absences=tuple(Absence(at_s=2.0 * at, for_s=3.0, nodes=3) for at in range(5))),
    "a partition is over": replace(BUSY, partitions=(Partition(at_s=3.0, for_s=8.0),), loss=Loss(0.05, "tcp")),
    "some come late": replace(BUSY, rate=40.0, transactions=500, absences=(Absence(at_s=0.0, for_s=8.0, nodes=5),)),
}
MORE_SEEDS = [pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 21)]


def watched(scenario: Scenario, seed: int, *, acts: bool, sybil=Sybil):
    """A run, and what the nodes thought meanwhile."""
    experiment = Experiment(scenario, mesh, seed, sybil)
    watch = Watch(experiment.net, acts=acts)
    return watch, experiment.run(lambda done: None)


@pytest.mark.parametrize("seed", [1, 2, *MORE_SEEDS])
@pytest.mark.parametrize("name", HONEST)
def test_no_honest_node_comes_near_to_parting_with_another_when(name, seed):
    watch, _ = watched(HONEST[name], seed, acts=False)

    assert watch.deeds[Deed.ANSWERED] > 0
    assert watch.lowest > THRESHOLDS[Standing.UNLINKED] / 2


def test_of_what_is_lost_is_taken_note():
    watch, _ = watched(replace(BUSY, loss=Loss(0.3, "drop")), 1, acts=False)

    assert watch.deeds[Deed.WITHHELD] > 0


@pytest.mark.parametrize(
    ("sybil", "scenario", "within_s", "how_many"),
    [
        (Forger, replace(BUSY, sybils=0.15), 20.0, all),
        (Garbler, small(peers=16, links=6, size=600_000, transactions=10, sybils=0.15), 20.0, all),
        # Of what is announced and fetched: what is pushed hardly anybody asks them for. Those nobody asks do no harm.
        (Sybil, replace(BUSY, sybils=0.15, size=20_000, transactions=600), 30.0, any),
    ],
    ids=["forges", "sends wrong chunks", "announces and never delivers"],
)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 11))])
def test_a_node_is_parted_with_and_the_honest_ones_get_everything_when_it(sybil, scenario, within_s, how_many, seed):
    watch, outcome = watched(scenario, seed, acts=True, sybil=sybil)

    liars = [machine.index for machine in outcome.net.machines if not machine.honest]
    by = outcome.spreads[0].at + within_s
    assert how_many(any(at < by for at in watch.judged(liar, Standing.UNLINKED)) for liar in liars)
    assert watch.lowest > THRESHOLDS[Standing.UNLINKED] / 2
    # What came last may have had to wait for a comparison.
    outcome.net.calendar.run(outcome.net.calendar.now + 30.0)
    honest = {machine.index for machine in outcome.honest}
    assert all(honest <= set(spread.nodes) for spread in outcome.spreads)
