"""One look at a server: its certificate, by a TLS handshake and nothing more."""

from __future__ import annotations

import re
import socket
import ssl
from ipaddress import ip_address

from gevent import Timeout

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable
from sorcha_peer_core.services.tls.certificates import SERVER_NAME, CertificateUnusable, dns_names, read_der

_PROTOCOLS = ["h2", "http/1.1"]
"""A gRPC server may hang up on a client that offers no HTTP/2."""
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", re.IGNORECASE)
_UNKNOWN_AUTHORITY = {18, 19, 20, 21}
"""OpenSSL's codes for a chain that leads to no trusted certificate: it ends in itself, or nowhere."""


def looking_context() -> ssl.SSLContext:
    """A context that believes any certificate; whoever is at the other end proves later that it is its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def look_at(host: str, port: int, timeout_s: float, context: ssl.SSLContext) -> bytes:
    """The certificate (DER) of the server there; blocks this greenlet at most ``timeout_s``, name look-up included.

    Raises:
        PeerUnreachable, LinkTimeout, NotOffered: as ``Credentials.client`` says.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # Around everything, because the sockets' own timeouts begin anew with every address and every byte.
    with Timeout(timeout_s, LinkTimeout(f"{where} did not answer within {timeout_s:g} s")):
        try:
            connection = socket.create_connection((host, port), timeout_s)
        except TimeoutError:
            raise LinkTimeout(f"{where} did not answer within {timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise PeerUnreachable(f"{where} cannot be reached: {getattr(error, 'strerror', None) or error}") from error
        with connection:
            return _handshake(connection, where, _asked_for(host), context)


def server_name_of(der: bytes, host: str) -> str:
    """The name under which the certificate can be checked by a TLS library. Raises NotOffered when it has none."""
    try:
        names = dns_names(read_der(der))
    except CertificateUnusable as error:
        raise NotOffered(f"the certificate of {host} cannot be used: {error}") from None
    if not names:
        raise NotOffered(f"the certificate of {host} carries no DNS name, so it cannot be checked")
    return next((name for name in (SERVER_NAME, host) if name in names), names[0])


def _handshake(connection: socket.socket, where: str, name: str, context: ssl.SSLContext) -> bytes:
    try:
        # The handshake comes apart, because only then is the socket closed whatever ends it.
        with context.wrap_socket(connection, server_hostname=name, do_handshake_on_connect=False) as secured:
            secured.do_handshake()
            der = secured.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        raise NotOffered(f"the certificate of {where} is not accepted: {_verification_text(error)}") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
        raise PeerUnreachable(f"{where} closed the connection during the TLS handshake") from None
    except ssl.SSLError as error:
        raise NotOffered(f"{where} does not speak TLS as this node does ({error.reason or error})") from None
    except TimeoutError:
        raise LinkTimeout(f"{where} did not finish the TLS handshake in time") from None
    except OSError as error:
        raise PeerUnreachable(f"{where} was lost during the TLS handshake: {error.strerror or error}") from error
    if not der:
        raise NotOffered(f"{where} showed no certificate")
    return der


def _asked_for(host: str) -> str:
    """What the server is told to be called: a proxy may need its own name to show the right certificate."""
    try:
        ip_address(host)
    except ValueError:
        return host if _HOST_NAME.fullmatch(host) else SERVER_NAME
    return SERVER_NAME


def _verification_text(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"it is of an authority that is not among security.trusted_cas ({error.verify_message})"
    return str(error.verify_message)
