"""`imageledger verify`, `replay` and `switch`: are the figures the fold of the log; fold them anew, and use that.

Exit codes of `verify`: 0 every figure is equal, 1 some figure differs (each is named), 2 it could not be compared (the
sink is behind, a server does not answer, retention took a part of the log): one line on stderr says why.

`verify --json` prints one document:

    {"equal": false, "records": 12345, "seconds": 3.2, "notes": ["…"],
     "runs": [{"run_id": "…", "as_of": "…", "source_offsets": {"results": {"0": 17}}, "figures": 311, "equal": false}],
     "differences": [{"run_id": "…", "figure": "totals.results", "values": {"snapshot": 10, "sql": 9},
                      "offsets": [["results", 0, 3]], "explanation": "…"}]}

`values`: what each witness says: snapshot, refold, sql, partials, ledger.combine, ledger.run, dlq. `offsets`: topic,
partition and offset of the first records that explain it.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

if TYPE_CHECKING:
    from imageledger.proof.replay import Replay
    from imageledger.proof.verify import Progress, Verdict
    from streams.cluster import Cluster
    from streams.offline.comparison import Difference

FollowOption = Annotated[
    bool, typer.Option("--follow", help="Keep copying what still arrives under the old prefix, until Ctrl-C.")
]
EQUAL, DIFFERENT, NOT_COMPARED = 0, 1, 2
_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(verify)
    app.command()(replay)
    app.command()(switch)


def verify(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="Only this run.", show_default="all runs")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the sink to store what is compared.", min=0)] = 60,
    rows: Annotated[
        bool, typer.Option("--rows", help="Also compare each row in ClickHouse with its record, of all runs.")
    ] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Fold the log anew from offset 0 and compare every figure with it.

    It compares snapshots, partials, both ledgers, the dead letters and SQL, each as of the offsets that it names, so
    everything may keep running. Of SQL it compares the sums; with --rows also every column of every stored row with
    its record, which finds a changed text too (except rows that a table's TTL has removed).

    Exit codes: 0 all equal; 1 some figure differs, and each is named; 2 it could not compare, and why.
    """
    from imageledger import wiring
    from imageledger.errors import ImageledgerError
    from servers.errors import ServerError
    from sinks.errors import SinkError
    from streams.errors import StreamError

    try:
        settings = settings_of(context, data)
        with _drawn() as progress:
            verdict = asyncio.run(wiring.verify(settings, run, wait, os.cpu_count() or 1, progress, rows=rows))
    except (ImageledgerError, ServerError, SinkError, StreamError) as error:
        typer.echo(f"imageledger: {error}", err=True)
        raise typer.Exit(NOT_COMPARED) from error
    _report(verdict, as_json=json)
    raise typer.Exit(EQUAL if verdict.equal else DIFFERENT)


