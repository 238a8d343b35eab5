"""What schemathesis is told beside the document: values that a real node knows, and what would take minutes.

A request that follows a stream or waits for a minute is asked for the short form; some requests name what is really here.
"""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, SerializationContext

NDJSON = "application/x-ndjson"
KNOWN: dict[str, list[str]] = json.loads(os.environ.get("SORCHA_KNOWN_VALUES", "{}"))
"""By the name of a path parameter: values under which the node has something."""
_LONGEST_WAIT_S = 0.2


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Take out what goes on for ever, and put every other time a real value where any would do."""
    query = case.query or {}
    if "follow" in query:
        query["follow"] = "0"
    if "wait" in query and str(query["wait"]).isdigit() and int(query["wait"]) <= 60:
        query["wait"] = 0
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("wait_s"), int | float) and body["wait_s"] > _LONGEST_WAIT_S:
        body["wait_s"] = _LONGEST_WAIT_S if body["wait_s"] <= 60 else body["wait_s"]
    for name, values in KNOWN.items():
        drawn = (case.path_parameters or {}).get(name)
        if isinstance(drawn, str) and drawn.isalnum() and len(drawn) == len(values[0]) and drawn[0] in "02468ace":
            case.path_parameters[name] = values[ord(drawn[-1]) % len(values)]


@schemathesis.serializer(NDJSON)
def as_lines(context: SerializationContext, value: Any) -> dict[str, Any]:
    """A value is one line, bytes are what they are."""
    return {"data": value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"}
