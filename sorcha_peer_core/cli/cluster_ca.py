"""A throw-away certificate authority for nodes in mode ``ca`` that have no certificate yet."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config

_DAYS = 7
"""Such a network is for a test or an afternoon."""


def certify(folder: Path, configs: Iterable[Config]) -> None:
    """Give every node that needs one a certificate; the authority in ``folder`` is made when there is none.

    Left alone are nodes of other modes, those that have a certificate, and those whose configuration names files.
    """
    from sorcha_peer_core.services.identity import load_or_create_identity
    from sorcha_peer_core.services.tls.authority import AUTHORITY_KEY_FILE, init_authority, open_authority
    from sorcha_peer_core.services.tls.ca_credentials import CaFiles
    from sorcha_peer_core.services.tls.files import PUBLIC, Draft, read, replace
    from sorcha_peer_core.services.tls.request import check_request, make_request

    for config in configs:
        security, now = config.security, time.time()
        files = CaFiles.of(config.data_dir, "", "", "", "")
        configured = security.certificate or security.key or security.trusted_cas
        if security.mode != "ca" or configured or files.certificate.exists():
            continue
        if (folder / AUTHORITY_KEY_FILE).exists():
            authority = open_authority(folder)
        else:
            authority = init_authority(folder, "devnet", _DAYS, now)
        request = make_request(files.key, config.node.network_id, load_or_create_identity(config.data_dir))
        certificate, _ = authority.issue(check_request(request), _DAYS, now)
        trusted = Draft(files.trusted_cas, read(authority.certificate_file), PUBLIC)
        replace([trusted, Draft(files.certificate, certificate, PUBLIC)])
