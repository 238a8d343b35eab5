"""``python -m sorcha_peer_core.testing.transport_process PLUGIN SETTINGS [SEAL]``: a busy process that ends on SIGTERM.

SETTINGS is what the transport finds in its section of the configuration, as a JSON object, SEAL the MODULE:FUNCTION that
makes its credentials. The process listens, dials itself, keeps every link full in both directions, says ``ready``, and
stops in order when told to.
"""

from __future__ import annotations

import sorcha_peer_core.testing.patched  # noqa: F401  (before everything that opens sockets)

# isort: split
import json
import signal
import sys
from importlib import import_module

import gevent
from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed
from sorcha_peer_core.interfaces.transport import Link
from sorcha_peer_core.testing.transport_suite import RecordedEvents, credentials_named, transport_context

_LINKS = 4


def main() -> None:
    """Run until SIGTERM."""
    told = Event()
    gevent.signal_handler(signal.SIGTERM, told.set)
    offer = import_module(sys.argv[1]).peer_transports()[0]
    settings = json.loads(sys.argv[2])
    credentials = credentials_named("".join(sys.argv[3:]))
    listener, dialler = (offer.build(transport_context(settings=settings, credentials=credentials)) for _ in range(2))
    events = RecordedEvents()
    endpoint = listener.listen(events)[0]
    links = [dialler.dial(endpoint, events, 5.0) for _ in range(_LINKS)]
    events.wait_for(lambda: len(events.opens) == _LINKS)
    for link in [*links, *events.opens]:
        gevent.spawn(_fill, link)
    events.wait_for_batches(10 * _LINKS)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    told.wait()
    dialler.stop(1.0)
    listener.stop(1.0)


def _fill(link: Link) -> None:
    try:
        while True:
            link.send(b"x" * 1000)
    except LinkClosed:
        return


if __name__ == "__main__":
    main()
