"""What a router between a home and the internet does to addresses, as rules for nftables.

Three kinds that a classification by STUN tells apart (RFC 3489, section 5). The interfaces of a router are called
``inside`` and ``outside``.
"""

from __future__ import annotations

from enum import Enum


class Nat(Enum):
    """How a router maps what comes from inside, and whom it lets in."""

    FULL_CONE = "full_cone"
    """One inside host has the outside address to itself: ports stay as they are, and whoever sends to it reaches it."""
    MASQUERADE = "masquerade"
    """What Linux routers do: a port stays the same where it is free, answers come in and nothing else."""
    SYMMETRIC = "symmetric"
    """Another port, by chance, for each destination; answers come in and nothing else."""


def rules_of(nat: Nat, outside: str, only_host: str) -> str:
    """The whole rule set of a router; replaces one that it has. ``only_host`` is the one that a full cone is for."""
    # Only what is sent to its address comes to it: also flows that began under an earlier one are over.
    chains = f'chain mine {{ type filter hook prerouting priority raw;\niifname "outside" ip daddr != {outside} drop\n}}\n'
    chains += _chain("postrouting", "srcnat", f'oifname "outside" {_source_rule(nat, outside)}')
    if nat is Nat.FULL_CONE:
        chains += _chain("prerouting", "dstnat", f'iifname "outside" ip daddr {outside} dnat to {only_host}')
    else:
        # Also for the router itself: an entry for what it refused would take the port from the host that has it.
        chains += _closed("forward") + _closed("input")
    return f"table ip nat\ndelete table ip nat\ntable ip nat {{\n{chains}}}\n"


def _chain(hook: str, priority: str, rule: str) -> str:
    return f"chain {hook} {{ type nat hook {hook} priority {priority};\n{rule}\n}}\n"


def _closed(hook: str) -> str:
    answers = 'iifname "outside" ct state established,related accept\niifname "outside" drop'
    return f"chain closed_{hook} {{ type filter hook {hook} priority filter;\n{answers}\n}}\n"


def _source_rule(nat: Nat, outside: str) -> str:
    if nat is Nat.SYMMETRIC:
        # A range besides the flags: without it the kernel keeps a port that is free.
        return f"meta l4proto {{ tcp, udp }} snat to {outside}:20000-60000 fully-random"
    return f"snat to {outside}"
