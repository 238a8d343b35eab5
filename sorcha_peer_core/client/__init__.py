"""A client of the management API of a running node, for any Python program; the commands use it as well.

>>> from pathlib import Path
>>> from sorcha_peer_core.client import NodeClient, Place, find_node
>>> def follow(data_dir: Path, place: Place) -> None:
...     node = NodeClient(*find_node(data_dir))
...     subscription = node.subscribe(place)
...     for line in subscription:
...         print(line["seq"], node.get(line["hash"]))
...         place = subscription.place  # keep it, and begin there the next time
"""

from __future__ import annotations

from sorcha_peer_core.client.connection import INSTALL_ADVICE, Json, Refused
from sorcha_peer_core.client.finding import TOKEN_FILE, URL_FILE, find_node
from sorcha_peer_core.client.node_client import Batched, LogLines, NodeClient, batched_of
from sorcha_peer_core.client.subscription import Subscription
from sorcha_peer_core.model.log_place import BEGINNING, Gap, Place

__all__ = [
    "BEGINNING",
    "INSTALL_ADVICE",
    "TOKEN_FILE",
    "URL_FILE",
    "Batched",
    "Gap",
    "Json",
    "LogLines",
    "NodeClient",
    "Place",
    "Refused",
    "Subscription",
    "batched_of",
    "find_node",
]
