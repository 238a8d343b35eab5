"""One typed, validated configuration. Every error names the key, the value and what is allowed.

Precedence: command line, ``SORCHA_PEER__SECTION__KEY``, TOML file, default.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.ids import parse_peer_id
from sorcha_peer_core.model.masking import MASK, is_secret, without_password
from sorcha_peer_core.model.peer import parse_bootstrap, parse_host_port

ENV_PREFIX = "SORCHA_PEER__"
DEFAULT_DATA_DIR = "./sorcha-peer-data"
CONFIG_FILE = "config.toml"
DEFAULT_TRANSPORTS = ("grpcstream", "grpc", "rest")
"""All that ship. Of these, and only while nothing else is configured, those that are not installed are passed over."""
DEFAULT_RESOLVERS = ("manual", "interface", "stun", "http")
"""Likewise."""

_MOST_FANOUT = 64


def _host_port(text: str) -> str:
    parse_host_port(text)
    return text


def _host_port_or_nothing(text: str) -> str:
    return text and _host_port(text)


def _ip_or_nothing(text: str) -> str:
    if text:
        try:
            ip_address(text)
        except ValueError:
            raise ValueError("it is one IP address, such as 127.0.0.1") from None
    return text


def _bootstrap(text: str) -> str:
    parse_bootstrap(text)
    return text


def _peer_id(text: str) -> str:
    return parse_peer_id(text)


def _fanout(text: str) -> str:
    if text != "auto" and not (text.isdecimal() and 1 <= int(text) <= _MOST_FANOUT):
        raise ValueError(f"write auto, or a number from 1 to {_MOST_FANOUT}")
    return text


def _http_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise ValueError(f"{text!r} is not https://HOST[:PORT]/PATH")
    return text


FanoutText = Annotated[str, AfterValidator(_fanout)]
HostPort = Annotated[str, AfterValidator(_host_port)]
ListenAddress = Annotated[str, AfterValidator(_host_port_or_nothing)]
"""Empty: nothing listens."""
ProxyAddress = Annotated[str, AfterValidator(_ip_or_nothing)]
"""Empty: there is none."""
HttpUrl = Annotated[str, AfterValidator(_http_url)]
BootstrapText = Annotated[str, AfterValidator(_bootstrap)]
PeerIdText = Annotated[str, AfterValidator(_peer_id)]
PositiveSeconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A table of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class NodeSection(Section):
    """Who this node is."""

    name: str = Field("", max_length=64, description="what people call this node; empty: the start of its peer id")
    data_dir: str = Field(DEFAULT_DATA_DIR, min_length=1, description="where identity, database and tokens lie")
    network_id: str = Field("sorcha", min_length=1, max_length=64, description="nodes link only within one network")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug | info | warning | error")
    log_format: Literal["text", "json"] = Field("text", description="text for people, json for collectors")


class NetworkAddressSection(Section):
    """Where peers can reach this node."""

    external_address: str = Field("", description="host under which peers reach this node; empty: found by the resolvers")
    resolvers: tuple[str, ...] = Field(DEFAULT_RESOLVERS, description="sources of the own address, asked in this order")
    stun_servers: tuple[HostPort, ...] = Field((), description="resolver stun: HOST:PORT of servers to ask; empty: asks nobody")
    http_lookup_services: tuple[HttpUrl, ...] = Field(
        (), description="resolver http: URLs that answer with the caller's address; empty: asks nobody"
    )
    preferred_protocol: Literal["auto", "ipv4", "ipv6"] = Field(
        "auto", description="whose addresses are told first: auto is IPv4; ipv4 and ipv6 ask STUN and HTTP for that family only"
    )


class PeerDiscoverySection(Section):
    """How peers are found."""

    bootstrap_nodes: tuple[BootstrapText, ...] = Field((), description="first contacts: [grpc://|rest://]host:port[#PEER_ID]")
    bootstrap_sources: tuple[str, ...] = Field((), description="further sources of first contacts, asked in this order: file")
    bootstrap_file: str = Field("", description="source file: one first contact a line; relative to the data directory")
    refresh_interval_s: PositiveSeconds = Field(900.0, description="how often linked peers are asked whom they know")
    max_peers_in_list: Count = Field(1000, description="most peers that are remembered")
    min_healthy_peers: Count = Field(5, description="below this many links (or all known peers) the node is degraded")
    peer_timeout_s: PositiveSeconds = Field(30.0, description="longest time a look at a peer that is not linked may take")
    max_concurrent_discoveries: Count = Field(10, description="most dials at the same time")
    retry_interval_s: PositiveSeconds = Field(300.0, description="longest pause between two dials of one peer; starts at 1 s")
    failure_threshold: Count = Field(3, description="failed dials after which a peer is no longer preferred")


class CommunicationSection(Section):
    """Links to peers."""

    transports: tuple[str, ...] = Field(DEFAULT_TRANSPORTS, min_length=1, description="ways to link, best first")
    listen: ListenAddress = Field("[::]:5001", description="gRPC listener; port 0: any free one; empty: the node only dials")
    connection_timeout_s: PositiveSeconds = Field(30.0, description="longest time for a dial, over all transports")
    rung_timeout_s: PositiveSeconds = Field(2.0, description="a transport that has not answered by then is passed over")
    upgrade_probe_interval_s: PositiveSeconds = Field(
        300.0, description="how often a better transport is tried for a peer that is linked by a lesser one"
    )
    circuit_breaker_threshold: Count = Field(5, description="failures in a row after which a transport of a peer rests")
    circuit_breaker_reset_s: PositiveSeconds = Field(300.0, description="how long it rests before it is tried again")
    retry_delay_s: PositiveSeconds = Field(
        5.0, description="how long receipts of a submission are waited for; the first pause before it is offered again"
    )
    link_probe_interval_s: PositiveSeconds = Field(2.0, description="how often a silent link is probed; 3 misses end it")
    max_connections: Count = Field(64, description="most links at the same time")
    shutdown_grace_s: Annotated[float, Field(ge=0)] = Field(3.0, description="longest time an orderly stop may take")


class TransactionDistributionSection(Section):
    """How transactions spread."""

    strategy: str = Field("mesh", min_length=1, description="who gets pushed what: mesh | sqrt | flood")
    fanout: FanoutText = Field(
        "auto", description="mesh: links that push to a node; auto: 3 | sqrt: peers told at each hop; auto: root of all"
    )
    full_mesh_max_peers: Annotated[int, Field(ge=0)] = Field(
        32, description="up to this many peers everybody is linked to everybody"
    )
    max_transaction_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = Field(10_485_760, description="largest payload")
    eager_max_bytes: Annotated[int, Field(ge=0, le=1 << 20)] = Field(
        4096,
        description="up to this size the payload is pushed, in quiet times up to 4 times that (most 16 KiB)",
    )
    swarm_min_bytes: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        262_144, description="from this size on transactions travel in chunks"
    )
    streaming_threshold_bytes: Count = Field(1_048_576, description="above this size classic clients use StreamTransaction")
    transaction_cache_ttl_s: Count = Field(86_400, description="how long a transaction stays valid in the network")
    bloom_reset_interval_s: PositiveSeconds = Field(
        3600.0, description="how often the filter of old hashes starts a new generation"
    )
    retention_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="most bytes of payloads that are kept, the oldest go first; 0: all, for a little more than a day"
    )
    enable_compression: bool = Field(True, description="compress what links carry, where both sides can and it pays")
    min_receipts: Count = Field(2, description="peers that must have a submission; of all linked ones where fewer are linked")


class OfflineModeSection(Section):
    """What waits for the network."""

    max_queue_size: Count = Field(100_000, description="most submissions that wait; further ones are refused")
    max_queue_bytes: Count = Field(1_073_741_824, description="most bytes of payload that wait")
    max_retries: Count = Field(5, description="offers to linked peers after which a submission nobody takes is a dead letter")


class SecuritySection(Section):
    """Who may link, and how."""

    mode: Literal["open", "ca", "insecure"] = Field(
        "open", description="open: every node its own certificate | ca: certificates of a private authority | insecure: plaintext"
    )
    certificate: str = Field("", description="mode ca: own certificate; empty: tls/certificate.pem in the data directory")
    key: str = Field("", description="mode ca: its private key; empty: tls/key.pem")
    trusted_cas: str = Field("", description="mode ca: the authorities; empty: tls/ca.pem")
    revoked: str = Field("", description="mode ca: peers and certificates that are out; empty: tls/revoked.txt if there is one")
    allowed_peers: tuple[PeerIdText, ...] = Field((), description="peer ids that may link, in any mode; empty: everybody")
    reputation: Literal["on", "dry-run", "off"] = Field(
        "dry-run",
        description="peers that break the rules are parted with and banned for a time | it is only said | not looked at",
    )
    allow_insecure_network: bool = Field(False, description="mode insecure: listen beyond loopback all the same")


class StoreSection(Section):
    """Where data is kept."""

    url: str = Field(
        "sqlite:///peer.db",
        pattern=r"^[a-z0-9+]+://",
        repr=False,
        description="sqlite:///FILE, relative to the data directory, postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or memory://",
    )


class AdminSection(Section):
    """Management API (distribution sorcha-peer-admin)."""

    listen: HostPort = Field("127.0.0.1:5080", description="management API and pages")
    hosts: tuple[str, ...] = Field((), description="names under which browsers reach the pages, beside localhost and addresses")
    allow_remote: bool = Field(False, description="listen beyond loopback all the same: there is no TLS, so put a proxy in front")
    trusted_proxy: ProxyAddress = Field(
        "", description="address of the TLS proxy in front, whose X-Forwarded-For and X-Forwarded-Proto are believed"
    )
    metrics_listen: ListenAddress = Field(
        "", description="/metrics, /healthz and /readyz alone, without a token, on this address too; empty: not"
    )


class _Origins(dict[str, str]):
    """Where values come from; two configurations with the same values are the same, whoever said them."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Origins)


