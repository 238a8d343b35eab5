"""Whole nodes that find each other and hold the same transactions."""

from __future__ import annotations

import gc
import logging
import time

import gevent
import pytest
from gevent import Greenlet
from node_parts import everywhere, held_by, submit, wait_for_links
from service_parts import FailingNow, hashes_of, sealed, wait_until

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store
from sorcha_peer_core.errors import QueueFull, StartError, StoreError
from sorcha_peer_core.model.transaction import Arrival
from sorcha_peer_core.services import storage as storage_module


@pytest.fixture(autouse=True)
def no_errors_in_the_log(caplog):
    caplog.set_level(logging.WARNING)
    yield
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []


def greenlets() -> set[int]:
    gc.collect()
    return {id(found) for found in gc.get_objects() if isinstance(found, Greenlet) and not found.dead}


def test_four_nodes_find_each_other_from_one_and_all_get_what_each_is_given(village):
    first = village.node(1)
    nodes = [first, *(village.node(number, bootstrap=(1,)) for number in (2, 3, 4))]
    wait_for_links(*nodes)
    payloads = [f"{place} {number}".encode() for place in range(4) for number in range(25)]

    for place, node in enumerate(nodes):
        submit(node, *payloads[25 * place : 25 * (place + 1)])

    wait_until(everywhere(nodes, payloads), "everybody has everything", 15.0)
    assert [node.status().queue_pending for node in nodes] == [0] * 4
    assert [node.payload(next(iter(held_by(first)))) for node in nodes].count(None) == 0


def test_large_and_small_transactions_arrive_byte_for_byte(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    payloads = [b"x", bytes(range(256)) * 100, b"large" * 200_000]

    submit(first, *payloads)

    wait_until(everywhere([first, second], payloads), "everybody has everything", 15.0)
    assert {second.payload(tx_hash) for tx_hash in hashes_of(payloads)} == set(payloads)


def test_a_node_that_was_away_gets_what_it_missed_and_releases_what_waited(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,), url="sqlite:///peer.db")
    wait_for_links(first, second)
    submit(first, b"before")
    wait_until(everywhere([first, second], [b"before"]), "both have the first")

    village.stop(second)
    missed = [f"missed {number}".encode() for number in range(600)]
    submit(first, *missed)
    wait_until(lambda: first.status().peers_connected == 0, "it is gone")
    second = village.node(2, bootstrap=(1,), url="sqlite:///peer.db")

    wait_until(everywhere([first, second], [b"before", *missed]), "both have all", 15.0)


def test_what_was_submitted_while_nobody_was_there_goes_out_when_somebody_comes(village):
    first = village.node(1)
    submit(first, b"lonely")
    assert first.status().queue_pending == 1

    second = village.node(2, bootstrap=(1,))

    wait_until(everywhere([first, second], [b"lonely"]), "both have it", 15.0)
    assert first.status().queue_pending == 0


def test_a_submission_survives_a_restart_before_it_went_out(village):
    first = village.node(1, url="sqlite:///peer.db")
    submit(first, b"patient")
    village.stop(first)

    first = village.node(1, url="sqlite:///peer.db")
    second = village.node(2, bootstrap=(1,))

    wait_until(everywhere([first, second], [b"patient"]), "both have it", 15.0)


def test_a_node_finds_its_peers_again_without_any_bootstrap_node(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,), url="sqlite:///peer.db")
    wait_for_links(first, second)
    village.stop(second)

    second = village.node(2, url="sqlite:///peer.db")

    wait_for_links(first, second)


def test_a_node_that_lost_everybody_links_again_to_a_first_contact_with_a_new_identity(village, tmp_path):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    village.stop(first)
    wait_until(lambda: second.status().peers_connected == 0, "it is alone")
    (tmp_path / "node1" / "identity.key").unlink()

    reborn = village.node(1)

    assert reborn.status().peer_id != first.status().peer_id
    wait_until(lambda: second.status().peers_connected == 1, "it is linked again", 10.0)


