"""Whoever lacks a key is never taken for its holder: whatever is said, in any order, and whatever was overheard elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message_strategies import KINDS, messages
from service_parts import identity_of, local_side, record_of

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.model.handshake import Hello, Proof, Purpose, proof_text
from sorcha_peer_core.services.session import Handshake
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

ALICE, VICTIM, MALLORY = identity_of(1), identity_of(2), identity_of(3)
BINDING, ELSEWHERE = b"this link", b"another link"


def _side(identity):
    record = record_of(identity)
    return local_side(identity, lambda: record)


SIDES = {identity.peer_id: _side(identity) for identity in (ALICE, VICTIM, MALLORY)}
RECORDS = {
    "alice": record_of(ALICE),
    "mallory": record_of(MALLORY),
    "alice, signed by mallory": replace(record_of(ALICE), signature=record_of(MALLORY).signature),
    "victim": record_of(VICTIM),
}


class Stage:
    """A victim on one link; Mallory on its other end, who meanwhile talks to the true Alice over other links, in both roles."""

    def __init__(self, outbound: bool) -> None:
        self.outbound = outbound
        self.victim = Handshake(SIDES[VICTIM.peer_id], outbound, BINDING)
        self.heard: list[Hello | Proof] = [self.victim.first()] if outbound else []
        self.refused = False
        self.alice = Handshake(SIDES[ALICE.peer_id], not outbound, ELSEWHERE)
        """On the far end of a link of Mallory's own."""
        self._of_alice: list[Hello | Proof] = [] if outbound else [self.alice.first()]
        self._passed_on = 0

    @property
    def nonce(self) -> bytes:
        return next((said.nonce for said in self.heard if isinstance(said, Hello)), self.victim.nonce)

    def proof(self, which: str, nonce: bytes) -> bytes:
        """What Mallory can get hold of, for a Hello with this nonce."""
        role = "listener" if self.outbound else "dialler"
        match which:
            case "of mallory":
                return MALLORY.sign(self._text(role, MALLORY.peer_id, nonce))
            case "of mallory, as alice":
                return MALLORY.sign(self._text(role, ALICE.peer_id, nonce))
            case "of the victim":
                return next((said.proof for said in self.heard if isinstance(said, Hello)), b"")
            case "of alice, who listens elsewhere":
                return _listens_elsewhere(self.nonce)
            case "of alice, who dials elsewhere":
                return _dials_elsewhere(self.nonce)
        return {"none": b"", "junk": b"j" * 64}[which]

    def _text(self, role: str, claimed: str, nonce: bytes) -> bytes:
        own, other = (claimed, nonce), (VICTIM.peer_id, self.nonce)
        dialler, listener = (other, own) if self.outbound else (own, other)
        return proof_text(role, dialler[0], listener[0], dialler[1], listener[1], BINDING)

    def relay(self) -> None:
        """Mallory in the middle: what the victim said goes to Alice, and what she says to the victim."""
        for said in self.heard[self._passed_on :]:
            self._passed_on += 1
            try:
                answer = self.alice.receive(said)
            except RemoteProtocolError:
                break
            if answer is not None:
                self._of_alice.append(answer)
        for said in self._of_alice:
            self.say(said)
        self._of_alice = []

    def say(self, message) -> None:
        """Over the wire, as it would come. Nothing but the documented error is raised."""
        if self.refused or self.victim.done:
            return
        try:
            for read in decode_batch(encode_frame(message)):
                answer = self.victim.receive(read)
                if answer is not None:
                    self.heard.append(answer)
        except RemoteProtocolError:
            self.refused = True


def _listens_elsewhere(nonce: bytes) -> bytes:
    """Mallory dials Alice, under the victim's name and nonce."""
    alice = Handshake(SIDES[ALICE.peer_id], False, ELSEWHERE)
    hello = Handshake(SIDES[VICTIM.peer_id], True, b"").first()._replace(nonce=nonce)
    answer = alice.receive(hello)
    assert isinstance(answer, Hello)
    return answer.proof


def _dials_elsewhere(nonce: bytes) -> bytes:
    """Alice dials Mallory, who answers in its own name with the victim's nonce."""
    alice = Handshake(SIDES[ALICE.peer_id], True, ELSEWHERE)
    first = alice.first()
    text = proof_text("listener", ALICE.peer_id, MALLORY.peer_id, first.nonce, nonce, ELSEWHERE)
    hello = Handshake(SIDES[MALLORY.peer_id], True, b"").first()._replace(nonce=nonce, proof=MALLORY.sign(text))
    proof = alice.receive(hello)
    assert isinstance(proof, Proof)
    return proof.signature


NONCES = st.sampled_from(("own", "of the victim", "short"))
PROOFS = st.sampled_from(
    (
        "none",
        "junk",
        "of mallory",
        "of mallory, as alice",
        "of the victim",
        "of alice, who listens elsewhere",
        "of alice, who dials elsewhere",
    )
)
STEPS = st.one_of(
    st.tuples(st.just("hello"), st.sampled_from(sorted(RECORDS)), NONCES, PROOFS, st.sampled_from(Purpose)),
    st.tuples(st.just("proof"), PROOFS),
    st.just(("relay",)),
    st.tuples(st.just("other"), st.one_of(map(messages, KINDS))),
)


def _play(stage: Stage, step: tuple) -> None:
    nonce = b"n" * 32
    if step[0] == "relay":
        stage.relay()
    elif step[0] == "other":
        stage.say(step[1])
    elif step[0] == "proof":
        stage.say(Proof(stage.proof(step[1], nonce)))
    else:
        _, record, chosen, proof, purpose = step
        nonce = {"own": nonce, "of the victim": stage.nonce, "short": b"n"}[chosen]
        hello = Handshake(SIDES[MALLORY.peer_id], True, b"").first(purpose=purpose)
        stage.say(hello._replace(record=RECORDS[record], nonce=nonce, proof=stage.proof(proof, nonce)))


@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(st.booleans(), st.lists(STEPS, min_size=1, max_size=5))
def test_nobody_is_taken_for_somebody_whose_key_is_not_there(outbound, steps):
    stage = Stage(outbound)

    for step in steps:
        _play(stage, step)

    if stage.victim.done:
        assert stage.victim.remote is not None
        assert stage.victim.remote.record.peer_id == MALLORY.peer_id


@pytest.mark.parametrize("outbound", [True, False])
def test_whoever_passes_on_every_word_between_two_links_is_found_out_by_both(outbound):
    stage = Stage(outbound)

    stage.relay()
    stage.relay()

    assert not stage.victim.done
    assert not stage.alice.done


def test_mallory_is_taken_for_mallory():
    """Else the test above would show nothing."""
    listening, dialling = Stage(outbound=False), Stage(outbound=True)

    _play(listening, ("hello", "mallory", "own", "none", Purpose.LINK))
    _play(listening, ("proof", "of mallory"))
    _play(dialling, ("hello", "mallory", "own", "of mallory", Purpose.LINK))

    assert listening.victim.done
    assert dialling.victim.done
