"""`imageledger alerts`: what fires, by which rules; silences; a rule tried on the log; and the bridge to webhooks."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

if TYPE_CHECKING:
    from datetime import datetime

    from dashboard.bodies.alerts import AlertRow
    from metrics.alerts.backtest import Episode

RunOption = Annotated[str | None, typer.Option(help="Only this run; without it, all runs.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why; it is kept in the log.")]
ByOption = Annotated[str | None, typer.Option(help="Who decides; without it your user name.")]

_room = typer.Typer(help="Which alerts are firing, by which rules, and who is notified.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.add_typer(_room, name="alerts")


@_room.command("list")
def list_(
    context: typer.Context,
    run: RunOption = None,
    history: Annotated[bool, typer.Option("--history", help="Resolved alerts too.")] = False,
    limit: Annotated[int, typer.Option(help="At most this many of each state.", min=1)] = 50,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show firing and pending alerts."""
    import asyncio

    from dashboard.alerts.state import Wanted
    from imageledger.alerting import listed

    found = asyncio.run(listed(settings_of(context, data), Wanted(run=run), limit))
    if json:
        write_json(found)
        return
    rows = [*found.firing, *found.pending, *(found.history if history else [])]
    if not rows:
        sys.stdout.write("nothing fires and nothing is about to\n")
        return
    sys.stdout.write("".join(f"{line}\n" for row in rows for line in told(row)))


def told(row: "AlertRow") -> list[str]:
    """An alert in lines that 80 columns hold: which, since when, about what, in its words, and what to do."""
    state = row.state if row.silenced_by is None else f"{row.state} (silenced)"
    against = "" if row.threshold is None else f" against {row.threshold:.4g}"
    value = "" if row.value is None else f": {row.value:.4g}{against}"
    until = "" if row.ended_at is None else f" until {_second(row.ended_at)}"
    about = [f"run {row.run_id}"] if row.run_id else []
    about += [f"{name} {value}" for name, value in row.labels.items() if name != "level"]
    return [
        f"{state} {row.severity} {row.type}{value}",
        f"  since {_second(row.started_at)}{until}",
        *([f"  {', '.join(about)}"] if about else []),
        f"  {row.message}",
        f"  {row.action}",
    ]


def _second(moment: "datetime") -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@_room.command("rules")
def rules_(context: typer.Context, run: RunOption = None, json: JsonOption = False, data: DataOption = None) -> None:
    """Show the rules in force and the silences."""
    import asyncio

    from imageledger.alerting import rules

    found = asyncio.run(rules(settings_of(context, data), run))
    if json:
        write_json(found)
        return
    for rule in found.rules:
        levels = ", ".join(f"{name} {edge:g}" for name, edge in (rule.levels or {}).items())
        edge = levels or (f"> {rule.above:g}" if rule.above is not None else f"< {rule.below or 0:g}")
        marks = ["changed"] * rule.changed + ["off"] * (not rule.enabled)
        name = f"{rule.name} ({', '.join(marks)})" if marks else rule.name
        severity = "" if rule.levels else f" {rule.severity}"
        by = f" by {rule.by}" if rule.by else ""
        sys.stdout.write(f"{name}{severity}: {rule.metric}{by} {edge} for {rule.for_s:g} s of {rule.window_s:g} s\n")
        sys.stdout.write(f"  {rule.message}\n")
    for silence in found.silences:
        of = silence.rule or silence.fingerprint or "every alert"
        where = "all runs" if silence.run_id is None else f"run {silence.run_id}"
        until = silence.until.isoformat(sep=" ", timespec="seconds")
        sys.stdout.write(f"silence {silence.silence_id}: {of} of {where} until {until}\n")
    for problem in found.problems:
        sys.stdout.write(f"not used: {problem}\n")


@_room.command("set")
def set_(
    context: typer.Context,
    rule: Annotated[str | None, typer.Argument(help="The rule's name; a new name creates a rule.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Many rules at once, from a TOML file.", exists=True, dir_okay=False)
    ] = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Turn it on or off.")] = None,
    above: Annotated[float | None, typer.Option(help="The threshold; broken by a higher value.")] = None,
    below: Annotated[float | None, typer.Option(help="The threshold; broken by a lower value.")] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", help="Seconds that it must be broken before the alert fires.")
    ] = None,
    window: Annotated[float | None, typer.Option(help="Seconds of event time over which the metric is read.")] = None,
    min_samples: Annotated[
        int | None, typer.Option(help="With fewer results in the window the rule does nothing.")
    ] = None,
    severity: Annotated[str | None, typer.Option(help="info, warning, error or critical.")] = None,
    metric: Annotated[str | None, typer.Option(help="The metric; see `alerts rules`.")] = None,
    message: Annotated[str | None, typer.Option(help="The alert's text.")] = None,
    action: Annotated[str | None, typer.Option(help="What to do about it.")] = None,
    run: RunOption = None,
    reason: ReasonOption = None,
    by: ByOption = None,
    data: DataOption = None,
) -> None:
    """Change rules for one run or all: an event in the log, which every worker follows within a second."""
    import asyncio
    import getpass
    import tomllib

    import msgspec

    from events.runs import RuleChange
    from imageledger.alerting import change
    from metrics.alerts.rules import BUILT_IN, parse
    from metrics.errors import BadRule

    if file is not None:
        parse(file.read_text("utf-8"), str(file), BUILT_IN)
        tables: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    else:
        given = {
            "enabled": enable,
            "above": above,
            "below": below,
            "for_s": for_s,
            "window_s": window,
            "min_samples": min_samples,
            "severity": severity,
            "metric": metric,
            "message": message,
            "action": action,
        }
        fields = {name: value for name, value in given.items() if value is not None}
        if rule is None or not fields:
            raise BadRule("nothing to change: `imageledger alerts set RULE --above 0.1`, or `--file RULES.toml`")
        tables = {rule: fields}
    try:
        rules = msgspec.convert(tables, dict[str, RuleChange])
    except msgspec.ValidationError as error:
        raise BadRule(f"rule {rule or file}: {error}") from error
    asyncio.run(change(settings_of(context, data), run, rules, reason, by or getpass.getuser()))
    where = "all runs" if run is None else f"run {run}"
    sys.stdout.write(f"in the log, for {where}: {', '.join(sorted(rules))}\n")


