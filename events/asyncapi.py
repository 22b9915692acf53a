"""AsyncAPI 3.1 from the table of topics: what travels where, under which key and headers."""

from typing import Any

from .codec import EVENT_TYPES
from .envelope import Event, event_type
from .topics import DEFAULT_PARTITIONS, TOPICS, Topic, full_name

BINDING = "0.5.0"
PRODUCED = frozenset({"results", "runs", "heartbeats", "feedback", "profiles"})
"""What processors and users send; the others are written by the stream and the dashboard."""

_HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binding, binary mode. All are optional: the body is complete in itself.",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "event_id"},
        "ce_source": {"type": "string", "description": "source"},
        "ce_type": {"type": "string", "description": "event_type"},
        "ce_time": {"type": "string", "format": "date-time", "description": "event_time"},
        "ce_subject": {"type": "string", "description": "The record's key as text, where it has one."},
        "content-type": {"type": "string", "description": "application/json"},
    },
}
_REFUSED = {
    "name": "refused",
    "title": "Refused record",
    "summary": "The bytes of a record that is no valid event, up to 1 MiB, else their first 64 KiB.",
    "contentType": "application/octet-stream",
    "headers": {
        "type": "object",
        "required": ["dlq.reason", "dlq.detail", "dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp"],
        "properties": {
            "dlq.reason": {"type": "string"},
            "dlq.detail": {"type": "string", "description": "The field's path and why."},
            "dlq.topic": {"type": "string"},
            "dlq.partition": {"type": "string", "description": "A decimal number, as the next two."},
            "dlq.offset": {"type": "string"},
            "dlq.timestamp": {"type": "string", "description": "The record's own time, ms since 1970."},
            "dlq.size": {"type": "string", "description": "Bytes of the record, where only an excerpt is kept."},
            "dlq.sha256": {"type": "string", "description": "SHA-256 of the whole record, hexadecimal."},
            "dlq.retried": {
                "type": "string",
                "description": "On a letter without a value: the record of this key was published again, and when.",
            },
        },
    },
    "bindings": {"kafka": {"key": {"type": "string", "description": "source topic-partition-offset"}}},
}


def document(schema_files: dict[type[Event], str]) -> dict[str, Any]:
    """The AsyncAPI document; `schema_files` names each event type's JSON Schema, relative to the document.

    The ledgers and partials are the stream's own and are not part of the public contract.
    """
    public = [topic for topic in TOPICS if topic.name in EVENT_TYPES or topic.name == "dlq"]
    keys = {kind: topic.key for topic in public for kind in _types(topic)}
    messages = {event_type(kind): _message(kind, file, keys[kind]) for kind, file in schema_files.items()}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "imageledger",
            "version": "1.0.0",
            "description": "Events of an AI image pipeline, and the figures and alerts that are folded from them. "
            "Topics are named with the default prefix; it is configurable.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in public},
        "operations": {f"on_{topic.name}": _operation(topic) for topic in public},
        "components": {"messages": messages | {"refused": _REFUSED}, "schemas": {"cloudevents": _HEADERS}},
    }


def _types(topic: Topic) -> tuple[type[Event], ...]:
    return next((types for name, types in EVENT_TYPES.items() if name == topic.name), ())


def _message_names(topic: Topic) -> list[str]:
    return [event_type(kind) for kind in _types(topic)] or ["refused"]


def _channel(topic: Topic) -> dict[str, Any]:
    config = topic.config()
    return {
        "address": full_name(topic.name),
        "description": f"{topic.holds}; key: {topic.key}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(topic)},
        "bindings": {
            "kafka": {
                "partitions": DEFAULT_PARTITIONS,
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    "retention.ms": int(config["retention.ms"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    """From imageledger's side: it receives what processors send."""
    return {
        "action": "receive" if topic.name in PRODUCED else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in _message_names(topic)],
    }


def _message(kind: type[Event], file: str, key: str) -> dict[str, Any]:
    summary = (kind.__doc__ or "").partition("\n")[0]
    return {
        "name": event_type(kind),
        "title": kind.__name__,
        "summary": summary,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/cloudevents"},
        "payload": {"$ref": f"./{file}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}},
    }