def replay(
    context: typer.Context,
    into: Annotated[str, typer.Option(help="Prefix of the copy's topics, for instance 'rebuilt.'.")],
    follow: FollowOption = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Copy what is left of the log to another prefix, so that it can be folded anew beside the running stack.

    Use it after a damaged ledger, when retention has removed the log's beginning, or when a topic was recreated.
    Run it again to copy what has come since. The running stack is not touched. With --follow it keeps copying while
    producers move to the new prefix one by one (docs/decisions/0025-the-switch.md).
    """

    from imageledger.kafka import cluster_of
    from imageledger.proof import replay as replaying

    cluster = cluster_of(settings_of(context, data))
    with _drawn() as progress:
        done = asyncio.run(
            replaying.replay(
                cluster,
                into,
                lambda total: progress.begin("copying the log", total),
                progress.moved,
            )
        )
    if json:
        write_json(done)
    else:
        _say_replayed(done)
    if follow:
        _follow(cluster, into)


def _follow(cluster: "Cluster", into: str) -> None:
    """Until Ctrl-C."""
    from imageledger.proof import replay as replaying

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(replaying.follow(cluster, into, lambda count: typer.echo(f"{count:,} more copied", err=True)))


def switch(
    context: typer.Context,
    into: Annotated[str | None, typer.Option(help="Prefix to switch to, as given to `replay`.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Switch back to the previous prefix.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Switch even where figures differ.")] = False,
    follow: FollowOption = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Move the running stack to a log that `replay` copied: copy the rest, fold it, compare, restart on it.

    It compares every counter of the running snapshots with the fold of the copied log as of the same offsets, and
    the copy's own figures with its log. If anything differs it does not switch (exit code 1), unless --anyway is
    given: after a damaged ledger or a log without its beginning a difference is expected. With --follow it keeps
    copying for producers that still write to the old prefix (docs/decisions/0033-the-switch-of-a-folder.md).
    """

    from imageledger.errors import SettingsError
    from imageledger.kafka import cluster_of
    from imageledger.proof import switching

    settings = settings_of(context, data)
    cluster = cluster_of(settings)
    if back == (into is not None):
        raise SettingsError("choose one: --into PREFIX, or --back")
    if into is None:
        done = switching.back(settings.data, settings.prefix)
    else:
        done = asyncio.run(
            switching.switch(settings.data, cluster, into, lambda text: typer.echo(text, err=True), anyway=anyway)
        )
    if json:
        write_json(done)
    else:
        for difference in done.differences[:_SHOWN]:
            typer.echo(_line(difference))
        typer.echo(f"{done.runs} runs compared, {len(done.differences)} figures differ")
        typer.echo(
            f"{settings.data} now uses {done.prefix}*, {len(done.restarted)} processes restart; "
            "`imageledger switch --back` undoes it"
            if done.switched
            else f"nothing was switched: {settings.data} still uses {done.before}*"
        )
    if follow and done.switched and into is not None:
        _follow(cluster, into)
    raise typer.Exit(EQUAL if done.switched else DIFFERENT)


def _say_replayed(done: "Replay") -> None:
    for topic, offsets in done.missing.items():
        typer.echo(f"{topic}: {offsets:,} offsets are gone from the log, and from its copy", err=True)
    typer.echo(f"{sum(done.copied.values()):,} records copied to {done.into}*; {done.waiting:,} came meanwhile")
    typer.echo(
        f"fold them:   IMAGELEDGER_PREFIX={done.into} imageledger up --data NEW\n"
        f"check them:  IMAGELEDGER_PREFIX={done.into} imageledger verify --data NEW\n"
        f"switch:      `imageledger switch --into {done.into} --follow`, while you start each producer with that prefix"
    )


@contextmanager
def _drawn() -> "Iterator[Progress]":
    """What is done, with a bar where the offsets to read are known; on stderr, and only if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from imageledger.proof.verify import Progress

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        class Drawn(Progress):
            def begin(self, what: str, total: int | None = None) -> None:
                for task in bars.task_ids:
                    bars.remove_task(task)
                bars.add_task(what, total=total)

            def moved(self, done: int) -> None:
                bars.update(bars.task_ids[-1], completed=done)

        yield Drawn()


def _report(verdict: "Verdict", *, as_json: bool) -> None:

    if as_json:
        write_json(verdict)
        return
    for difference in verdict.differences[:_SHOWN]:
        typer.echo(_line(difference))
    if len(verdict.differences) > _SHOWN:
        typer.echo(f"and {len(verdict.differences) - _SHOWN} more; --json has them all")
    for note in verdict.notes:
        typer.echo(f"note: {note}", err=True)
    figures = sum(run.figures for run in verdict.runs)
    said = "equal" if verdict.equal else f"{len(verdict.differences)} differ"
    folded = f"{verdict.records:,} records folded in {verdict.seconds:.1f} s"
    typer.echo(
        f"{len(verdict.runs)} {'run' if len(verdict.runs) == 1 else 'runs'}, {figures:,} figures, {folded}: {said}",
        err=not verdict.equal,
    )


def _line(difference: "Difference") -> str:
    said = ", ".join(f"{witness} {value}" for witness, value in difference.values.items())
    places = "; ".join(f"{topic} partition {number} offset {offset}" for topic, number, offset in difference.offsets)
    run = "" if difference.run_id is None else f"run {difference.run_id}: "
    why = f" ({difference.explanation})" if difference.explanation else ""
    return f"{run}{difference.figure}: {said}" + (f"; see {places}" if places else "") + why
