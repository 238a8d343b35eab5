"""Scenarios from files and options: TOML, checked like the configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from sorcha_peer_core.config import Section, load_config
from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.sim.profile import Costs, Loss
from sorcha_peer_core.sim.scenario import Absence, Churn, Partition, Scenario

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Strategy

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


_PLAIN = frozenset(field.name for field in fields(Scenario)) - {"loss", "core"}
"""Keys that a Scenario has too, with the same meaning."""


class PartitionTable(Section):
    """The network falls into parts."""

    at_s: NotNegative = 0.0
    for_s: Positive
    parts: Annotated[int, Field(ge=2)] = 2


class AbsenceTable(Section):
    """Nodes are away."""

    at_s: NotNegative = 0.0
    for_s: Positive
    nodes: Count = 1


class RunTable(Section):
    """One run. What is left out is as ``Scenario`` has it."""

    name: str | None = None
    peers: Annotated[int, Field(ge=2, le=100_000)] | None = None
    profile: Literal["world", "continent", "lan"] | None = None
    strategy: str | None = None
    links: Count | None = None
    near_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    size: Count | None = None
    rate: Positive | None = None
    transactions: Count | None = None
    warmup: Annotated[int, Field(ge=0)] | None = None
    deadline_s: Positive | None = None
    loss: Share | None = None
    loss_kind: Literal["drop", "tcp"] = "drop"
    dead: Share | None = None
    sybils: Share | None = None
    leaves_per_s: NotNegative = 0.0
    joins_per_s: NotNegative = 0.0
    partition: tuple[PartitionTable, ...] = ()
    absence: tuple[AbsenceTable, ...] = ()
    repair_s: NotNegative | None = None
    batch_ms: NotNegative | None = None
    verify_ms: NotNegative = 0.0
    commit_ms: NotNegative = 0.0
    seed: int | None = None
    seeds: Count | None = None
    transaction_distribution: dict[str, Any] = Field(default_factory=dict)
    core: dict[str, Any] = Field(default_factory=dict)


class ScenarioFile(RunTable):
    """Keys for all runs, and a table for each run with keys of its own."""

    title: str = ""
    run: tuple[RunTable, ...] = ()


class Plan(NamedTuple):
    """One run, ready to go."""

    scenario: Scenario
    strategy: Callable[[], Strategy]


def read_tables(file: Path) -> list[dict[str, Any]]:
    """The runs of a file. Raises ConfigError, with the key, its value and what is allowed."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the scenario {file} is not TOML: {error}") from None
    try:
        ScenarioFile.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{file}: {_explain(error)}") from None
    runs = tables.pop("run", None) or [{}]
    tables.pop("title", None)
    return [{**tables, **run} for run in runs]


def plan_of(table: Mapping[str, Any]) -> Plan:
    """What a table means. Raises ConfigError or PluginError."""
    try:
        run = RunTable.model_validate(table)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    given = run.model_dump(exclude_unset=True)
    scenario = Scenario(
        **{name: given[name] for name in given.keys() & _PLAIN},
        loss=Loss(run.loss or 0.0, run.loss_kind),
        churn=Churn(run.leaves_per_s, run.joins_per_s),
        partitions=tuple(Partition(p.at_s, p.for_s, p.parts) for p in run.partition),
        absences=tuple(Absence(a.at_s, a.for_s, a.nodes) for a in run.absence),
        costs=Costs(verify_ms=run.verify_ms, commit_ms=run.commit_ms),
    )
    return _with_protocol(scenario, run)


def _with_protocol(scenario: Scenario, run: RunTable) -> Plan:
    from sorcha_peer_core.builtin import plugin as builtin
    from sorcha_peer_core.node.knobs import core_config
    from sorcha_peer_core.plugin_manager import PluginManager

    config = load_config(None, {}, {"transaction_distribution": {**run.transaction_distribution, "strategy": scenario.strategy}})
    plugins = PluginManager([("builtin", builtin)])
    (offer,) = plugins.choose("peer_strategies", [scenario.strategy], "strategy")
    settings = config.transaction_distribution.model_dump()
    core = replace(core_config(config), **_knobs(run.core))
    return Plan(replace(scenario, core=core), lambda: offer.build(settings))


def _knobs(core: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values for fields of CoreConfig by name."""
    kinds = {field.name: int if field.type == "int" else float for field in fields(CoreConfig)}
    for name, value in core.items():
        if name not in kinds:
            raise ConfigError(f"core.{name} is no knob; {_advice(name, kinds)}")
        if isinstance(value, bool) or not isinstance(value, int | kinds[name]):
            raise ConfigError(f"core.{name} is {value!r}; it is a number")
    return core


def _explain(error: ValidationError) -> str:
    # A key that is misspelt often leaves one that is missing.
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    where = [part + 1 if isinstance(part, int) else part for part in problem["loc"]]
    key = ".".join(map(str, where))
    if problem["type"] == "extra_forbidden":
        return f"{key} is no key of a scenario; {_advice(str(where[-1]), _keys_of(where[:-1]))}"
    allowed = problem["msg"].removeprefix("Value error, ")
    return f"{key} is {problem['input']!r}: {allowed[0].lower()}{allowed[1:]}"


def _keys_of(where: Sequence[object]) -> Iterable[str]:
    names = [part for part in where if isinstance(part, str)]
    tables: dict[str, type[Section]] = {"partition": PartitionTable, "absence": AbsenceTable, "run": RunTable}
    return tables.get(names[-1] if names else "", ScenarioFile).model_fields


def _advice(name: str, choices: Iterable[str]) -> str:
    choices = list(choices)
    near = get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(choices)}"
