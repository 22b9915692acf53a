"""`imageledger findings`: what a run found out, and what its vehicles' owners should be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json
from imageledger.errors import UnreachableError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from imageledger.suggestions import Prompt, Report, VehicleReport
    from processors.backfill.findings import Findings

_LISTED = 15
"""So many parts and prompts are shown; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(findings)


def findings(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="The run's id; without it the one with the newest result.")] = None,
    vehicle: Annotated[str | None, typer.Option(help="Only this vehicle, with what its owner could add.")] = None,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """What a run found: angles, categories, parts, quality, gaps, and what one more document would save."""
    from rich.console import Console

    from imageledger import wiring
    from imageledger.findings import read
    from processors.backfill.documented import PRICES_USD

    found = read(wiring.reader_url(settings_of(context, data)), run, PRICES_USD)
    about = found if vehicle is None else _of(found, vehicle)
    if json:
        write_json(about)
        return
    console = Console(highlight=False)
    for table in _tables(about.found):
        console.print(table)
    _say_prompts(console, about.prompts)
    if vehicle is None:
        _say_improved(console, found)


def _of(found: Report, vehicle_id: str) -> VehicleReport:
    for one in found.vehicles:
        if one.vehicle_id == vehicle_id:
            return one
    raise UnreachableError(f"run {found.run_id} has no image of vehicle {vehicle_id} that did not fail")


def _tables(found: Findings) -> list[Table]:
    views = _table(f"{found.images:,} images by category and angle", "category", "angle", "images")
    for view in found.views:
        views.add_row(view.category, view.angle, f"{view.images:,}")
    parts = _table(f"{len(found.parts):,} parts", "kind", "part", "images", "confidence", "confirmed")
    for part in sorted(found.parts, key=lambda part: -part.images)[:_LISTED]:
        sure = "?" if part.confidence is None else f"{part.confidence:.1%}"
        parts.add_row(part.kind, part.name, f"{part.images:,}", sure, f"{part.validated:,}")
    quality = _table("image quality", "lighting", "focus", "images", "for detail", "for an expert", "score")
    for one in found.quality:
        counts = (one.images, one.sufficient_for_detail, one.suitable_for_expert)
        quality.add_row(one.lighting, one.focus, *(f"{count:,}" for count in counts), f"{one.mean_score:.1f}")
    gaps = _table("what is missing", "item", "images", "vehicles", "how to get it", "value")
    for gap in found.gaps:
        gaps.add_row(gap.item, f"{gap.images:,}", f"{gap.vehicles:,}", gap.how_to_get, gap.value)
    return [table for table in (views, parts, quality, gaps) if table.row_count]


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name, justify="left" if name in _TEXTS else "right")
    return table


_TEXTS = {"category", "angle", "kind", "part", "lighting", "focus", "item", "how to get it", "value"}


def _say_prompts(console: Console, prompts: list[Prompt]) -> None:
    for prompt in prompts[:_LISTED]:
        worth = f" ({prompt.images:,} images, saves {_usd(prompt.saves_nano_usd)})" if prompt.saves_nano_usd else ""
        console.print(f"• {prompt.text}{worth}", markup=False)


def _say_improved(console: Console, found: Report) -> None:
    """What a reprocessing would bring already, and what it brought."""
    images = sum(len(one.image_ids) for one in found.improved)
    if images:
        cost = sum(len(one.image_ids) * one.change.unit_cost_after_nano_usd for one in found.improved)
        console.print(
            f"{images:,} images are better documented than when they were asked about: again for {_usd(cost)}"
        )
    again = found.found.repeated
    if again.images:
        costs = f"{_usd(again.first_nano_usd)} the first time, {_usd(again.newest_nano_usd)} the last"
        console.print(f"{again.images:,} images were asked about again: {costs}")


def _usd(nano_usd: int) -> str:
    return f"${nano_usd / 1e9:,.4f}"
