"""Everything the protocol may ask of the world."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.messages import Cursor, Load, Message, Timer
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.protocol.reputation import Deed


class Priority(IntEnum):
    """Order in which a link's send queue is emptied; the last is dropped first when it is full."""

    CONTROL = 0
    OWN = 1
    ANSWER = 2
    RELAY = 3
    LAZY = 4


class Host(Protocol):
    """Each method returns at once and never raises."""

    def send(self, peer: int, message: Message, priority: Priority) -> None:
        """Best effort; a failure comes back as ``Core.link_down``."""

    def unlink(self, peer: int, reason: str) -> None:
        """End the link to ``peer``; ``Core.link_down`` follows."""

    def set_timer(self, delay_s: float, timer: Timer) -> None:
        """``Core.timer`` once, not earlier. Late is fine, lost is not."""

    def unix_ms(self) -> float:
        """What the clock on the wall shows, in Unix milliseconds. It may be set, also back."""

    def verify(self, transaction: Transaction) -> None:
        """Check hash, signature and validity; answered by ``Core.verified``."""

    def store(self, transaction: Transaction, hops: int, own: bool) -> None:
        """Put it into the arrival log; answered by ``Core.stored`` after the commit."""

    def load(self, question: Load) -> None:
        """Ask the store; answered by ``Core.loaded``."""

    def remember(self, peer: int, cursor: Cursor) -> None:
        """Keep how far this peer's log was read, after what ``store`` was given before. Losing it costs a longer sync."""

    def delivered(self, hashes: Sequence[TxHash]) -> None:
        """These own transactions have their receipts; to be kept behind what ``store`` was given before."""

    def postpone(self, hashes: Sequence[TxHash], delay_s: float, attempts: int, reason: str) -> None:
        """These got too few receipts: hand them to ``Core.offer_again`` after ``delay_s``. The core forgets them until then."""

    def give_up(self, tx_hash: TxHash, reason: str) -> None:
        """Nobody takes this own transaction: it is a dead letter."""

    def missed(self, peer: int, lines: int) -> None:
        """So many lines of this peer's log were gone before this node could read on there."""

    def rejected(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """What ``peer`` sent under this hash did not verify."""

    def noticed(self, peer: int, deed: Deed, count: float = 1.0) -> None:
        """``peer`` did this, so often: what follows from it is the host's affair. It may be gone since."""

    def emit(self, event: Event) -> None:
        """Something an operator may want to see; never needed for correctness."""
