"""The behaviour of a peer table."""

from __future__ import annotations

from dataclasses import replace

from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Cursor
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.store_opened import OpenedStore
from sorcha_peer_core.testing.store_samples import LARGEST_SIGNED, LARGEST_UNSIGNED, peer_row_of


class PeerTableSuite(OpenedStore):
    """The role PeerStore."""

    def test_a_peer_comes_back_as_it_was_saved(self) -> None:
        endpoints = (Endpoint("rest", "node.example", 5002), Endpoint("grpc", "2001:db8::1", 5001))
        seen = peer_row_of(1, last_seen_at=1_767_225_600, seq=LARGEST_SIGNED, endpoints=endpoints)
        row = replace(
            seen,
            failures=4,
            is_bootstrap=True,
            proved_at=1_767_225_500,
            last_attempt_at=1_767_225_700,
            source=PeerId("a" * 40),
            source_host="192.0.2.1",
            seen_host="2001:db8::1",
            rtt_ms=12.5,
        )

        self.store.save_peers([row])

        assert self.store.peers() == [row]

    def test_a_record_comes_back_with_all_that_its_peer_signed(self) -> None:
        row = peer_row_of(1)
        # Field 100, a varint: what a later version may have signed.
        odd = replace(row.record, signed=row.record.signed + b"\xa0\x06\x01", signature=bytes(range(64)))
        self.store.save_peers([replace(row, record=odd)])

        [read] = self.store.peers()

        assert read.record == odd
        assert read.record.tls_keys == row.record.tls_keys != ()

    def test_a_peer_without_endpoints_is_kept_too(self) -> None:
        self.store.save_peers([peer_row_of(1)])

        assert self.store.peers() == [peer_row_of(1)]

    def test_peers_come_most_recently_seen_first(self) -> None:
        self.store.save_peers([peer_row_of(1, last_seen_at=5), peer_row_of(2, last_seen_at=0), peer_row_of(3, last_seen_at=9)])

        assert [row.record.name for row in self.store.peers()] == ["node 3", "node 1", "node 2"]

    def test_a_peer_saved_again_is_replaced(self) -> None:
        self.store.save_peers([peer_row_of(1, seq=1), peer_row_of(2)])

        self.store.save_peers([peer_row_of(1, seq=2, last_seen_at=7)])

        assert self.store.peers() == [peer_row_of(1, seq=2, last_seen_at=7), peer_row_of(2)]

    def test_forgotten_peers_are_gone_and_unknown_ones_are_ignored(self) -> None:
        self.store.save_peers([peer_row_of(1), peer_row_of(2)])

        self.store.forget_peers([peer_row_of(1).record.peer_id, PeerId("f" * 40)])

        assert self.store.peers() == [peer_row_of(2)]

    def test_the_secret_of_the_peer_table_is_long_and_stays_the_same(self) -> None:
        secret = self.store.peer_table_secret()

        assert len(secret) == 32
        assert self.store.peer_table_secret() == secret != bytes(32)

    def test_anchors_are_remembered_in_their_order_and_replaced(self) -> None:
        assert self.store.anchors() == []
        self.store.save_anchors([PeerId("b" * 40), PeerId("a" * 40)])
        assert self.store.anchors() == [PeerId("b" * 40), PeerId("a" * 40)]

        self.store.save_anchors([PeerId("c" * 40)])

        assert self.store.anchors() == [PeerId("c" * 40)]

    def test_cursors_are_remembered_and_moved(self) -> None:
        self.store.save_cursors({PeerId("a" * 40): Cursor(7, 10), PeerId("b" * 40): Cursor(8, 20)})

        self.store.save_cursors({PeerId("a" * 40): Cursor(9, 11)})

        assert self.store.cursors() == {PeerId("a" * 40): Cursor(9, 11), PeerId("b" * 40): Cursor(8, 20)}

    def test_a_peer_may_number_its_log_up_to_the_largest_number_of_the_wire(self) -> None:
        far = Cursor(LARGEST_UNSIGNED, LARGEST_UNSIGNED - 1)

        self.store.save_cursors({PeerId("a" * 40): far})

        assert self.store.cursors() == {PeerId("a" * 40): far}

    def test_an_empty_table_has_no_peers_and_no_cursors(self) -> None:
        self.store.save_peers([])
        self.store.forget_peers([])
        self.store.save_cursors({})

        assert (self.store.peers(), self.store.cursors()) == ([], {})
