"""Nothing is open but what has to be: every route of the application, asked by somebody without a token and without a session."""

from __future__ import annotations

import secrets

import pytest
from admin_fakes import TOKEN, FakeNode

from sorcha_peer_admin import keys
from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.keys import Keys

OPEN = {"/", "/admin", "/admin/login", "/admin/static/<mark>/<path:name>", "/metrics", "/healthz", "/readyz"}


def rules_of(app):
    """Each route with one of its methods, and an address that it fits."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        values = {name: "ab" * 20 for name in rule.arguments}
        for method in rule.methods or ():
            yield rule.rule, method, adapter.build(rule.endpoint, values, method=method)


def test_every_route_but_the_open_ones_turns_a_stranger_away(node: FakeNode):
    app = create_app(node, TOKEN)
    rules = list(rules_of(app))
    seen = {}

    for rule, method, address in rules:
        answer = app.test_client().open(address, method=method)
        to_login = answer.status_code == 302 and answer.headers["Location"].startswith("/admin/login")
        seen[rule, method] = to_login or answer.status_code == 401

    assert len(rules) > 50
    assert {rule for (rule, _), turned_away in seen.items() if not turned_away} == OPEN
    assert {entry.action for entry in node.audited} == {"page.login"}, "a wrong guess, and nothing else was done"


@pytest.mark.parametrize("presented", [b"", b"x", TOKEN.encode()])
def test_the_token_is_compared_in_constant_time(node: FakeNode, monkeypatch, presented):
    compared = []

    class Watched:
        @staticmethod
        def compare_digest(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return secrets.compare_digest(one, other)

    monkeypatch.setattr(keys, "secrets", Watched)

    assert Keys(node.data_dir, TOKEN).is_token(presented) == (presented == TOKEN.encode())
    assert compared == [(presented, TOKEN.encode())]
