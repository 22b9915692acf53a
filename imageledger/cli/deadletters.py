"""`imageledger dlq`: records that were refused, why, and another try once the reader, a limit or the record changed."""

from __future__ import annotations

import asyncio
import json as jsonlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of
from imageledger.errors import SettingsError

if TYPE_CHECKING:
    from imageledger.settings import Settings
    from streams.offline.deadletters import Content, Letter, Outcome

_SHOWN_CHARACTERS = 4_000

ReasonOption = Annotated[str | None, typer.Option(help="Only this reason, for instance not_json.")]
TopicOption = Annotated[str | None, typer.Option(help="Only records of this topic, for instance results.")]
SinceOption = Annotated[str | None, typer.Option(help="Only records since then: 30m, 2h, 7d, or a date and time.")]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    group = typer.Typer(
        help="Dead letters: records that were refused, why, and how to send them again.", no_args_is_help=True
    )
    group.command("list")(list_letters)
    for command in (show, retry, export):
        group.command()(command)
    app.add_typer(group, name="dlq")


def list_letters(
    context: typer.Context,
    reason: ReasonOption = None,
    topic: TopicOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="Show at most this many, the newest.", min=1)] = 50,
    settled: Annotated[bool, typer.Option("--all", help="Also those that were sent again.")] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List what was refused and why, the newest last, each record once."""
    from imageledger import dead_letters
    from streams.offline import deadletters

    settings = settings_of(context, data)
    found = deadletters.chosen(
        asyncio.run(_letters(settings)), settled=settled, **_filter(settings, reason, topic, since)
    )
    newest = found[-limit:]
    if json:
        _write([dead_letters.summary(letter) for letter in newest])
        return
    _print_table(newest)
    reasons = ", ".join(f"{name} {count:,}" for name, count in Counter(letter.reason for letter in found).most_common())
    more = f" (the newest {len(newest):,} shown)" if len(newest) < len(found) else ""
    _say(f"{len(found):,} refused{': ' + reasons if found else ''}{more}")


def show(
    context: typer.Context,
    position: Annotated[str, typer.Argument(help="As `dlq list` names it: imageledger.results-3-17")],
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show one refused record in full, read from its place in the log."""
    from imageledger import dead_letters

    settings = settings_of(context, data)
    letter, content = asyncio.run(_one(settings, position))
    document = dead_letters.summary(letter) | dead_letters.contents(content)
    if json:
        _write(document)
        return
    value = document.pop("value", None)
    for name, text in document.items():
        if text is not None:
            sys.stdout.write(f"{name + ':':<10} {text}\n")
    if value is not None:
        cut = f"\n… {len(value):,} characters in all; --json shows them" if len(value) > _SHOWN_CHARACTERS else ""
        sys.stdout.write(f"\n{value[:_SHOWN_CHARACTERS]}{cut}\n")