class Config(Section):
    """The whole configuration; sections are the tables of the TOML file."""

    node: NodeSection = NodeSection()
    network_address: NetworkAddressSection = NetworkAddressSection()
    peer_discovery: PeerDiscoverySection = PeerDiscoverySection()
    communication: CommunicationSection = CommunicationSection()
    transaction_distribution: TransactionDistributionSection = TransactionDistributionSection()
    offline_mode: OfflineModeSection = OfflineModeSection()
    security: SecuritySection = SecuritySection()
    store: StoreSection = StoreSection()
    admin: AdminSection = AdminSection()
    plugins: dict[str, dict[str, Any]] = Field(default_factory=dict)
    _origins: _Origins = PrivateAttr(default_factory=_Origins)

    def origin(self, key: str) -> str:
        """Where a setting (``section.name``) comes from: flag | environment variable NAME | file PATH | default."""
        return self._origins.get(key, "default")

    @property
    def data_dir(self) -> Path:
        """Where the node keeps its files."""
        return Path(self.node.data_dir)


def load_config(file: Path | None, env: Mapping[str, str], overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """Read, merge and check; ``overrides`` come from the command line.

    Raises:
        ConfigError: with key, value and what is allowed.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer, origin in ((_read(file) if file else {}, f"file {file}"), (_from_env(env), ""), (overrides, "flag")):
        _merge(values, layer)
        origins |= {key: origin or f"environment variable {variable_of(key)}" for key, _ in leaves(layer)}
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    config._origins.update(origins)
    return config


def leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in nested tables, each under its whole name.

    >>> list(leaves({"plugins": {"rest": {"listen": "[::]:5002"}}}))
    [('plugins.rest.listen', '[::]:5002')]
    """
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def variable_of(key: str) -> str:
    """The environment variable that sets ``section.name``."""
    return ENV_PREFIX + key.replace(".", "__").upper()


def to_toml(config: Config) -> str:
    """The configuration as a commented file: every key with its value and one line that explains it."""
    lines = ["# Sorcha Peer. Keys left out have the values shown here; SORCHA_PEER__SECTION__KEY overrides a key."]
    for name in Config.model_fields:
        section = getattr(config, name)
        if not isinstance(section, Section):
            continue
        lines += ["", f"[{name}]  # {(type(section).__doc__ or '').strip().splitlines()[0]}"]
        lines += [
            f"{key} = {_toml_value(getattr(section, key))}  # {info.description}"
            for key, info in type(section).model_fields.items()
        ]
    return "\n".join(lines) + "\n"


def _merge(values: dict[str, Any], layer: Mapping[str, Any], path: str = "") -> None:
    for key, value in layer.items():
        if not isinstance(value, Mapping):
            values[key] = value
            continue
        table = values.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{path}{key} is {table!r}; it is a table: [{path}{key}]")
        _merge(table, value, f"{path}{key}.")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"the configuration file {file} does not exist") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration file {file} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {file} cannot be read: {error}") from None