def test_a_store_that_fails_for_a_while_costs_no_transaction(village, monkeypatch, caplog):
    monkeypatch.setattr(storage_module, "_RETRY_S", 0.01)
    store = FailingNow(MemoryStore())
    first = village.node(1)
    second = village.node(2, bootstrap=(1,), store=store)
    wait_for_links(first, second)
    payloads = [f"payload {number}".encode() for number in range(50)]

    store.failing = {"append", "put"}
    submit(first, *payloads)
    with pytest.raises(StoreError):
        submit(second, b"refused")
    wait_until(lambda: store.refused > 3, "it fails again and again")
    health = second.health()
    assert (health.live, health.ready) == (True, False)
    assert list(health.reasons) == ["the store cannot be written: the disk is full"]

    store.failing = set()

    submit(second, b"accepted")
    wait_until(everywhere([first, second], [*payloads, b"accepted"]), "both have all", 15.0)
    wait_until(lambda: second.health().ready, "it is well again")
    assert caplog.text.count("the store failed") == 1


def test_what_expired_long_ago_does_not_keep_a_new_node_from_the_rest(village, tmp_path):
    """More of it than fits on a page of the log: whoever waited for it would never see the next page."""
    (tmp_path / "node1").mkdir()
    store = build_sqlite_store("sqlite:///peer.db", tmp_path / "node1")
    store.open()
    two_days_ago_ms = time.time() * 1000 - 2 * 86_400_000
    old = [sealed(f"old {number}".encode(), network_id="sorcha", created_ms=two_days_ago_ms) for number in range(1100)]
    young = [sealed(f"young {number}".encode(), network_id="sorcha") for number in range(3)]
    store.append([Arrival(transaction, two_days_ago_ms, 1, False) for transaction in [*old, *young]])
    store.close()
    village.node(1, url="sqlite:///peer.db")

    new = village.node(2, bootstrap=(1,))

    wait_until(lambda: held_by(new) == {transaction.hash for transaction in young}, "it has the rest", 15.0)


def test_a_full_queue_refuses_all_and_keeps_what_it_has(village):
    lonely = village.node(1, offline_mode={"max_queue_size": 3})
    submit(lonely, b"a", b"b")

    with pytest.raises(QueueFull):
        submit(lonely, b"c", b"d")

    assert lonely.status().queue_pending == 2


def test_the_same_payload_is_known_the_second_time(village):
    from service_parts import submission

    node = village.node(1)

    states = [result.state for _ in range(2) for result in node.submit([submission(b"once")])]

    assert states == ["queued", "known"]


def test_two_nodes_on_one_data_directory_are_refused(village):
    village.node(1)

    with pytest.raises(StartError, match="another node"):
        village.node(1)


def test_a_node_that_cannot_listen_leaves_nothing_behind(village, tmp_path):
    village.node(1)
    before = greenlets()

    with pytest.raises(StartError, match="the address is already in use"):
        village.node(1, node={"data_dir": str(tmp_path / "other")})

    wait_until(lambda: greenlets() <= before, "its greenlets have ended")
    village.node(2, node={"data_dir": str(tmp_path / "other")})


def test_a_stop_under_load_ends_in_time_and_leaves_no_greenlet(village):
    before = greenlets()
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    submit(first, *(f"load {number}".encode() for number in range(2000)))
    wait_until(lambda: second.status().transactions_stored > 50, "it is under way")

    began = time.monotonic()
    village.stop(first)
    took_s = time.monotonic() - began
    village.stop()

    assert took_s < 3.0
    wait_until(lambda: greenlets() <= before, "all greenlets have ended")
    gone = first.status()
    assert gone.transactions_stored + gone.queue_pending == 2000, "every submission is in the log or still queued"


def test_whoever_waits_for_transactions_is_woken_by_the_stop(village):
    node = village.node(1)
    waiting = gevent.spawn(node.wait_for_transactions, 0, 60.0)
    gevent.sleep(0)

    village.stop(node)

    assert waiting.get(timeout=1.0) is False


def test_whoever_waits_for_transactions_is_woken_by_one(village):
    first = village.node(1)
    village.node(2, bootstrap=(1,))
    waiting = gevent.spawn(first.wait_for_transactions, 0, 10.0)

    submit(first, b"at last")

    assert waiting.get(timeout=10.0) is True


