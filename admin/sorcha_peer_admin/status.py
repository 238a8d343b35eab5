"""The state of the node, and what is installed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from sorcha_peer_admin.parameters import MAX_ROW_ID, number_parameter
from sorcha_peer_core.interfaces.views import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import AddressView, NodeStatus


_QUEUE_LIMITS = ("max_queue_size", "max_queue_bytes")


class StatusRoutes:
    """``/status``, ``/plugins``, ``/config`` and ``/history``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("status", __name__)
        routes.add_url_rule("/status", view_func=self.status)
        routes.add_url_rule("/plugins", view_func=self.plugins)
        routes.add_url_rule("/config", view_func=self.config)
        routes.add_url_rule("/history", view_func=self.history)
        return routes

    def status(self) -> Response:
        """The state right now."""
        limits = {"max_transaction_bytes": self._node.max_transaction_bytes}
        offline = self._node.settings("offline_mode")
        limits |= {name: offline[name] for name in _QUEUE_LIMITS if name in offline}
        answer = status_json(self._node.status(), limits)
        return jsonify(answer | {"jobs": [job._asdict() for job in self._node.jobs()]})

    def plugins(self) -> Response:
        """What is installed, from which distribution, chosen or not, and why one failed to load."""
        return jsonify({"plugins": [dict(plugin) for plugin in self._node.plugins()]})

    def config(self) -> Response:
        """Every setting, its value and where that comes from."""
        return jsonify({"settings": [setting._asdict() for setting in self._node.settings_shown()]})

    def history(self) -> Response:
        """How counters stood over the last day, by column, as charts want it."""
        after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
        samples = [sample for sample in self._node.history() if sample.at > after]
        columns = zip(*samples, strict=True) if samples else ([] for _ in Sample._fields)
        return jsonify(dict(zip(Sample._fields, map(list, columns), strict=True)))


def status_json(status: NodeStatus, limits: Mapping[str, int]) -> dict[str, Any]:
    """The status as programs read it; keys are added, never renamed."""
    return {
        "peer_id": status.peer_id,
        "name": status.name,
        "version": status.version,
        "network_id": status.network_id,
        "state": status.state,
        "started_at": status.started_at,
        "uptime_s": round(status.uptime_s, 3),
        "listening": list(status.listening),
        "external_address": status.external_address,
        "reachability": status.reachability,
        "addresses": [_address_json(view) for view in status.addresses],
        "address_findings": {source: dict(found) for source, found in status.address_findings.items()},
        "peers": {"known": status.peers_known, "connected": status.peers_connected, "active": status.peers_active},
        "links": dict(status.links),
        "queue": {
            "pending": status.queue_pending,
            "inflight": status.queue_inflight,
            "dead": status.queue_dead,
            "retry": status.queue_retry,
            "waiting_bytes": status.queue_waiting_bytes,
        },
        "receipts": {"min": status.min_receipts, "needed": status.receipts_needed},
        "transactions": {
            "stored": status.transactions_stored,
            "delivered": status.transactions_delivered,
            "last_seq": status.last_seq,
            "oldest_seq": status.oldest_seq,
            "log_bytes": status.log_bytes,
        },
        "log_epoch": status.log_epoch,
        "traffic": {
            "received": status.traffic.received,
            "duplicates": status.traffic.duplicates,
            "sent_bytes": status.traffic.sent_bytes,
            "received_bytes": status.traffic.received_bytes,
            "sent_plain_bytes": status.traffic.sent_plain_bytes,
            "received_plain_bytes": status.traffic.received_plain_bytes,
        },
        "last_discovery": status.last_discovery_at,
        "partition": status.partition,
        "clock_skew_s": None if status.clock_skew_s is None else round(status.clock_skew_s, 3),
        "warnings": list(status.warnings),
        "limits": dict(limits),
    }


def _address_json(view: AddressView) -> dict[str, Any]:
    return {
        "address": view.address,
        "source": view.source,
        "state": view.state,
        "age_s": view.age_s,
        "told": view.told,
        "reason": view.reason,
    }
