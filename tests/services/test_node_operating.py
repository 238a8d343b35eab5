"""What operators do with peers, in whole nodes."""

from __future__ import annotations

import time
from contextlib import suppress

import gevent
import pytest
from link_parts import HOST
from node_parts import Village, everywhere, held_by, submit, wait_for_links
from service_parts import NOBODY, hashes_of, wait_until

from sorcha_peer_core.errors import ActionRefused, AddressInvalid, NoSuchPeer, StoreError, TransportError
from sorcha_peer_core.interfaces.views import BanView, EventEntry
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.node import operating
from sorcha_peer_core.protocol import discovery as discovery_module


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    yield village
    village.stop()


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    monkeypatch.setattr(operating, "PING_TIMEOUT_S", 1.0)
    monkeypatch.setattr(operating, "_DIAL_TIMEOUT_S", 1.0)


def id_of(node) -> PeerId:
    return node.status().peer_id


def links_of(node) -> set[PeerId]:
    return {peer.peer_id for peer in node.peers() if peer.link_age_s is not None}


def status_of(node, other) -> str:
    return next(peer.status for peer in node.peers() if peer.peer_id == id_of(other))


def told(node, kind: str) -> list[EventEntry]:
    return [event for event in node.events(0, 100_000).entries if event.kind == kind]


def counted(node, name: str) -> float:
    [line] = [line for line in node.metrics_text().decode().splitlines() if line.startswith(name)]
    return float(line.rpartition(" ")[2])


def test_a_banned_peer_is_unlinked_within_a_second_and_told_so(village):
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    begin_s = time.monotonic()

    view = a.ban(id_of(b), "it floods us", None)

    wait_until(lambda: not links_of(a) and not links_of(b), "both ends are unlinked", 1.0)
    assert time.monotonic() - begin_s < 1.0
    assert view == BanView(id_of(b), "node 2", "it floods us", "operator", view.since_at, None)
    assert a.bans() == [view]
    assert status_of(a, b) == "banned"
    assert a.status().peers_active == 0
    assert [event.fields["reason"] for event in told(b, "PeerUnlinked")] == [
        f"it says goodbye: peer {id_of(b)[:8]} is banned by this node"
    ]
    assert [event.sentence for event in told(a, "PeerBanned")] == [
        f"peer {id_of(b)[:8]} is banned until that is lifted: it floods us"
    ]
    assert counted(a, 'sorcha_bans_total{reason="operator"}') == 1


def test_neither_side_links_again_while_the_ban_lasts_and_both_do_when_it_is_lifted(village):
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    a.ban(id_of(b), "", None)
    wait_until(lambda: a._parts.bans.refused >= 2, "the banned one has tried again")

    assert (links_of(a), links_of(b)) == (set(), set())
    assert counted(a, "sorcha_banned_refused_total") >= 2

    a.unban(id_of(b))

    wait_for_links(a, b)
    assert status_of(a, b) == "linked"
    assert a.bans() == []


def test_no_transaction_passes_between_them_but_around(village):
    a, b, c = village.node(1), village.node(2, bootstrap=(1,)), village.node(3, bootstrap=(1,))
    wait_for_links(a, b, c)
    a.ban(id_of(b), "", None)
    wait_until(lambda: id_of(b) not in links_of(a), "they are unlinked")

    submit(a, b"from a")
    submit(b, b"from b")

    wait_until(everywhere([a, b, c], [b"from a", b"from b"]), "the third passes everything on")
    [tx_hash] = hashes_of([b"from b"])
    assert {copy.peer_id for copy in a.trace(tx_hash).copies} == {id_of(c)}


def test_a_node_that_only_knows_a_banned_peer_keeps_what_it_submits(village):
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    a.ban(id_of(b), "", None)
    wait_until(lambda: not links_of(a), "they are unlinked")

    submit(a, b"secret")
    gevent.sleep(0.5)

    assert held_by(b) == set()


def test_a_ban_survives_the_restart_and_ends_by_itself(village):
    a, b = village.node(1, url="sqlite:///peer.db"), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    a.ban(id_of(b), "", 4.0)
    wait_until(lambda: not links_of(a), "they are unlinked")
    village.stop(a)

    a = village.node(1, url="sqlite:///peer.db", bootstrap=(2,))

    assert [ban.peer_id for ban in a.bans()] == [id_of(b)]
    assert status_of(a, b) == "banned"
    wait_until(lambda: a._parts.bans.refused, "somebody has tried")
    assert not links_of(a)
    wait_for_links(a, b)
    assert a.bans() == []


def test_whom_nobody_knows_can_be_banned_before_it_comes(village):
    a = village.node(1)
    number = village.node(2)
    a.ban(id_of(number), "", None)
    village.stop(number)

    b = village.node(2, bootstrap=(1,))

    wait_until(lambda: a._parts.bans.refused, "it has come")
    assert (links_of(a), links_of(b)) == (set(), set())
    assert a.bans()[0].name == ""


def test_a_handshake_that_began_before_the_ban_leads_to_no_link(village, monkeypatch):
    a, b = village.node(1), village.node(2)
    establish = a._parts.links._establish

    def ban_first(session):
        a.ban(id_of(b), "", None)
        establish(session)

    monkeypatch.setattr(a._parts.links, "_establish", ban_first)
    # Whether it is told before or after its side of the handshake is over is a matter of luck.
    with suppress(TransportError):
        b.add_peer(f"{HOST}:1")

    wait_until(lambda: a.bans() and not links_of(b), "it was told")
    assert told(a, "PeerLinked") == []


