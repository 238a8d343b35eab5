"""What an operator does with one peer, from any page that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request
from werkzeug.exceptions import NotFound

from sorcha_peer_admin.pages.ban_terms import TERMS, reason_of, term_of
from sorcha_peer_admin.pages.filters import ms_text, short_text
from sorcha_peer_admin.pages.frame import ask_first, carry_out, failed, local_path, render_page
from sorcha_peer_core.model.ids import parse_peer_id

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from sorcha_peer_admin.pages.ban_terms import Term
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.model.ids import PeerId

PEERS = "/admin/peers"
_REMOVAL = (
    "Its link ends and this node forgets it. Other peers may tell of it again, and it may dial this node: "
    "to keep it away, ban it."
)
_MOST_ADDRESS_CHARS = 400


class PeerActions:
    """``/peers/add`` and ``/peers/<id>/ping``, ``remove``, ``ban``, ``unban``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("peer_action_pages", __name__)
        for path, view in (
            ("/peers/add", self.add),
            ("/peers/<peer_id>/ping", self.ping),
            ("/peers/<peer_id>/remove", self.remove),
            ("/peers/<peer_id>/ban", self.ban),
            ("/peers/<peer_id>/unban", self.unban),
            ("/security/bans", self.ban_by_id),
        ):
            routes.add_url_rule(path, view_func=view, methods=["POST"])
        routes.add_url_rule("/peers/<peer_id>/ban", view_func=self.ban_form, methods=["GET"])
        return routes

    def add(self) -> Response:
        """Dial an address and keep who answers."""
        address = request.form.get("address", "").strip()[:_MOST_ADDRESS_CHARS]

        def act() -> str:
            self._node.add_peer(address)
            return f"the peer at {address} answered and is kept"

        return carry_out(self._node, "peer.add", address, act, _back())

    def ping(self, peer_id: str) -> Response:
        """Ask whether it is there."""
        known, name = self._named(peer_id)

        def act() -> str:
            answer = self._node.ping(known)
            return f"peer {name} answered in {ms_text(answer.rtt_ms)} over {answer.transport}"

        return carry_out(self._node, "peer.ping", known, act, _back())

    def remove(self, peer_id: str) -> Response | str:
        """Part with it and forget it."""
        known, name = self._named(peer_id)

        def act() -> str:
            self._node.remove_peer(known)
            return f"peer {name} was removed"

        asked = ask_first(f"Remove {name}?", _REMOVAL, "Remove")
        # Back to the list, wherever it was removed: its own page is gone.
        return asked or carry_out(self._node, "peer.remove", known, act, _back(but=f"{PEERS}/{known}"))

    def ban_form(self, peer_id: str) -> str:
        """Ask for a reason and a duration; that is the confirmation too."""
        known, name = self._named(peer_id)
        return self._ban_form(known, name)

    def ban(self, peer_id: str) -> Response | str:
        """Have nothing to do with it any more."""
        known, name = self._named(peer_id)
        try:
            term, reason = _terms()
        except ValueError as error:
            return self._ban_form(known, name, str(error))
        return self._ban(known, name, term, reason)

    def ban_by_id(self) -> Response:
        """The same for one that need not be known."""
        try:
            known, (term, reason) = parse_peer_id(request.form.get("peer_id", "")[:_MOST_ADDRESS_CHARS]), _terms()
        except ValueError as error:
            return failed(f"Nobody was banned: {error}.", _back())
        return self._ban(known, name_of(self._node, known), term, reason)

    def unban(self, peer_id: str) -> Response | str:
        """Lift its ban."""
        known, name = self._named(peer_id)

        def act() -> str:
            self._node.unban(known)
            return f"the ban of peer {name} is lifted"

        asked = ask_first(f"Lift the ban of {name}?", "It may link again, and is dialled if it is known.", "Lift", danger=False)
        return asked or carry_out(self._node, "peer.unban", known, act, _back())

    def _ban(self, peer_id: PeerId, name: str, term: Term, reason: str) -> Response:
        def act() -> str:
            self._node.ban(peer_id, reason, term.duration_s)
            return f"peer {name} is banned {term.label if term.duration_s is None else f'for {term.label}'}"

        return carry_out(self._node, "peer.ban", peer_id, act, _back())

    def _ban_form(self, peer_id: PeerId, name: str, flaw: str = "") -> str:
        return render_page(
            "ban.html",
            section="peers",
            title=f"Ban {name}?",
            peer_id=peer_id,
            name=name,
            terms=TERMS,
            chosen=request.form.get("term", TERMS[1].key),
            reason=request.form.get("reason", ""),
            flaw=flaw,
            back=_back(),
        )

    def _named(self, peer_id: str) -> tuple[PeerId, str]:
        known = known_id(peer_id)
        return known, name_of(self._node, known)


def known_id(text: str) -> PeerId:
    """The id that a part of an address is; anything else is a page that is not there."""
    try:
        return parse_peer_id(text)
    except ValueError:
        raise NotFound("There is no such peer: its id would have 40 hex digits.") from None


def name_of(node: NodeApi, peer_id: PeerId) -> str:
    """How sentences call it, behind the word peer: they begin with a capital letter, and a name may not."""
    peer = node.peer(peer_id)
    return (peer.name if peer else "") or short_text(peer_id)


def _terms() -> tuple[Term, str]:
    return term_of(request.form.get("term", "")), reason_of(request.form.get("reason", ""))


def _back(but: str = "") -> str:
    back = local_path(request.values.get("back", ""))
    return PEERS if not back or back == but else back
