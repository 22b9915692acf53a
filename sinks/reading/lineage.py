"""Where an image went and where a table's row comes from: a graph, and the same as flat steps (S0, Audit)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from sinks.errors import NoLineage

from .history import History
from .steps import Step, steps_of

Kind = Literal["image", "component", "message", "vehicle", "call", "model", "answer", "record", "feedback"]
Link = Literal["belongs_to", "processed_by", "made_by", "answered", "wrote", "judged_by", "replaced_by"]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A thing. `id` names it within the graph alone; `label` is its own name; `facts` are what is known of it."""

    id: str
    kind: Kind
    label: str
    facts: dict[str, Any] = {}


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """From a node to what came of it, or what it belongs to."""

    source: str
    target: str
    kind: Link


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of what `about` names, oldest call first."""

    about: str
    nodes: list[Node]
    edges: list[Edge]
    steps: list[Step]


def of_image(history: History, image_id: str) -> Lineage:
    """image → question → answer → table row, with model, version, tier, cost, context, validation, reprocessing.

    Raises NoLineage where no result of that image is stored; ClickHouseError.
    """
    steps = steps_of(history, {("image", image_id)})
    if not steps:
        raise NoLineage(
            f"no result of image {image_id!r} is stored; {_SOME.format('DISTINCT subject_id FROM results')}"
        )
    return Lineage(about=_id("image", image_id), **_graph(steps))


def of_record(history: History, table: str, record_id: str) -> Lineage:
    """From a table's row back to each image that it is about, and every model that touched that image.

    Raises NoLineage where no answer wrote that row; ClickHouseError.
    """
    candidates = {(row["subject_kind"], row["subject_id"]) for row in history.rows(_NAMED_BY, {"id": record_id})}
    steps = steps_of(history, candidates) if candidates else []
    wrote = {step.subject for step in steps if (step.table, step.record_id) == (table, record_id)}
    if not wrote:
        some = _SOME.format("DISTINCT table, record_id FROM lineage WHERE record_id != ''")
        raise NoLineage(f"no answer names row {record_id!r} of table {table!r}; {some}")
    return Lineage(about=_id("record", table, record_id), **_graph([step for step in steps if step.subject in wrote]))


_SOME = '`imageledger sql "SELECT {} LIMIT 20"` shows some that are'


def _id(*parts: str) -> str:
    """A node's id; a separator that an id holds too cannot make two things one."""
    return ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in parts)


def _graph(steps: Sequence[Step]) -> dict[str, Any]:
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}

    def node(kind: Kind, label: str, *parts: str, **facts: Any) -> str:
        key = _id(kind, *(parts or (label,)))
        if key not in nodes:
            nodes[key] = Node(id=key, kind=kind, label=label, facts=_known(facts))
        return key

    def edge(source: str, target: str, kind: Link) -> None:
        edges[Edge(source=source, target=target, kind=kind)] = None

    for step in steps:
        subject = node(_subject_kind(step), step.subject_id)
        if step.vehicle_id is not None:
            edge(subject, node("vehicle", step.vehicle_id), "belongs_to")
        place = (step.run_id, str(step.source_partition), step.event_id)
        call = node("call", f"tier {step.tier} · {step.model}", *place, **_call_facts(step))
        edge(subject, call, "processed_by")
        version = step.model_version or ""
        name = f"{step.model} {version}".strip()
        edge(call, node("model", name, step.provider, step.model, version, provider=step.provider), "made_by")
        if step.question is None:
            continue
        answer = node("answer", step.question, *place, step.question, **_answer_facts(step))
        edge(call, answer, "answered")
        if step.record_id:
            edge(answer, node("record", f"{step.table}/{step.record_id}", step.table or "", step.record_id), "wrote")
        if step.verdict is not None:
            word = (step.run_id, step.subject_id, step.question)
            judged = node("feedback", step.verdict, *word, by=step.verdict_by)
            edge(answer, judged, "judged_by")
    for earlier, later in _replaced(steps):
        edge(_id("call", *earlier), _id("call", *later), "replaced_by")
    return {"nodes": list(nodes.values()), "edges": list(edges), "steps": list(steps)}


def _replaced(steps: Iterable[Step]) -> Iterable[tuple[tuple[str, str, str], tuple[str, str, str]]]:
    """Each call and the next of its subject at its tier."""
    newest: dict[tuple[str, str, int], tuple[str, str, str]] = {}
    for step in steps:
        line = (step.subject_kind, step.subject_id, step.tier)
        call = (step.run_id, str(step.source_partition), step.event_id)
        if line in newest and newest[line] != call:
            yield newest[line], call
        newest[line] = call


def _subject_kind(step: Step) -> Kind:
    kind: Kind = msgspec.convert(step.subject_kind, Kind)
    return kind


def _call_facts(step: Step) -> dict[str, Any]:
    names = (
        "run_id", "event_id", "event_time", "tier", "nth", "times", "holds", "status", "error", "prompt_version",
        "strategy", "latency_ms", "cost_nano_usd", "context_score", "context_items", "parent_id",
    )  # fmt: skip
    return {name: getattr(step, name) for name in names}


def _answer_facts(step: Step) -> dict[str, Any]:
    names = ("answer", "confidence", "asked_models", "agreeing_models", "validated_by")
    return {name: getattr(step, name) for name in names}


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None and value != []}


# Records of repeats and of other tables among them: the steps tell which of these subjects wrote the row.
_NAMED_BY = """
SELECT DISTINCT subject_kind, subject_id FROM results WHERE has(results.answers.record_id, {id:String})
ORDER BY subject_kind, subject_id LIMIT 1000
"""


def as_json(lineage: Lineage) -> bytes:
    """The lineage as the API and the command line give it: names in camelCase, times RFC 3339."""
    return msgspec.json.encode(_camel(msgspec.to_builtins(lineage)))


def _camel(value: Any) -> Any:
    """Every name of ours is a key here; ids and answers are values."""
    if isinstance(value, dict):
        return {_HUMP.sub(lambda hump: hump[1].upper(), name): _camel(inner) for name, inner in value.items()}
    return [_camel(inner) for inner in value] if isinstance(value, list) else value


_HUMP = re.compile(r"_([a-z])")
