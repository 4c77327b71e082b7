"""The reference of the HTTP service, from the OpenAPI document that it answers with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import create_autospec

from pinsage.serving.config import ServingConfig
from pinsage.serving.recommender import Recommender
from pinsage.serving.service.app import create_app

HEAD = """# HTTP API

`pinsage serve` answers these requests; [Serve](../serving.md) shows how. A running service answers with its OpenAPI
document at `/openapi.json` and shows it at `/docs`. Errors are `{"detail": "..."}`: 404 for an unknown item or version,
422 for a request that cannot be understood, 503 for a damaged version.

"""


def http_api_page() -> str:
    """Every request with its parameters, body and answers, then every message, as Markdown."""
    # Routes are declared without asking the recommender anything.
    document = create_app(create_autospec(Recommender, instance=True), ServingConfig()).openapi()
    lines: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += _operation(f"{method.upper()} {path}", operation)
    lines += ["## Messages", ""]
    for name, schema in document["components"]["schemas"].items():
        if name not in ("HTTPValidationError", "ValidationError"):
            lines += _message(name, schema)
    return HEAD + "\n".join(lines)


def _operation(title: str, operation: dict[str, Any]) -> Iterator[str]:
    yield from (f"## {title}", "", operation.get("description", operation.get("summary", "")), "")
    parameters = operation.get("parameters", [])
    if parameters:
        yield from ("| parameter | in | type | meaning |", "|---|---|---|---|")
        for parameter in parameters:
            meaning = parameter.get("description") or parameter["schema"].get("description", "")
            required = "**required** " if parameter.get("required") else ""
            name, place, kind = parameter["name"], parameter["in"], _type(parameter["schema"])
            yield f"| `{name}` | {place} | {kind} | {required}{_cell(meaning)} |"
        yield ""
    if "requestBody" in operation:
        yield from (f"Body: {_content(operation['requestBody'])}", "")
    for status, answer in operation["responses"].items():
        if status == "200":
            yield from (f"Answer: {_content(answer) or 'see above'}", "")


def _content(body: dict[str, Any]) -> str:
    return ", ".join(_type(content.get("schema", {})) or kind for kind, content in body.get("content", {}).items())


def _message(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"### {name}", "", schema.get("description", ""), "")
    if schema.get("properties"):
        yield from ("| field | type | meaning |", "|---|---|---|")
        for field, described in schema["properties"].items():
            required = "**required** " if field in schema.get("required", []) else ""
            yield f"| `{field}` | {_type(described)} | {required}{_cell(described.get('description', ''))} |"
        yield ""


def _type(schema: dict[str, Any]) -> str:
    """A type as people read it, with its limits and its default; messages are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        text = " or ".join(dict.fromkeys(_type(choice) for choice in schema["anyOf"]))
    elif schema.get("type") == "array":
        text = f"list of {_type(schema.get('items', {})) or 'values'}"
    elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        text = f"object of {_type(schema['additionalProperties'])}"
    else:
        text = str(schema.get("type", "")).replace("null", "nothing")
    limits = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    if schema.get("default") is not None:
        limits.append(f"default `{json.dumps(schema['default'])}`")
    return _cell(", ".join([text, *limits]))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
