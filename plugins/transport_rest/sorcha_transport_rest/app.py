"""The Flask application of a node's REST port."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Flask

from sorcha_peer_core.interfaces.peer_api import PeerApi
from sorcha_transport_rest.answers import answer_errors, caller
from sorcha_transport_rest.messages_routes import Exchange, MessageRoutes
from sorcha_transport_rest.openapi import OpenApiRoutes
from sorcha_transport_rest.peer_routes import PeerRoutes
from sorcha_transport_rest.transaction_routes import TransactionRoutes


def make_app(api: PeerApi, exchange: Exchange, clock: Callable[[], float] = time.time, *, behind_proxy: bool = False) -> Flask:
    """All routes; ``exchange`` answers the requests of links, ``clock`` tells Unix seconds.

    Behind a proxy every request comes from the proxy, so nobody is dialled back there, and no link has an address.
    """
    caller_of = _nobody if behind_proxy else caller
    app = Flask(__name__, static_folder=None)
    # An OPTIONS that nobody wrote would be a method that no document names.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    answer_errors(app)
    app.register_blueprint(MessageRoutes(exchange, behind_proxy=behind_proxy).blueprint())
    app.register_blueprint(PeerRoutes(api, clock, caller_of).blueprint())
    app.register_blueprint(TransactionRoutes(api, caller_of).blueprint())
    app.register_blueprint(OpenApiRoutes().blueprint())
    return app


def _nobody() -> str:
    return ""
