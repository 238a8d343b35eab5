"""The resolver ``http``: several services at once, and how many of them have to agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest
from http_fakes import FakeService, answering, http_settings, never
from stun_fakes import OTHER_PUBLIC, PUBLIC, PUBLIC_V6

from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.http_resolver import HttpResolver
from sorcha_peer_core.testing.transport_suite import PATIENCE_S

LIMIT_S = 0.5
AT_ONCE_S = 5.0


@pytest.fixture
def serve() -> Iterator:
    with ExitStack() as stack:
        yield lambda *body, host="127.0.0.1": stack.enter_context(
            FakeService(body[0] if callable(body[0]) else answering(*body), host)
        )


def resolver_of(*services, limit_s=PATIENCE_S, prefer="auto") -> HttpResolver:
    return HttpResolver(http_settings(*services, prefer=prefer), limit_s)


def test_what_two_of_three_agree_on_is_the_address_and_the_third_is_named(serve):
    liar = serve(OTHER_PUBLIC)
    resolver = resolver_of(serve(PUBLIC), liar, serve(PUBLIC))

    assert resolver.resolve() == [PUBLIC]
    assert resolver.findings()["ipv4"] == f"{PUBLIC}, as 2 of 3 lookup services say"


def test_services_that_disagree_leave_no_address_and_a_reason(serve, caplog):
    resolver = resolver_of(serve(PUBLIC), serve(OTHER_PUBLIC))

    assert resolver.resolve() == []
    assert "the lookup services disagree" in resolver.findings()["ipv4"]
    assert "the lookup services disagree" in caplog.text


def test_two_liars_of_three_that_do_not_agree_leave_no_address(serve):
    assert resolver_of(serve(PUBLIC), serve(OTHER_PUBLIC), serve("192.33.4.12")).resolve() == []


def test_one_of_three_is_not_enough(serve):
    broken = serve("", "500 Internal Server Error")
    resolver = resolver_of(serve(PUBLIC), broken, serve("10.0.0.1"))

    assert resolver.resolve() == []
    assert "2 of the lookup services have to agree" in resolver.findings()["ipv4"]
    assert f"{broken.url} (IPv4): it answers with HTTP 500" in resolver.findings()["refused"]


def test_two_of_five_are_not_enough_even_if_the_others_are_silent(serve):
    assert resolver_of(*(serve(PUBLIC) for _ in range(2)), *(serve(never) for _ in range(3)), limit_s=LIMIT_S).resolve() == []


def test_one_service_is_enough_where_only_one_is_configured(serve):
    resolver = resolver_of(serve(PUBLIC))

    assert resolver.resolve() == [PUBLIC]
    assert "no second one of the lookup services is configured" in resolver.findings()["ipv4"]


def test_all_are_asked_at_once_and_nobody_waits_when_enough_agree(serve):
    began = monotonic()

    assert resolver_of(serve(never), serve(PUBLIC), serve(PUBLIC), limit_s=60.0).resolve() == [PUBLIC]
    assert monotonic() - began < AT_ONCE_S


@pytest.mark.parametrize("prefer", ["auto", "ipv6"])
def test_ipv6_is_asked_for_unless_ipv4_is_preferred(serve, prefer):
    try:
        services = [serve(PUBLIC_V6, host="::1") for _ in range(2)]
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")

    assert resolver_of(*services, prefer=prefer).resolve() == [PUBLIC_V6]
    with pytest.raises(Refused, match="there is no way to any of the lookup services by IPv4"):
        resolver_of(*services, prefer="ipv4").resolve()


def test_a_family_in_which_nobody_can_be_asked_is_said_to_be_so(serve):
    resolver = resolver_of(serve(PUBLIC), serve(PUBLIC))

    assert resolver.resolve() == [PUBLIC]
    assert resolver.findings()["ipv6"] == "not asked: there is no way to any of the lookup services by IPv6"


def test_silence_of_all_is_an_error_and_says_nothing_against_an_earlier_address(serve):
    with pytest.raises(Refused, match="none of the lookup services gave one"):
        resolver_of(serve(never), serve("nonsense"), limit_s=LIMIT_S).resolve()


def test_nobody_is_asked_and_nothing_is_wrong_where_none_is_configured(caplog):
    resolver = resolver_of()

    assert resolver.resolve() == []
    assert resolver.findings() == {"asked": "nobody: network_address.http_lookup_services is empty"}
    assert caplog.text == ""


def test_people_are_told_of_services_without_https(serve):
    service = serve(PUBLIC)

    assert resolver_of(service).findings()["unprotected"] == f"{service.url}: not https, anybody on the way can forge the answer"
    assert "unprotected" not in resolver_of("https://lookup.example/").findings()
