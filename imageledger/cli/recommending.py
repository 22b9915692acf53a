"""`imageledger recommend`: what is worth doing, and how much it saves."""

from __future__ import annotations

from typing import Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

_LISTED = 20
"""So many are shown; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(recommend)


def recommend(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="Only from this run's results.")] = None,
    days: Annotated[int, typer.Option(help="How many days to look back.", min=1, max=3_650)] = 30,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """What would save money or time: documents, cheaper models, reprocessing, batch size, concurrency."""
    import msgspec
    from rich.console import Console

    from dashboard.bodies.analytics import RecommendationsBody
    from imageledger.api import Api

    answer = Api(settings_of(context, data).api_url()).answer("/api/recommendations", run=run, days=days)
    if json:
        write_json(answer)
        return
    body = msgspec.json.decode(answer, type=RecommendationsBody)
    console = Console(highlight=False)
    if not body.recommendations:
        console.print("nothing to recommend by what is stored")
    for advice in body.recommendations[:_LISTED]:
        saved = f" (saves ${advice.cost_savings:,.4f})" if advice.cost_savings else ""
        console.print(f"• {advice.action}{saved}", markup=False)
        console.print(f"  {advice.impact}", markup=False)
