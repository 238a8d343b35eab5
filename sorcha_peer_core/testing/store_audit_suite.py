"""The behaviour of the bans and the audit that a store keeps."""

from __future__ import annotations

from sorcha_peer_core.interfaces.views import AuditEntry
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.testing.store_opened import OpenedStore
from sorcha_peer_core.testing.store_samples import LARGEST_SIGNED

NOTE = "it says: 'DROP TABLE bans'; \u2013 \u044e"
ANNA, BEN, CARL = (PeerId(digit * 40) for digit in "abc")


class BansSuite(OpenedStore):
    """The role BanStore."""

    def test_bans_come_back_as_they_were_saved_and_the_latest_first(self) -> None:
        for_ever = Ban(BEN, NOTE, "operator", 1_767_225_600, None)
        for_a_time = Ban(ANNA, "", "rule.bad-signature", 1_767_225_700, LARGEST_SIGNED)
        self.store.save_ban(for_ever)
        self.store.save_ban(for_a_time)

        assert self.store.bans() == [for_a_time, for_ever]

    def test_bans_of_the_same_second_come_by_peer_id(self) -> None:
        for peer_id in (CARL, ANNA, BEN):
            self.store.save_ban(Ban(peer_id, "", "operator", 5, None))

        assert [ban.peer_id for ban in self.store.bans()] == [ANNA, BEN, CARL]

    def test_a_peer_that_is_banned_again_has_one_ban_which_is_the_last(self) -> None:
        self.store.save_ban(Ban(ANNA, "first", "operator", 5, 10))

        self.store.save_ban(Ban(ANNA, "second", "rule", 6, None))

        assert self.store.bans() == [Ban(ANNA, "second", "rule", 6, None)]

    def test_lifted_bans_are_gone_and_unknown_ones_are_ignored(self) -> None:
        self.store.save_ban(Ban(ANNA, "", "operator", 5, None))
        self.store.save_ban(Ban(BEN, "", "operator", 5, None))

        self.store.lift_bans([ANNA, CARL])
        self.store.lift_bans([])

        assert [ban.peer_id for ban in self.store.bans()] == [BEN]


class AuditSuite(OpenedStore):
    """The role AuditLog."""

    def test_an_entry_comes_back_as_it_was_added(self) -> None:
        self.store.add_audit(1_767_225_600, "token from ::1", "peer.ban", ANNA, NOTE, 10)

        [entry] = self.store.audit(None, 10)

        assert entry == AuditEntry(entry.row_id, 1_767_225_600, "token from ::1", "peer.ban", ANNA, NOTE)
        assert entry.row_id >= 1

    def test_the_audit_is_read_in_pages_from_the_newest_on(self) -> None:
        for number in range(5):
            self.store.add_audit(number, "anna", "peer.ping", "", "ok", 10)

        first = self.store.audit(None, 2)
        second = self.store.audit(first[-1].row_id, 2)
        third = self.store.audit(second[-1].row_id, 2)

        assert [entry.at for entry in (*first, *second, *third)] == [4, 3, 2, 1, 0]
        assert self.store.audit(third[-1].row_id, 2) == []

    def test_of_many_entries_the_latest_are_kept(self) -> None:
        for number in range(8):
            self.store.add_audit(number, "anna", "peer.ping", "", "ok", keep=5)

        entries = self.store.audit(None, 10)

        assert [entry.at for entry in entries] == [7, 6, 5, 4, 3]
        assert [entry.row_id for entry in entries] == list(range(entries[0].row_id, entries[0].row_id - 5, -1))

    def test_what_is_past_the_beginning_is_nothing(self) -> None:
        self.store.add_audit(1, "anna", "peer.ping", "", "ok", 10)

        assert self.store.audit(0, 10) == []
        assert len(self.store.audit(LARGEST_SIGNED, 10)) == 1