@_room.command()
def silence(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(help="For this many minutes.", min=0.0, max=1e6)] = 60.0,
    rule: Annotated[str | None, typer.Option(help="Alerts of this rule.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="This alert.")] = None,
    run: RunOption = None,
    reason: ReasonOption = None,
    by: ByOption = None,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Silence alerts: what begins meanwhile stays pending, and fires afterwards if it still holds."""
    import asyncio
    import getpass
    from datetime import UTC, datetime, timedelta

    from dashboard.alerts.decisions import silenced
    from imageledger.alerting import SOURCE, publish

    now = datetime.now(UTC)
    until = now + timedelta(minutes=minutes)
    event = silenced(run, until, rule, fingerprint, reason, by or getpass.getuser(), now, SOURCE)
    asyncio.run(publish(settings_of(context, data), event))
    if json:
        write_json({"silence_id": event.silence_id, "until": until})
    else:
        sys.stdout.write(f"silence {event.silence_id} until {until.isoformat(sep=' ', timespec='seconds')}\n")


@_room.command()
def unsilence(
    context: typer.Context,
    silence_id: Annotated[str, typer.Argument(help="The silence's id, as `alerts rules` shows it.")],
    run: RunOption = None,
    reason: ReasonOption = None,
    by: ByOption = None,
    data: DataOption = None,
) -> None:
    """End a silence; give `--run` if it was made for one run."""
    import asyncio
    import getpass
    from datetime import UTC, datetime

    from dashboard.alerts.decisions import unsilenced
    from imageledger.alerting import SOURCE, publish

    event = unsilenced(run, silence_id, reason, by or getpass.getuser(), datetime.now(UTC), SOURCE)
    asyncio.run(publish(settings_of(context, data), event))
    sys.stdout.write(f"silence {silence_id} is over\n")


@_room.command()
def backtest(
    context: typer.Context,
    rules: Annotated[Path, typer.Argument(help="Rules as TOML.", exists=True, dir_okay=False)],
    since: Annotated[str, typer.Option(help="A time (2026-11-20T08:00Z), or how long ago: 90m, 24h, 7d.")] = "24h",
    run: RunOption = None,
    step: Annotated[float, typer.Option(help="Seconds between two evaluations; live it is 1.", min=0.1)] = 5.0,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Replay the log through rules: when would they have fired, and for how long? It turns nothing on."""
    import asyncio

    from imageledger.alerting import backtest as replay

    settings = settings_of(context, data)
    text = rules.read_text("utf-8")

    def moved(count: int) -> None:
        if not json and sys.stderr.isatty():
            sys.stderr.write(f"\r{count:,} records")

    found = asyncio.run(replay(settings, text, str(rules), moment(since), run, step, moved))
    if json:
        write_json(found)
        return
    _show(found)


def _show(found: "list[Episode]") -> None:
    for one in found:
        lasted = "fires still" if one.seconds is None else f"for {one.seconds:.0f} s"
        value, threshold = ("?" if number is None else f"{number:.4g}" for number in (one.value, one.threshold))
        about = ", ".join([f"run {one.run_id}", *(f"{name} {label}" for name, label in one.labels.items())])
        sys.stdout.write(f"{one.severity} {one.rule}: {value} against {threshold}\n")
        sys.stdout.write(f"  fired {_second(one.fired_at)}, {lasted}, {about}\n")
    if not found:
        sys.stdout.write("none of these rules would have fired\n")


@_room.command()
def forward(context: typer.Context, data: DataOption = None) -> None:
    """Send every alert to webhooks and people (IMAGELEDGER_ALERT_WEBHOOKS, IMAGELEDGER_ALERT_NOTIFY), until stopped."""
    from imageledger import wiring

    wiring.run_forward(settings_of(context, data))


def moment(text: str) -> Any:
    """A time, or a time so long ago. Raises typer.BadParameter."""
    from datetime import UTC, datetime, timedelta

    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}.get(text[-1:])
    try:
        if seconds is not None and text[:-1].replace(".", "", 1).isdigit():
            return datetime.now(UTC) - timedelta(seconds=float(text[:-1]) * seconds)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no time: 2026-11-20T08:00Z, or 90m, 24h, 7d") from error