def test_a_wait_without_transactions_ends_in_time(village):
    assert village.node(1).wait_for_transactions(0, 0.0) is False


def test_a_store_that_fails_at_the_end_does_not_keep_the_node_from_stopping(village):
    store = FailingNow(MemoryStore())
    first = village.node(1, store=store)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    store.failing = {"save_peers", "forget_peers", "append"}

    village.stop(first)

    wait_until(lambda: second.status().peers_connected == 0, "its links are closed")
    village.node(1)


class Bad:
    name = "bad service"

    def start(self):
        pass

    def stop(self, grace_s):
        raise RuntimeError("it clings to life")


def test_a_service_that_cannot_be_stopped_does_not_keep_the_node_from_stopping(village, caplog):
    node = village.node(1, services=[Bad()])

    village.stop(node)

    assert "the service bad service could not be stopped" in caplog.text
    caplog.clear()
    village.node(1)


def test_a_stopped_node_still_says_how_it_was(village):
    node = village.node(1)
    submit(node, b"a")

    village.stop(node)

    assert node.status().queue_pending == 1
    assert node.health().ready is False
    node.stop("again")


def test_a_node_whose_heart_fails_says_so_and_can_still_be_stopped(village, caplog):
    node, broken = village.node(1), []
    node.on_broken = broken.append

    node._assembled.driver.post(lambda: 1 / 0)

    wait_until(lambda: broken, "it says so")
    assert broken == ["an internal error ended its driver; the log has more"]
    assert node.health().live is False
    caplog.clear()
    began = time.monotonic()
    village.stop(node)
    assert time.monotonic() - began < 3.0


def test_peers_are_shown_with_how_they_are_linked(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)

    [view] = second.peers()

    assert (view.name, view.status, view.direction, view.is_bootstrap) == ("node 1", "linked", "outbound", True)
    assert view.address == "127.0.0.1:1"
    assert [address.partition("://")[2] for address in view.addresses] == ["127.0.0.1:1"]
    assert view.link_age_s >= 0
    assert (second.peer(view.peer_id).name, second.peer(second.status().peer_id)) == ("node 1", None)
    assert [rung.transport for rung in view.rungs] == ["memory"]
    assert first.status().state == second.status().state == "online"


def test_metrics_tell_how_long_transactions_took(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)

    submit(first, b"a", b"b")

    wait_until(everywhere([first, second], [b"a", b"b"]), "both have both")
    assert b"sorcha_transaction_distribution_latency_seconds_count 2.0" in second.metrics_text()
    assert b"sorcha_transaction_distribution_latency_seconds_count 0.0" in first.metrics_text()


def test_nodes_compress_what_they_tell_each_other_and_show_how_much_that_saves(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,))
    wait_for_links(first, second)
    payloads = [f"blueprint {number}: ".encode() + b"every participant may read; " * 100 for number in range(50)]

    submit(first, *payloads)

    wait_until(everywhere([first, second], payloads), "everybody has everything", 15.0)
    sent, received = first.status().traffic, second.status().traffic
    assert sent.sent_bytes < sent.sent_plain_bytes / 2
    assert received.received_bytes < received.received_plain_bytes / 2
    assert b"sorcha_compression_sent_bytes_total" in first.metrics_text()


def test_a_node_that_is_told_not_to_compress_neither_does_nor_is_sent_what_is_compressed(village):
    first = village.node(1)
    second = village.node(2, bootstrap=(1,), transaction_distribution={"enable_compression": False})
    wait_for_links(first, second)
    payloads = [f"blueprint {number}: ".encode() + b"every participant may read; " * 100 for number in range(50)]

    submit(first, *payloads[:25])
    submit(second, *payloads[25:])

    wait_until(everywhere([first, second], payloads), "everybody has everything", 15.0)
    for traffic in (first.status().traffic, second.status().traffic):
        assert (traffic.sent_bytes, traffic.received_bytes) == (traffic.sent_plain_bytes, traffic.received_plain_bytes)
        assert traffic.sent_bytes > 25 * 2000
