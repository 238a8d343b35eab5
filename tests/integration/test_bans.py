"""A ban over the command line, between real nodes."""

from __future__ import annotations

import json
import time

import requests
from devnet_commands import run_command

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until

WATCHED_S = 2.0
"""In which a peer that was unlinked without a ban is linked again several times."""


def command(node: NodeProcess, *arguments: object):
    """Run a command of the operator of ``node``."""
    done = run_command(*arguments, "--data-dir", node.data_dir)
    assert done.returncode == 0, done.stderr
    return done


def links_of(node: NodeProcess) -> set[str]:
    """Ids of the peers that a node is linked to, banned or not."""
    return {peer["id"] for peer in node.client.peers() if peer["link_age_s"] is not None}


def are_linked(a: NodeProcess, b: NodeProcess) -> bool:
    """At either end."""
    return b.peer_id in links_of(a) or a.peer_id in links_of(b)


def assert_stay_apart(a: NodeProcess, b: NodeProcess) -> None:
    """Neither links to the other, although at least one of them tries."""
    before, until_s = refusals_of(a), time.monotonic() + WATCHED_S
    while time.monotonic() < until_s or refusals_of(a) == before:
        assert not are_linked(a, b)
        assert time.monotonic() < until_s + 30, "nobody has tried"
        time.sleep(0.05)


def refusals_of(node: NodeProcess) -> float:
    """Handshakes that ended because of a ban."""
    text = requests.get(f"http://{node.admin}/metrics", timeout=5).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("sorcha_banned_refused_total"))


def assert_passes_around(a: NodeProcess, b: NodeProcess, cluster: Cluster, payloads: tuple[bytes, bytes], have: int) -> None:
    """What either submits is everywhere, and neither has it from the other."""
    hashes = [node.client.submit(payload)["hash"] for node, payload in zip((a, b), payloads, strict=True)]
    cluster.wait_until_all_have(have, 30.0)
    for receiver, sender, tx_hash in ((b, a, hashes[0]), (a, b, hashes[1])):
        senders = {copy["peer"] for copy in receiver.client.trace(tx_hash)["copies"]}
        assert senders
        assert sender.peer_id not in senders
        assert receiver.peer_id not in {step["peer"] for step in sender.client.trace(tx_hash)["passed_on"]}


def test_a_ban_parts_two_nodes_for_good_over_a_restart_and_its_end_brings_them_together(tmp_path):
    with Cluster(tmp_path, 3) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, 60.0)
        # The one that bans is the first contact of the one that is banned.
        a, b, _ = cluster.nodes

        command(a, "peers", "ban", "node-2", "--reason", "it floods us")
        wait_until(lambda: not are_linked(a, b), 1.0, "the link to end", 0.02)

        assert_stay_apart(a, b)
        assert_passes_around(a, b, cluster, (b"from the one that bans", b"from the one that is banned"), 2)
        [ban] = json.loads(command(a, "bans", "--json").stdout)["bans"]
        assert (ban["id"], ban["name"], ban["reason"], ban["until"]) == (b.peer_id, "node-2", "it floods us", None)
        assert {peer["id"]: peer["status"] for peer in json.loads(command(a, "peers", "--json").stdout)["peers"]}[
            b.peer_id
        ] == "banned"

        a.terminate()
        a.restart()
        wait_until(lambda: links_of(a), 30.0, "the third node to be linked again", 0.1)
        assert_stay_apart(a, b)
        assert_passes_around(a, b, cluster, (b"after the restart", b"from the other"), 4)

        command(a, "peers", "unban", b.peer_id[:12])
        wait_until(lambda: are_linked(a, b), 10.0, "them to be linked again", 0.1)
        assert command(a, "bans").stdout == "Nobody is banned.\n"
        actions = [(entry["action"], entry["target"]) for entry in json.loads(command(a, "audit", "--json").stdout)["audit"]]
        assert actions == [("peer.unban", b.peer_id), ("peer.ban", b.peer_id)]


def test_peers_are_pinged_removed_and_added_from_the_command_line(tmp_path):
    with Cluster(tmp_path, 2) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 60.0)
        a, b = cluster.nodes

        assert "answered after" in command(a, "peers", "ping", "node-2").stdout
        # It has no other contact, so it comes back at once.
        command(a, "peers", "remove", "node-2")
        parted = json.loads(command(a, "events", "--kind", "PeerUnlinked", "--json").stdout)
        assert (parted["fields"]["peer_id"], parted["fields"]["reason"]) == (b.peer_id, "an operator removed this peer")
        command(a, "peers", "add", f"{b.address}#{b.peer_id}")
        assert are_linked(a, b)

        b.kill()
        wait_until(lambda: not links_of(a), 20.0, "its link to be given up", 0.1)
        refused = run_command("peers", "ping", b.peer_id[:8], "--data-dir", a.data_dir)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"sorcha-peer: peer {b.peer_id[:8]} did not answer")
        assert "failed: " in command(a, "audit", "--limit", 1).stdout
