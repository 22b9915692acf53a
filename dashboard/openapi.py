"""What Litestar cannot tell of the API by itself: problems, bodies of POSTs, other media types, examples."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from dashboard.bodies.models import FeedbackBody
from dashboard.examples import EXAMPLES, REQUESTS
from dashboard.routes.alerts import Hold
from dashboard.routes.commands import Asked
from dashboard.routes.sql import Statement
from sinks.reading.export import MEDIA_TYPES

PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457: `title` is the kind, `detail` this case and the remedy.",
    "required": ["type", "status", "title", "detail"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {},
    },
}
_PROBLEMS = {
    "400": ("Bad Request", "a parameter or the body is not what the address takes"),
    "404": ("No such run", "no snapshot of that run is known: /api/runs lists the runs"),
    "503": ("History is not available", "ClickHouse does not answer; live runs are not affected"),
    "default": ("Unsupported media type", "send application/json"),
}
_TEXT = {"type": "string"}
_FILE = {"type": "string", "contentEncoding": "binary"}
_OTHER_MEDIA: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("get", "/api/export/{view}"): {
        media.partition(";")[0]: _TEXT if media.startswith("text/") else {} if "json" in media else _FILE
        for media in MEDIA_TYPES.values()
    },
    ("post", "/api/sql"): {
        "application/json": {"type": "object"},
        "application/x-ndjson": _TEXT,
        "text/csv": _TEXT,
        "text/tab-separated-values": _TEXT,
        "application/vnd.apache.parquet": _FILE,
        "application/vnd.apache.arrow.file": _FILE,
        "application/octet-stream": _FILE,
    },
}
_VERSIONED = {
    "/api/analytics/experiments",
    "/api/analytics/models",
    "/api/analytics/models/recommend",
    "/api/metrics/analytics",
    "/api/metrics/cost-projection",
    "/api/metrics/dashboard",
    "/api/metrics/vehicle/{vehicle_id}",
    "/api/metrics/vehicles",
    "/api/recommendations",
    "/api/runs/{run}/metrics",
    "/api/runs/{run}/series",
}
"""Answers with an ETag."""
_BODIES: Mapping[str, tuple[type[msgspec.Struct] | None, tuple[str, ...]]] = {
    "/api/alerts/silences": (Hold, ("application/json",)),
    "/api/analytics/models/feedback": (FeedbackBody, ("application/json",)),
    "/api/commands": (Asked, ("application/json",)),
    "/api/sql": (Statement, ("application/json",)),
    "/api/events": (None, ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")),
}
"""What a POST takes; None: an event, or an array of them, whose schemas are in schemas/events."""
_EVENTS = {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}, "maxItems": 10_000}]}


class DescribedJson(JsonRenderPlugin):
    """The OpenAPI document as JSON, with all of that in it; made when it is asked for first."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"])
        self._whole: dict[str, Any] | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The whole document."""
        if self._whole is None:
            self._whole = described(openapi_schema)
        return self.render_json(request, self._whole)


def described(document: Mapping[str, Any]) -> dict[str, Any]:
    """Litestar's document, completed: plain JSON values throughout."""
    whole: dict[str, Any] = msgspec.to_builtins(document)
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            _describe(method, path, operation, schemas)
    return whole


def _describe(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    responses = operation["responses"]
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    for status, (title, detail) in _PROBLEMS.items():
        example = {"type": "about:blank", "status": int(status) if status.isdigit() else 415}
        example |= {"title": title, "detail": detail, "instance": path}
        responses[status] = {
            "description": title if status != "default" else "Any other problem",
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
            },
        }
    if path in _VERSIONED:
        responses["304"] = {"description": "What `If-None-Match` names is still the newest"}
    if path == "/readyz":
        responses["503"] = {**responses["200"], "description": "Not ready: `parts` say which"}
    if path == "/api/events":
        responses["422"] = {**responses["200"], "description": "Every event was rejected"}
    good = responses.get("200") or responses["202"]
    if (method, path) in _OTHER_MEDIA:
        good["content"] = {media: {"schema": schema} for media, schema in _OTHER_MEDIA[method, path].items()}
    if "application/json" in good["content"]:
        content, made = good["content"]["application/json"], EXAMPLES.get((method, path))
        content["example"] = sample(content["schema"], schemas) if made is None else msgspec.to_builtins(made())
        good["description"] = "The answer"
    if path in _BODIES and method == "post":
        operation["requestBody"] = _body(path, schemas)


def _body(path: str, schemas: dict[str, Any]) -> dict[str, Any]:
    kind, media_types = _BODIES[path]
    schema: dict[str, Any] = _EVENTS
    if kind is not None:
        (schema,), components = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
        schemas.update(components)
    content = {media: {"schema": schema} for media in media_types}
    content["application/json"] = {"schema": schema, "example": REQUESTS[path]}
    return {"required": True, "content": content}


def sample(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A plain value that the schema allows: for an answer that has no example of its own."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for name in ("const", "default", "example"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    for name in ("oneOf", "anyOf", "allOf"):
        if name in schema:
            return sample(schema[name][0], schemas)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: sample(properties[name], schemas) for name in schema.get("required", ()) if name in properties}
    if kind == "string":
        formats = {"date-time": "2025-11-22T15:58:00Z", "date": "2025-11-22"}
        return formats.get(schema.get("format", ""), "text")
    return {"array": [], "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0), "boolean": False}.get(
        str(kind)
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is absent; there is no null in a URL."""
    plain = {name: value for name, value in schema.items() if value is not None}
    for name in ("oneOf", "anyOf"):
        kinds = [kind for kind in plain.get(name, ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del plain[name]
            plain = {**kinds[0], **plain}
    if isinstance(plain.get("type"), list):
        plain["type"] = next(kind for kind in plain["type"] if kind != "null")
    if "enum" in plain:
        plain["enum"] = [value for value in plain["enum"] if value is not None]
    return plain
