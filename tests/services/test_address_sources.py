"""Sources of the own address that answer, fail, or hang."""

from __future__ import annotations

import gevent
import pytest
from address_parts import GLOBAL, Says, Tells

from sorcha_peer_core.services import address_sources
from sorcha_peer_core.services.address_sources import AddressSources


def test_they_have_names_and_answers():
    sources = AddressSources([Says("stun", GLOBAL), Says("http")])

    assert sources.names == ("stun", "http")
    assert (sources.ask("stun"), sources.ask("http")) == ([GLOBAL], [])


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("nonsense"), RuntimeError("a bug of a plugin")])
def test_one_that_fails_is_named_once_and_passed_over(caplog, error):
    failing = Says("stun", error=error)
    sources = AddressSources([failing])

    assert [sources.ask("stun") for _ in range(3)] == [None] * 3
    assert caplog.text.count(f"the address resolver stun failed: {error}") == 1
    assert sources.findings() == {"stun": {"error": str(error)}}

    failing.error = None
    assert sources.ask("stun") == []
    assert sources.findings() == {"stun": {}}


def test_one_that_hangs_is_given_up(monkeypatch, caplog):
    monkeypatch.setattr(address_sources, "LIMIT_S", 0.05)
    hanging = Says("stun")
    hanging.resolve = lambda: gevent.sleep(10)  # type: ignore[method-assign,assignment,return-value]  # never gets that far
    sources = AddressSources([hanging])

    assert sources.ask("stun") is None
    assert sources.findings() == {"stun": {"error": "it did not answer within 0.05 s"}}


def test_the_limit_of_the_caller_is_not_mistaken_for_its_own():
    hanging = Says("stun")
    hanging.resolve = lambda: gevent.sleep(10)  # type: ignore[method-assign,assignment,return-value]  # never gets that far

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        AddressSources([hanging]).ask("stun")


def test_what_they_found_out_beside_addresses_is_passed_on():
    sources = AddressSources([Says("manual"), Tells("stun")])

    sources.pass_over("stun")

    assert sources.findings() == {"manual": {}, "stun": {"nat_type": "full cone", "not_asked": "there was nothing left to find"}}
