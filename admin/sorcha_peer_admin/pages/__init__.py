"""The pages of a node: `/admin/...`, made on the server, readable without JavaScript.

How a page is added
-------------------
1. A module here with a class of routes over NodeApi, like those of the management API::

       class PeersPage:
           def __init__(self, node: NodeApi) -> None: ...

           def blueprint(self) -> Blueprint:
               routes = Blueprint("peers_page", __name__)          # "..._page", because the API has a "peers"
               routes.add_url_rule("/peers", view_func=self.page)  # below /admin
               routes.add_url_rule("/peers/<peer_id>/ban", view_func=self.ban, methods=["POST"])
               return routes

           def page(self) -> str:
               return render_page("peers.html", section="peers", title="Peers", peers=...)

2. The class is named in ``pages.site.page_routes``. The navigation has an entry for it there already (``NAVIGATION``) and
   shows it as soon as its address exists. Every address below /admin but login and assets asks for a login by itself.
3. The template extends ``base.html`` and fills the blocks ``main`` (content), ``actions`` (buttons beside the heading) and
   ``scripts`` (further modules: ``<script type="module" src="{{ asset('peers.js') }}"></script>``, kept in static/).
   ``{% import "parts.html" as parts with context %}`` has the macros; their comments say how each is called.
   Filters (pages/filters.py): ``bytes``, ``rate``, ``count``, ``duration``, ``ms``, ``short``, ``unix_time``, ``clock``, ``ago``.
   No inline script or style and no ``style`` attribute: the content security policy forbids them. Never ``|safe`` for anything
   that came from elsewhere.

What a POST does
----------------
* CSRF token, origin and login are checked before the view is called; a form needs ``{{ parts.csrf() }}`` in it
  (``parts.confirm_form`` has it), a script sends the header ``X-CSRF-Token`` (``csrfToken`` of app.js).
* ``asked = ask_first(question, explanation, label)`` gives the confirmation page as long as nobody has confirmed, else None.
  ``inputs=[Input("reason", "Reason")]`` asks for more, given to ``parts.confirm_form`` and ``ask_first`` alike.
* ``return carry_out(node, action, target, act, back)`` calls ``act`` (returns the sentence of success), shows the sentence or
  the reason of a ``PeerError``, writes both into the audit and redirects to ``back``.

Live parts
----------
An element with ``data-live="URL"`` is filled anew with what URL answers (an HTML fragment, made by the same macro as the
page's own) when the node's state or events change; ``data-live-kinds="PeerLinked PeerUnlinked"`` names the events that
concern it (without it: every two seconds), ``data-live-pause="ID"`` a checkbox that stops it. app.js does that over one
stream, ``/admin/live``, and asks every five seconds where streams do not get through. Scripts may ``import { onLive } from
"./app.js"`` and say ``onLive(message => ...)``.

Libraries lie in static/vendor: ``<script defer src="{{ asset('vendor/uPlot.iife.min.js') }}">`` gives scripts
``window.uPlot``, a module says ``import cytoscape from "./vendor/cytoscape.esm.min.mjs"``. Cytoscape adds a style element of
its own, which the policy forbids, unless the page has one of that id: ``<link id="__________cytoscape_stylesheet"
rel="stylesheet" href="...">`` in the block ``styles``.

In tests the fixture ``browser`` (admin/tests/conftest.py) is logged in; ``browser.act(path, field=value)`` posts a confirmed
form.
"""
