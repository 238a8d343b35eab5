"""A real nginx in front of the REST port: it ends TLS with a certificate of its own, or passes TLS through."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from service_parts import wait_until
from tls_parts import HOST, with_names
from tls_worlds import World, all_have, endpoint_of, submit, wait_for_link

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.services.tls.certificates import spki_sha256

pytest.importorskip("sorcha_transport_rest")

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian package nginx)")
needs_stream = pytest.mark.skipif(
    not STREAM_MODULE.exists(), reason="nginx has no stream module (Debian package libnginx-mod-stream)"
)

_COMMON = """
{modules}
daemon off; master_process off; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 128; }}
"""
_ENDS_TLS = """
http {{
    access_log off; client_max_body_size 16m;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream node {{ server 127.0.0.1:{target}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{
            proxy_pass https://node; proxy_ssl_verify off;
            proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 60s; proxy_buffering off;
        }}
    }}
}}
"""
_PASSES_TLS = "stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{target}; proxy_timeout 2m; }} }}\n"


@contextmanager
def nginx(folder: Path, template: str, **values: object):
    """A process of its own; yields its port."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    modules = f"load_module {STREAM_MODULE};" if template is _PASSES_TLS else ""
    text = (_COMMON + template).format(folder=folder, port=port, modules=modules, **values)
    (folder / "nginx.conf").write_text(text)
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")])
    try:
        wait_until(lambda: is_open(port), "nginx listens", 5.0)
        yield port
    finally:
        process.terminate()
        process.wait(5)


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


def is_open(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World(tmp_path, "rest", monkeypatch)
    yield world
    world.stop()


@pytest.fixture
def proxy_certificate(tmp_path):
    return with_names(tmp_path / "proxy", x509.DNSName("peer.example.org"))


def exchange(*nodes) -> None:
    payloads = [b"small", bytes(300_000)]
    submit(nodes[0], payloads[0])
    submit(nodes[1], payloads[1])
    wait_until(all_have(list(nodes), payloads), "everybody has everything", 15.0)


@needs_nginx
def test_a_node_behind_a_proxy_that_ends_tls_is_linked_when_it_knows_the_certificate(world, tmp_path, proxy_certificate):
    south = world.node("south", rest={"public_certificate": str(proxy_certificate.certificate)})
    values = {"target": endpoint_of(south).port, "certificate": proxy_certificate.certificate, "key": proxy_certificate.key}

    with nginx(tmp_path / "nginx", _ENDS_TLS, **values) as port:
        north = world.node("north", dials=f"rest://{HOST}:{port}#{south.status().peer_id}")
        wait_for_link(north, south)
        exchange(north, south)

        [peer] = north._assembled.links.peers.values()
        assert peer.link.remote_certificate == proxy_certificate.der
        assert spki_sha256(proxy_certificate.der) in peer.record.tls_keys


@needs_nginx
def test_a_proxy_whose_certificate_the_node_does_not_know_is_a_man_in_the_middle(world, tmp_path, proxy_certificate, caplog):
    south = world.node("south")
    values = {"target": endpoint_of(south).port, "certificate": proxy_certificate.certificate, "key": proxy_certificate.key}

    with nginx(tmp_path / "nginx", _ENDS_TLS, **values) as port:
        north = world.node("north", dials=f"rest://{HOST}:{port}")

        wait_until(lambda: "does not name the key of the certificate" in caplog.text, "it is refused", 10.0)
    assert north.status().peers_connected == 0


@needs_nginx
@needs_stream
def test_a_node_behind_a_proxy_that_passes_tls_through_needs_to_know_nothing(world, tmp_path):
    south = world.node("south")

    with nginx(tmp_path / "nginx", _PASSES_TLS, target=endpoint_of(south).port) as port:
        north = world.node("north", dials=f"rest://{HOST}:{port}#{south.status().peer_id}")
        wait_for_link(north, south)
        exchange(north, south)


def test_a_renewed_certificate_of_the_proxy_is_named_without_a_restart(world, tmp_path, monkeypatch, proxy_certificate):
    monkeypatch.setattr("sorcha_peer_core.node.node._CERTIFICATES_CHECKED_EVERY_S", 0.05)
    south = world.node("south", rest={"public_certificate": str(proxy_certificate.certificate)})
    renewed = with_names(tmp_path / "renewed", x509.DNSName("peer.example.org"))

    os.replace(renewed.certificate, proxy_certificate.certificate)

    key = spki_sha256(proxy_certificate.der)
    wait_until(lambda: key in south._assembled.own.record.tls_keys, "the record names the new key")


def test_a_public_certificate_is_refused_where_no_proxy_can_end_tls(world, proxy_certificate):
    with pytest.raises(ConfigError, match=r"public_certificate is for security\.mode 'open'"):
        world.node("south", "insecure", rest={"public_certificate": str(proxy_certificate.certificate)})


def test_a_public_certificate_that_cannot_be_read_is_named(world, tmp_path):
    with pytest.raises(ConfigError, match=r"plugins\.rest\.public_certificate is .*nowhere\.pem"):
        world.node("south", rest={"public_certificate": str(tmp_path / "nowhere.pem")})
