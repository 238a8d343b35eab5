"""The report of devnet, from hand-made records."""

from __future__ import annotations

from dataclasses import replace

from sorcha_peer_core.cli.devnet_report import NodeRecord, Published, Run, missing_of, report_of, times_to_share_ms, transports_of
from sorcha_peer_core.cli.devnet_table import rows_of


def record(received_ms, **more):
    return NodeRecord(received_ms=received_ms, payload_bytes=10 * len(received_ms), **more)


def run_of(*nodes, published=None, first_submission_ms=900.0):
    return Run(published or {"a": Published(0, 10)}, nodes, first_submission_ms, start_s=2.0, wall_s=5.0)


def five_nodes():
    return run_of(*(record({"a": 1000.0 + delay}) for delay in (0, 1, 2, 3, 40)))


def test_a_transactions_clock_starts_when_its_origin_committed_it_and_the_origin_counts():
    run = five_nodes()

    assert times_to_share_ms(run, 50) == [2.0]
    assert times_to_share_ms(run, 90) == [40.0]
    assert times_to_share_ms(run, 100) == [40.0]


def test_each_transaction_is_measured_from_its_own_origin():
    run = run_of(
        record({"a": 1000.0, "b": 1010.0}),
        record({"a": 1003.0, "b": 1005.0}),
        published={"a": Published(0, 10), "b": Published(1, 10)},
    )

    assert times_to_share_ms(run, 100) == [3.0, 5.0]


def test_a_transaction_that_did_not_get_so_far_has_no_time():
    run = run_of(record({"a": 1000.0}), record({"a": 1001.0}), record({}))

    assert times_to_share_ms(run, 50) == [1.0]
    assert times_to_share_ms(run, 100) == []
    assert report_of(run)["time_to_100_ms"] == {"p50": None, "p95": None, "p99": None}


def test_throughput_runs_from_the_first_submission_to_the_last_arrival_anywhere():
    published = {name: Published(0, 10) for name in "ab"}
    run = run_of(
        record({"a": 1000.0, "b": 1000.0}), record({"a": 1001.0, "b": 1400.0}), published=published, first_submission_ms=900.0
    )

    assert report_of(run)["throughput_tx_s"] == 4.0


def test_a_network_is_complete_when_every_node_holds_exactly_what_was_published():
    assert report_of(five_nodes())["complete"] is True
    assert missing_of(five_nodes()) == []


def test_a_node_that_lacks_a_transaction_is_named():
    run = run_of(record({"a": 1000.0}), record({}))

    assert missing_of(run) == [{"node": 2, "lacking": 1, "foreign": 0, "problem": ""}]


def test_a_node_that_holds_something_else_is_named():
    run = run_of(record({"a": 1000.0}), record({"a": 1.0, "x": 2.0}))

    assert missing_of(run) == [{"node": 2, "lacking": 0, "foreign": 1, "problem": ""}]


def test_a_node_whose_payloads_have_other_sizes_is_named():
    run = run_of(record({"a": 1000.0}), replace(record({"a": 1000.0}), payload_bytes=9))

    assert report_of(run)["complete"] is False


def test_costs_are_per_node_and_transaction():
    published = {name: Published(0, 10) for name in "ab"}
    both = {"a": 1000.0, "b": 1000.0}
    run = run_of(
        record(both, copies_received=2, sent_bytes=400, cpu_s=0.004, rss_bytes=50_000_000),
        record(both, copies_received=4, sent_bytes=0, cpu_s=0.002, rss_bytes=60_400_000),
        published=published,
    )

    report = report_of(run)

    assert report["copies_per_node"] == 1.5
    assert report["bytes_per_node_per_tx"] == 100.0
    assert report["cpu_s_per_1000_tx_per_node"] == 1.5
    assert report["rss_mb"] == [50.0, 60.4]


def test_a_link_is_counted_once_though_both_ends_have_it():
    nodes = [
        NodeRecord(links={"grpcstream": 2}),
        NodeRecord(links={"grpcstream": 1, "grpc": 1}),
        NodeRecord(links={"grpcstream": 1, "grpc": 1}),
    ]

    assert transports_of(nodes) == {"grpc": 1, "grpcstream": 2}


def test_the_report_has_the_keys_that_programs_rely_on():
    amounts = {"nodes", "transactions", "payload_bytes", "complete", "transports", "rss_mb", "copies_per_node"}
    costs = {"throughput_tx_s", "bytes_per_node_per_tx", "cpu_s_per_1000_tx_per_node"}
    times = {"wall_s", "start_s", "time_to_50_ms", "time_to_90_ms", "time_to_100_ms"}

    report = report_of(five_nodes())

    assert amounts | costs | times <= report.keys()
    assert report["time_to_90_ms"].keys() == {"p50", "p95", "p99"}


def test_people_see_whether_the_network_is_complete():
    lines = dict(rows_of(report_of(five_nodes())))

    assert lines["result"] == "complete: every node holds exactly the same transactions"
    assert lines["published"] == "1 transactions, 10 bytes"


def test_people_see_what_could_not_be_measured():
    lines = dict(rows_of(report_of(run_of(record({}), record({})))))

    assert lines["result"] == "NOT complete: 2 of 2 nodes differ"
    assert lines["throughput"] == "not measured"
    assert lines["time to 50 %"] == "no transaction got so far"
