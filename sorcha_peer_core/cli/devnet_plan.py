"""Who can link to whom in a network whose nodes do not all have the same transports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_SCHEMES = {"grpcstream": "grpc", "grpc": "grpc", "rest": "rest"}
"""What listens for the transports that ship; any other is taken to have a listener of its own."""

Schemes = frozenset[str]


class Contact(NamedTuple):
    """A node to join through, and what both speak."""

    place: int
    schemes: Schemes


def schemes_of(transports: Iterable[str]) -> Schemes:
    """The endpoint schemes of a node with these transports.

    >>> sorted(schemes_of(["grpcstream", "rest"]))
    ['grpc', 'rest']
    """
    return frozenset(_SCHEMES.get(name, name) for name in transports)


def first_contacts(nodes: Sequence[Schemes]) -> list[list[Contact]]:
    """For each node the earlier ones that it joins through: together they speak all that it does, as far as any did before.

    >>> rest, both = schemes_of(["rest"]), schemes_of(["grpc", "rest"])
    >>> [[contact.place for contact in contacts] for contacts in first_contacts([rest, both, both])]
    [[], [0], [0, 1]]
    """
    contacts: list[list[Contact]] = []
    for place, own in enumerate(nodes):
        found: list[Contact] = []
        missing = own
        for earlier, other in enumerate(nodes[:place]):
            if missing & other:
                found.append(Contact(earlier, own & other))
                missing -= other
        contacts.append(found)
    return contacts


def most_links(nodes: Sequence[Schemes]) -> list[int]:
    """To how many others each node can be linked.

    >>> most_links([schemes_of(["rest"]), schemes_of(["grpc"]), schemes_of(["grpc", "rest"])])
    [1, 1, 2]
    """
    return [sum(bool(own & other) for other in nodes) - 1 for own in nodes]


def cut_off(nodes: Sequence[Schemes]) -> int | None:
    """The first node to which no way leads from the first one, not even through others; None when there is none.

    >>> cut_off([schemes_of(["rest"]), schemes_of(["grpc"])])
    1
    """
    reached = {0}
    while True:
        more = {place for place, own in enumerate(nodes) if place not in reached and any(own & nodes[at] for at in reached)}
        if not more:
            return next((place for place in range(len(nodes)) if place not in reached), None)
        reached |= more
