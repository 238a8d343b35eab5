"""Asking one HTTP service which address this machine comes from."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import gevent
import requests
from requests.adapters import HTTPAdapter

from sorcha_nat_stun.errors import Refused
from sorcha_nat_stun.families import Address, Family, why_not_public
from sorcha_nat_stun.names import first_address, own_host
from sorcha_nat_stun.settings import Target

CONNECT_S = 2.0
MAX_BODY_BYTES = 64
"""The longest IPv6 address has 45 characters."""

_HEADERS = {"Accept": "text/plain", "Accept-Encoding": "identity", "User-Agent": "sorcha-peer"}


class _OneFamily(HTTPAdapter):
    """Connects over one family: from a socket that is bound to the wildcard of one, nothing else can be reached."""

    def __init__(self, family: Family) -> None:
        self._family = family
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._family.wildcard, 0), **options)


def look_up(service: Target, family: Family, limit_s: float) -> Address:
    """The public address that the service sees; blocks the greenlet for ``limit_s`` at most.

    Raises:
        NoWay: it cannot be asked in this family.
        Refused: it gave none, or none that can be used.
    """
    # requests limits single reads only, and a drip of bytes could take for ever.
    timer = gevent.Timeout(limit_s)
    try:
        with timer:
            own_host(family, first_address(service, family))
            return _parsed(_body(service.label, family, limit_s), family)
    except gevent.Timeout as expired:
        if expired is not timer:
            raise
        raise Refused(f"no answer within {limit_s:g} s") from None
    except Refused:
        raise
    except Exception as error:
        # What a hostile server sends can make requests, urllib3 and http.client raise errors of many kinds.
        raise Refused(_why(error)) from None


def _body(url: str, family: Family, limit_s: float) -> bytes:
    with requests.Session() as session:
        # No proxies from the environment: the address asked for is this machine's, not the proxy's.
        session.trust_env = False
        session.headers.clear()
        for scheme in ("https://", "http://"):
            session.mount(scheme, _OneFamily(family))
        with session.get(url, headers=_HEADERS, stream=True, timeout=(CONNECT_S, limit_s), allow_redirects=False) as response:
            if response.is_redirect:
                raise Refused(f"it redirects elsewhere (HTTP {response.status_code}); give the final address")
            if response.status_code != requests.codes.ok:
                raise Refused(f"it answers with HTTP {response.status_code}")
            return _bounded(response)


def _bounded(response: requests.Response) -> bytes:
    body: bytes = response.raw.read(MAX_BODY_BYTES + 1, decode_content=False)
    if len(body) > MAX_BODY_BYTES:
        raise Refused(f"it sends more than the {MAX_BODY_BYTES} bytes an address can have")
    return body


def _parsed(body: bytes, family: Family) -> Address:
    text = body.decode("latin-1").strip()
    try:
        address = ip_address(text)
    except ValueError:
        raise Refused(f"it answers with {text!r}, no IP address") from None
    if address.version != family.version:
        raise Refused(f"it answers a question over {family.word} with {address}")
    if why := why_not_public(address):
        raise Refused(f"it says {why}, no public address")
    return address


def _why(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.Timeout):
        return "no connection in time"
    if isinstance(error, requests.ConnectionError):
        return "it cannot be reached, or breaks the connection off"
    return f"it does not answer as HTTP has it ({type(error).__name__})"
