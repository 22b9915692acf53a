"""`imageledger lineage`: from an image to the rows that came of it, and from a row back to its images and models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from imageledger.settings import Settings
    from sinks.reading.history import History
    from sinks.reading.lineage import Lineage
    from sinks.reading.steps import Step


_PIPE_WIDTH = 2_000
"""Into a pipe, a line for each call and each answer."""


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    group = typer.Typer(help="What became of an image, and where a table's row comes from.", no_args_is_help=True)
    group.command()(image)
    group.command()(record)
    app.add_typer(group, name="lineage")


def image(
    context: typer.Context,
    image_id: Annotated[str, typer.Argument(help="The image's id, whole.")],
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """image → question → answer → table row, with model, tier, cost, confidence, context and validation."""
    from sinks.reading import lineage

    _show(lineage.of_image(_history(settings_of(context, data)), image_id), f"image {image_id}", as_json=json)


def record(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="The table.")],
    record_id: Annotated[str, typer.Argument(help="The row's id, whole.")],
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """From a table's row back to its images, and every model that touched them."""
    from sinks.reading import lineage

    found = lineage.of_record(_history(settings_of(context, data)), table, record_id)
    _show(found, f"row {record_id} of {table}", as_json=json)


def _history(settings: Settings) -> History:
    from imageledger import wiring
    from sinks.client import connect
    from sinks.reading.history import History

    return History(connect(wiring.reader_url(settings)))


def _show(lineage: Lineage, title: str, *, as_json: bool) -> None:
    from rich.console import Console

    from sinks.reading.lineage import as_json as encoded

    if as_json:
        write_json(encoded(lineage))
        return
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    with (console := Console(highlight=False, width=width)).capture() as drawn:
        console.print(tree(lineage.steps, title))
    for line in drawn.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def tree(steps: list[Step], title: str) -> Tree:
    """Subject → call → answer → row, in the order in which the calls happened."""
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(title, style="bold"))
    subjects: dict[tuple[str, str], Tree] = {}
    calls: dict[tuple[str, int, str], Tree] = {}
    for step in steps:
        subject = (step.subject_kind, step.subject_id)
        if subject not in subjects:
            of = f" of vehicle {step.vehicle_id}" if step.vehicle_id else ""
            subjects[subject] = root.add(Text(f"{step.subject_kind} {step.subject_id}{of}", style="cyan"))
        call = (step.run_id, step.source_partition, step.event_id)
        if call not in calls:
            calls[call] = subjects[subject].add(_call(step))
        if step.question is not None:
            answer = calls[call].add(_answer(step))
            if step.record_id:
                answer.add(Text(f"→ {step.table}/{step.record_id}", style="green"))
    return root


def _call(step: Step) -> Text:
    from rich.text import Text

    model = f"{step.model} {step.model_version or ''}".strip()
    line = Text(f"{step.event_time:%Y-%m-%d %H:%M:%S} tier {step.tier} {model} ({step.provider}) ")
    line.append(step.status, style={"failed": "red", "partial": "yellow"}.get(step.status, "green"))
    about = [
        f"${step.cost_nano_usd / 1e9:.6f}" if step.cost_nano_usd is not None else "cost unknown",
        f"{step.latency_ms} ms" if step.latency_ms is not None else None,
        f"prompt {step.prompt_version}" if step.prompt_version else None,
        f"context {step.context_score:g}" if step.context_score is not None else None,
        "with " + ", ".join(step.context_items) if step.context_items else None,
        f"{step.nth} of {step.times} at this tier" + (", holds" if step.holds else "") if step.times > 1 else None,
        step.error,
        f"run {step.run_id}",
    ]
    line.append(", " + ", ".join(part for part in about if part), style="dim")
    return line


def _answer(step: Step) -> Text:
    from rich.text import Text

    line = Text(f"{step.question} = {step.answer}" if step.answer is not None else f"{step.question}: no answer")
    about = [
        f"confidence {step.confidence:.0%}" if step.confidence is not None else None,
        f"{step.agreeing_models or 0} of {step.asked_models} models agreed" if step.asked_models else None,
        f"validated by {step.validated_by}" if step.validated_by else None,
        f"{step.verdict} by {step.verdict_by}" if step.verdict else None,
    ]
    known = ", ".join(part for part in about if part)
    if known:
        line.append(f" ({known})", style="dim")
    return line