def _from_env(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    layer: dict[str, dict[str, Any]] = {}
    for name, text in env.items():
        if not name.startswith(ENV_PREFIX):
            continue
        section, mark, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        table = layer.setdefault(section, {})
        if section == "plugins":
            section, mark, key = key.partition("__")
            table = table.setdefault(section, {})
        if not mark or not section or not key:
            raise ConfigError(f"the environment variable {name} names no setting; write {ENV_PREFIX}SECTION__KEY")
        table[key] = _env_value(text)
    return layer


def _env_value(text: str) -> Any:
    # Lists and numbers are JSON; a bare word or address is itself.
    try:
        return json.loads(text)
    except ValueError:
        return text


def _toml_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    # JSON's escapes beyond the basic plane are not TOML's, and TOML wants one more character escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _explain(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return _explain_unknown(where)
    allowed = problem["msg"].removeprefix("Value error, ")
    value = MASK if is_secret(".".join(where)) else without_password(repr(problem["input"]))
    return f"{'.'.join(where)} is {value}: {allowed[0].lower()}{allowed[1:]}"


def _explain_unknown(where: list[str]) -> str:
    *path, key = where
    choices = list(_keys_of(path))
    near = get_close_matches(key, choices, n=1)
    kind = "setting" if path else "section"
    hint = f"did you mean {'.'.join([*path, near[0]])}?" if near else f"there is {', '.join(choices)}"
    return f"{'.'.join(where)} is no {kind}; {hint}"


def _keys_of(path: list[str]) -> Iterator[str]:
    section = Config.model_fields[path[0]].default if path else Config()
    yield from type(section).model_fields if isinstance(section, Section) else ()