def test_a_node_does_not_ban_itself(village):
    a = village.node(1)

    with pytest.raises(ActionRefused, match="a node does not ban itself"):
        a.ban(id_of(a), "", None)


def test_a_peer_is_added_by_its_address_and_kept(village):
    a, b = village.node(1), village.node(2)

    a.add_peer(f"{HOST}:2#{id_of(b)}")

    assert links_of(a) == {id_of(b)}
    wait_until(lambda: a._parts.discovery.members.get(id_of(b)), "it is in the table")
    a.add_peer(f"{HOST}:2#{id_of(b)}")


@pytest.mark.parametrize("address", ["", "nowhere", "host:0", "host:5001#xyz", "UPPER://host:1", "host:99999", "x" * 9999])
def test_what_is_no_address_is_refused_with_how_one_is_written(village, address):
    with pytest.raises(AddressInvalid, match=r"write \[scheme://\]host:port\[#PEER_ID\]") as refused:
        village.node(1).add_peer(address)

    assert len(str(refused.value)) < 300


def test_an_address_where_nobody_or_somebody_else_answers_is_said(village):
    a, b = village.node(1), village.node(2)

    with pytest.raises(TransportError, match=rf"grpc://{HOST}:7 was not linked: "):
        a.add_peer(f"{HOST}:7")
    with pytest.raises(TransportError, match=rf"was not linked: peer {id_of(b)[:8]} answers there, not {NOBODY[:8]}"):
        a.add_peer(f"{HOST}:2#{NOBODY}")

    assert a.peers() == []


def test_a_node_does_not_add_itself_nor_whom_it_has_banned(village):
    a, b = village.node(1), village.node(2)
    a.ban(id_of(b), "", None)

    for address in (f"{HOST}:1", f"{HOST}:9#{id_of(a)}"):
        with pytest.raises(ActionRefused, match="is this node itself"):
            a.add_peer(address)
    for address in (f"{HOST}:2", f"{HOST}:2#{id_of(b)}"):
        with pytest.raises(ActionRefused, match="is banned by this node"):
            a.add_peer(address)


def test_a_linked_peer_is_pinged_over_its_link(village):
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)

    view = a.ping(id_of(b))

    assert 0 < view.rtt_ms < 1000
    assert view.transport == "memory"


def test_a_linked_peer_that_is_silent_times_out_with_a_sentence(village, monkeypatch):
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    monkeypatch.setattr(operating, "PING_TIMEOUT_S", 0.2)
    village.cables["memory"].cut = True

    with pytest.raises(TransportError, match=r"did not answer: it did not answer over its link within 0\.2 s"):
        a.ping(id_of(b))


def test_a_peer_without_a_link_is_looked_at(village):
    links = {"communication": {"max_connections": 1}}
    a, b = village.node(1, **links), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    c = village.node(3, bootstrap=(1,), **links)
    wait_until(lambda: any(peer.peer_id == id_of(c) for peer in a.peers()), "it is known")
    assert id_of(c) not in links_of(a)

    view = a.ping(id_of(c))

    assert view.transport == "memory"
    assert id_of(c) not in links_of(a)
    wait_until(lambda: a._parts.discovery.members.get(id_of(c)).rtt_s, "it is measured")


def test_who_is_not_known_or_banned_or_gone_cannot_be_pinged(village):
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)
    gone = id_of(b)

    with pytest.raises(NoSuchPeer):
        a.ping(NOBODY)
    village.stop(b)
    wait_until(lambda: not links_of(a), "it is gone")
    with pytest.raises(TransportError, match=f"peer {gone[:8]} did not answer"):
        a.ping(gone)
    a.ban(gone, "", None)
    with pytest.raises(ActionRefused, match="is banned"):
        a.ping(gone)


def test_a_removed_peer_is_unlinked_and_forgotten_and_may_be_added_again(village, monkeypatch):
    monkeypatch.setattr(discovery_module, "_REDIAL_S", 0.05)
    a, b = village.node(1), village.node(2, bootstrap=(1,))
    wait_for_links(a, b)

    a.remove_peer(id_of(b))

    wait_until(lambda: not a.peers() and not links_of(b), "it is gone")
    gevent.sleep(0.5)
    assert a.peers() == []
    with pytest.raises(NoSuchPeer):
        a.remove_peer(id_of(b))
    a.add_peer(f"{HOST}:2")
    wait_for_links(a, b)


def test_what_operators_do_is_kept_with_what_came_of_it(village):
    a = village.node(1, url="sqlite:///peer.db")
    a.record("token from ::1", "peer.ban", "ab" * 20, "ok")
    a.record("token from ::1\nroot", "peer.ping", "x" * 1000, "it did\tnot answer")
    village.stop(a)

    a = village.node(1, url="sqlite:///peer.db")

    second, first = a.audit(None, 10)
    assert (first.actor, first.action, first.target, first.outcome) == ("token from ::1", "peer.ban", "ab" * 20, "ok")
    assert abs(first.at - time.time()) < 60
    assert (second.actor, second.outcome) == ("token from ::1 root", "it did not answer")
    assert len(second.target) == 500
    assert a.audit(second.row_id, 10) == [first]


def test_what_cannot_be_kept_is_in_the_log_and_raises_nothing(village, monkeypatch, caplog):
    a = village.node(1)

    def full(*entry):
        raise StoreError("the disk is full")

    monkeypatch.setattr(a._parts.ground.store, "add_audit", full)
    caplog.set_level("INFO")

    a.record("token from ::1", "peer.ban", "ab" * 20, "ok")

    assert f"token from ::1: peer.ban {'ab' * 20}: ok" in caplog.text
    assert "the audit does not have it: the disk is full" in caplog.text