def retry(
    context: typer.Context,
    positions: Annotated[list[str] | None, typer.Argument(help="Positions as `dlq list` names them.")] = None,
    reason: ReasonOption = None,
    topic: TopicOption = None,
    since: SinceOption = None,
    mended: Annotated[
        Path | None, typer.Option("--from", help="JSON lines as `dlq export` writes them, with their values corrected.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Send refused records to their topics again, as they are or corrected. What would be refused again is not sent."""
    from imageledger import dead_letters

    if not (positions or reason or mended):
        raise SettingsError("which records? Name positions, --reason R, or --from FILE (see `imageledger dlq list`)")
    settings = settings_of(context, data)
    values = dead_letters.mended(mended) if mended else {}
    wanted = [*(positions or ()), *values]
    outcomes = asyncio.run(_retry(settings, wanted, _filter(settings, reason, topic, since), values, dry_run, json))
    counts = Counter(outcome.state for outcome in outcomes)
    _say(", ".join(f"{state.replace('_', ' ')} {count:,}" for state, count in counts.items()) or "nothing to send")
    if json:
        _write([_plain(outcome) for outcome in outcomes])
    if counts.keys() - {"sent", "would_send"}:
        raise typer.Exit(1)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write (replaced if it exists); - is stdout.")],
    reason: ReasonOption = None,
    topic: TopicOption = None,
    since: SinceOption = None,
    data: DataOption = None,
) -> None:
    """Write refused records in full as JSON lines: to read, or to correct and send with `dlq retry --from`."""
    settings = settings_of(context, data)
    count = asyncio.run(_export(settings, file, _filter(settings, reason, topic, since)))
    _say(f"{count:,} records written to {file}")


async def _letters(settings: Settings) -> list[Letter]:
    from imageledger.kafka import cluster_of
    from streams.offline.deadletters import reading

    async with reading(cluster_of(settings)) as dead:
        return await dead.letters()


async def _one(settings: Settings, position: str) -> tuple[Letter, Content]:
    from imageledger.kafka import cluster_of
    from streams.offline.deadletters import chosen, reading

    async with reading(cluster_of(settings)) as dead:
        found = chosen(await dead.letters(), positions=[position])
        _require_all([position], found)
        return found[0], await dead.content(found[0])


async def _retry(
    settings: Settings,
    positions: Sequence[str],
    only: dict[str, Any],
    values: dict[str, bytes],
    dry_run: bool,
    quiet: bool,
) -> list[Outcome]:
    from imageledger.kafka import cluster_of
    from streams.offline.deadletters import chosen, reading

    outcomes = []
    async with reading(cluster_of(settings)) as dead:
        found = chosen(await dead.letters(), positions=positions, **only)
        _require_all(positions, found)
        async for outcome in dead.retry(found, values, dry_run=dry_run):
            outcomes.append(outcome)
            if not quiet:
                rest = outcome.to or outcome.detail
                sys.stdout.write(f"{outcome.position}  {outcome.state.replace('_', ' ')}  {rest}".rstrip() + "\n")
    return outcomes


async def _export(settings: Settings, file: Path, only: dict[str, Any]) -> int:
    from imageledger import dead_letters
    from imageledger.kafka import cluster_of
    from streams.offline.deadletters import chosen, reading

    async with reading(cluster_of(settings)) as dead:
        found = chosen(await dead.letters(), **only)
        with sys.stdout if str(file) == "-" else file.open("w", encoding="utf-8") as output:
            for letter in found:
                document = dead_letters.summary(letter) | dead_letters.contents(await dead.content(letter))
                output.write(jsonlib.dumps(document, ensure_ascii=False) + "\n")
    return len(found)


def _filter(settings: Settings, reason: str | None, topic: str | None, since: str | None) -> dict[str, Any]:
    from imageledger import dead_letters

    full = topic if topic is None or topic.startswith(settings.prefix) else settings.prefix + topic
    return {"reason": reason, "topic": full, "since_ms": since and dead_letters.moment_ms(since)}


def _require_all(positions: Sequence[str], found: Sequence[Letter]) -> None:
    missing = sorted(set(positions) - {letter.position for letter in found})
    if missing:
        raise SettingsError(
            f"no refused record stands at {', '.join(missing[:5])}: `imageledger dlq list` names those there are"
        )


def _print_table(found: Sequence[Letter]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from imageledger import dead_letters

    lines = Table()
    lines.add_column("position", no_wrap=True, overflow="fold")  # whole, however narrow: `show` and `retry` take it
    for name in ("recorded", "reason", "what and where"):
        lines.add_column(name, overflow="fold")
    for letter in found:
        summary = dead_letters.summary(letter)
        detail = letter.detail + (f" → {letter.retried}" if letter.retried else "")
        lines.add_row(letter.position, summary["recorded_at"][:19], letter.reason, Text(detail))
    Console().print(lines)


def _plain(outcome: Outcome) -> Any:
    import msgspec

    return msgspec.to_builtins(outcome)


def _write(document: Any) -> None:
    sys.stdout.write(jsonlib.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
