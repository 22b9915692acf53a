"""Names that are known without a mapping: OpenTelemetry's GenAI attributes and OpenInference's.

Sources: opentelemetry-semantic-conventions 0.66b2 (`gen_ai_attributes`), openinference-semantic-conventions 0.1.42
(`SpanAttributes`); spans as the Python SDK's `to_json`, as Phoenix exports them, and as OTLP's JSON.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from events.refusals import Refused
from processors.importing.fields import EPOCHS, as_kind, kind_of, moment
from processors.importing.mapping import put

# Field → its names, the first that a span carries.
NAMES: dict[str, tuple[str, ...]] = {
    "model": (
        "gen_ai.request.model", "llm.model_name", "llm.request.model_name", "gen_ai.response.model",
        "llm.response.model_name", "embedding.model_name",
    ),
    "model_version": ("gen_ai.response.model", "llm.response.model_name"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "task_type": ("gen_ai.operation.name",),
    "prompt_version": ("llm.prompt_template.version",),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "cached_tokens": ("gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read"),
    "usage.cache_write": (
        "gen_ai.usage.cache_creation.input_tokens", "llm.token_count.prompt_details.cache_write",
    ),
    "usage.reasoning": (
        "gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning",
    ),
    "cost_usd": ("llm.cost.total", "gen_ai.usage.cost"),
    "conversation_id": ("gen_ai.conversation.id", "session.id"),
    "user_id": ("user.id", "enduser.id"),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "source": ("service.name",),
    "trace_id": ("trace_id", "traceId", "context.trace_id"),
    "parent_id": ("parent_id", "parentSpanId", "parent_span_id"),
    "error.type": ("error.type", "exception.type"),
    "error.message": ("status.description", "status.message", "status_message", "exception.message"),
}  # fmt: skip
_SPAN_IDS = ("span_id", "spanId", "context.span_id")
_STARTS = ("start_time", "startTimeUnixNano", "start_time_unix_nano")
_ENDS = ("end_time", "endTimeUnixNano", "end_time_unix_nano")
_STATUSES = ("status.status_code", "status.code", "status_code", "otel.status_code")
_FAILED = {"ERROR", "2", "STATUS_CODE_ERROR"}
_OURS = "imageledger."
_IMAGES = ("imageledger.image_id", "image_id", "image.id")
# What sums up other spans, or is no model's call: counted, it would count twice.
_NO_CALLS = {"invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "retrieval"}
_CALLS = {"LLM", "EMBEDDING", "RERANKER"}
_PREFIXES = ("gen_ai.", "llm.", "openinference.", "embedding.")


def is_known(values: dict[str, Any]) -> bool:
    """Whether a row is a span, or carries such attributes."""
    if "resourceSpans" in values:
        return True
    flat = _flat(values)
    return any(name.startswith(_PREFIXES) for name in flat) or any(name in flat for name in _SPAN_IDS)


def documents(values: dict[str, Any]) -> list[dict[str, Any]]:
    """An event's document for each model call in the row; other spans give none. Raises Refused."""
    return [document for span in _spans(values) if (document := _document(_flat(span))) is not None]


def _document(span: dict[str, Any]) -> dict[str, Any] | None:
    model = _first(span, NAMES["model"])
    if model is None or span.get("gen_ai.operation.name") in _NO_CALLS:
        return None
    if str(span.get("openinference.span.kind", "LLM")).upper() not in _CALLS:
        return None
    kind = "image" if _first(span, _IMAGES) is not None else "message"
    document: dict[str, Any] = {"event_type": f"{kind}.result", "model": model}
    for field, names in NAMES.items():
        _take(document, field, _first(span, names))
    if document.get("model_version") == document["model"]:
        del document["model_version"]
    _take(document, f"{kind}_id", _first(span, _IMAGES if kind == "image" else (*_SPAN_IDS, "gen_ai.response.id")))
    for name, value in span.items():
        if name.startswith(_OURS):
            _take(document, name.removeprefix(_OURS), value)
    trace, id_ = _first(span, NAMES["trace_id"]), _first(span, _SPAN_IDS)
    if trace is not None and id_ is not None:
        document.setdefault("event_id", f"{trace}-{id_}")
    _take_times(document, span)
    failed = str(_first(span, _STATUSES)).rpartition(".")[2].upper() in _FAILED or "type" in document.get("error", {})
    document.setdefault("status", "failed" if failed else "success")
    if not failed:
        document.pop("error", None)
    return document


def _take(document: dict[str, Any], path: str, value: Any) -> None:
    kind = kind_of(document["event_type"], path)
    known = as_kind(kind, value, path) if kind is not None else None
    if known is not None:
        put(document, path, known)


def _take_times(document: dict[str, Any], span: dict[str, Any]) -> None:
    start, end = (_time(_first(span, names), path) for names, path in ((_STARTS, "started_at"), (_ENDS, "event_time")))
    if start is not None:
        document.setdefault("started_at", start)
    if end is not None or start is not None:
        document.setdefault("event_time", end or start)
    if start is not None and end is not None and "latency_ms" not in document:
        took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        document["latency_ms"] = took / timedelta(milliseconds=1)


def _time(value: Any, path: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, int | float) or (isinstance(value, str) and value.isdecimal()):
        return moment(value, path, factor=EPOCHS["ns"])
    return moment(value, path)


def _first(span: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((span[name] for name in names if span.get(name) not in (None, "")), None)


def _spans(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of a row: itself, or those of an OTLP request."""
    if "resourceSpans" not in values:
        yield values
        return
    try:
        for group in values["resourceSpans"]:
            resource = _attributes(group.get("resource", {}).get("attributes", []))
            for scope in group.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    yield {**span, "attributes": resource | _attributes(span.get("attributes", []))}
    except (AttributeError, KeyError, TypeError) as error:
        raise Refused("wrong_type", f"$.resourceSpans: not as OTLP writes it: {error!r}") from error


def _attributes(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """OTLP's `[{"key": …, "value": {"stringValue": …}}]`; its 64-bit integers are texts."""
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in pairs}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under dotted names; what stands under `attributes` (or a resource's) under its own."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        full = (prefix + name).removeprefix("resource.").removeprefix("attributes.")
        if isinstance(value, dict):
            found |= _flat(value, full + "." if full not in {"attributes", "resource"} else "")
        else:
            found[full] = value
    return found
