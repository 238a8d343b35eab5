"""Whole nodes: first contacts from a file, and what a restart keeps."""

from __future__ import annotations

from contextlib import closing

from link_parts import HOST
from node_parts import wait_for_links
from service_parts import wait_until

from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store
from sorcha_peer_core.node import node as node_module

FILE = {"bootstrap_sources": ("file",), "bootstrap_file": "first-contacts"}


def kept_by(number: int, tmp_path):
    """The store of a node that was stopped."""
    store = build_sqlite_store("sqlite:///peer.db", tmp_path / f"node{number}")
    store.open()
    return closing(store)


def test_a_node_joins_through_a_first_contact_in_a_file(village, tmp_path):
    (tmp_path / "node2").mkdir()
    (tmp_path / "node2" / "first-contacts").write_text(f"# the first one\n{HOST}:1\n")
    first = village.node(1)

    second = village.node(2, peer_discovery=FILE)

    wait_for_links(first, second)


def test_a_first_contact_that_is_written_into_the_file_later_is_found(village, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(node_module, "ASK_INTERVAL_S", 0.2)
    first = village.node(1)
    second = village.node(2, peer_discovery=FILE)
    wait_until(lambda: "the bootstrap source file is passed over" in caplog.text, "the node looked in vain")

    (tmp_path / "node2" / "first-contacts").write_text(f"{HOST}:1\n")

    wait_for_links(first, second)


def test_a_node_keeps_the_secret_of_its_table_and_its_anchors_over_a_restart(village, tmp_path):
    nodes = [village.node(1), village.node(2, bootstrap=(1,), url="sqlite:///peer.db"), village.node(3, bootstrap=(1,))]
    wait_for_links(*nodes)
    village.stop(nodes[1])
    with kept_by(2, tmp_path) as store:
        secret, anchors = store.peer_table_secret(), store.anchors()
        rows = {row.record.peer_id: row for row in store.peers()}

    again = village.node(2, url="sqlite:///peer.db")
    wait_for_links(nodes[0], again, nodes[2])
    village.stop(again)

    assert set(anchors) == {nodes[0].status().peer_id, nodes[2].status().peer_id} == set(rows)
    assert all(row.proved_at and row.last_seen_at and row.seen_host for row in rows.values())
    with kept_by(2, tmp_path) as store:
        assert store.peer_table_secret() == secret
        assert set(store.anchors()) == set(anchors)
