"""The contract in files: a JSON Schema for each event type, and AsyncAPI, written from the types.

`python -m events.schemas` writes them under `schemas/`; `--check` writes nothing and exits 1 where a file differs.
Readers ignore what they do not know; the published schemas are closed, so that a producer's test finds a typing error.
"""

import argparse
import functools
import inspect
import json
import sys
import typing
from pathlib import Path
from typing import Any

import msgspec

from .asyncapi import document
from .codec import EVENT_TYPES
from .envelope import Event, event_type
from .feedback import FeedbackRecorded
from .results import Result

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parents[1] / "schemas"
_SUBJECTS = ("image_id", "component_id", "message_id", "conversation_id")


def version(kind: type[Event]) -> int:
    """The version of a type's schema: what its events carry as `schema_version`."""
    return int(next(field.default for field in msgspec.structs.fields(kind) if field.name == "schema_version"))


def file_name(kind: type[Event]) -> str:
    """`image.result.v1.json`."""
    return f"{event_type(kind)}.v{version(kind)}.json"


def schema(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of what a producer writes for an event type; complete in itself."""
    _, found = msgspec.json.schema_components([_describable(kind)], ref_template="#/$defs/{name}")
    components: dict[str, Any] = {name: _closed(_settled(component)) for name, component in found.items()}
    root: dict[str, Any] = components.pop(kind.__name__)
    root["properties"]["event_type"] = {"const": event_type(kind)}
    if "output" in root["properties"]:
        root["properties"]["output"] = {"description": "The model's own JSON, kept verbatim."}
    if kind is FeedbackRecorded:
        root["anyOf"] = [{"required": [name], "properties": {name: {"type": "string"}}} for name in _SUBJECTS]
    head = {"$schema": DIALECT, "$id": f"urn:imageledger:schema:{event_type(kind)}:v{version(kind)}"}
    return head | root | ({"$defs": components} if components else {})


@functools.cache
def _describable(kind: type[Event]) -> type[msgspec.Struct]:
    """The type itself; for a result a copy without the Raw default of `output`, which msgspec cannot describe."""
    if not issubclass(kind, Result):
        return kind
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: list[Any] = [
        (field.name, hints[field.name])
        if field.required
        else (field.name, Any, None)
        if field.name == "output"
        else (field.name, hints[field.name], field.default)
        for field in msgspec.structs.fields(kind)
    ]
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        fields,
        kw_only=True,
        tag=config.tag,
        tag_field=config.tag_field,
        namespace={"__doc__": kind.__doc__},
    )


def _settled(part: Any) -> Any:
    """Alternatives in one order: Python keeps the first spelling of a union that any module of the process wrote."""
    if isinstance(part, list):
        return [_settled(each) for each in part]
    if not isinstance(part, dict):
        return part
    settled = {name: _settled(value) for name, value in part.items()}
    if isinstance(settled.get("anyOf"), list):
        settled["anyOf"].sort(key=lambda one: (one == {"type": "null"}, json.dumps(one)))
    return settled


def _closed(component: dict[str, Any]) -> dict[str, Any]:
    closed = dict(component)
    if "description" in closed:
        closed["description"] = inspect.cleandoc(closed["description"])
    if "properties" in closed:
        closed["additionalProperties"] = False
    return closed


def files() -> dict[str, str]:
    """Path under `schemas/` → text, of every file that this module writes."""
    kinds = [kind for types in EVENT_TYPES.values() for kind in types]
    written = {
        f"events/{file_name(kind)}": json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in kinds
    }
    names = {kind: f"events/{file_name(kind)}" for kind in kinds}
    return written | {"asyncapi.yaml": _yaml(document(names))}


def _yaml(content: dict[str, Any]) -> str:
    import yaml  # a development dependency: who runs the product does not write its schemas

    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return "# Written by `python -m events.schemas`.\n" + text


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the files, or with `--check` say which differ. The exit code."""
    parser = argparse.ArgumentParser(prog="python -m events.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    check = parser.parse_args(arguments).check
    wanted = files()
    stale = {path.relative_to(folder).as_posix() for path in (folder / "events").glob("*.json")} - wanted.keys()
    changed = [
        name
        for name, text in wanted.items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text
    ]
    if check:
        for name in sorted([*changed, *stale]):
            sys.stderr.write(f"{name} is not what the event types say; run `python -m events.schemas`\n")
        return 1 if changed or stale else 0
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(wanted[name], "utf-8")
    for name in stale:
        (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
