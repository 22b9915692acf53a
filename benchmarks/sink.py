"""How fast the lineage sink turns records into rows: bytes → ReplacingMergeTree, against raw inserts of the same rows.

    python -m benchmarks.sink [--events N] [--rounds N]

Prints one JSON document. All in one run on one machine, the real engine behind its HTTP interface in a process of its
own. Processor seconds count the client and the server together, so `rows_per_core_s` is what one core does; wall time
is said beside it. `sink`: record bytes → decode, checks, rounding, columns → insert. The raw inserts start from rows
that are encoded already: Native (as the server itself writes it), Arrow (the sink's own columns), JSONEachRow with the
columns that say something.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from benchmarks.sink_events import events
from servers.clickhouse import server as clickhouse
from sinks.client import connect
from sinks.loading.lane import CHUNK_RECORDS, COLLECTED_AFTER
from sinks.loading.sources import SOURCES
from sinks.loading.writer import encode, insert
from sinks.schema.migrations import migrate

RESULTS = next(source for source in SOURCES if source.table == "results")
INSERT_ROWS = 50_000
FORMS = ("Native", "ArrowStream", "JSONEachRow")
SETTINGS: dict[str, Any] = {"async_insert": 0, "optimize_on_insert": 0, "wait_end_of_query": 1}


@dataclass(slots=True)
class Record:
    """A consumer's record."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Cost(NamedTuple):
    """What one pass took: wall seconds, and processor seconds of both processes."""

    wall_s: float
    client_s: float
    server_s: float


def columns(records: list[Record]) -> list[pa.RecordBatch]:
    """As a lane does it."""
    found = []
    for first in range(0, len(records), CHUNK_RECORDS):
        batches, refused = RESULTS.read("imageledger.results", 0, records[first : first + CHUNK_RECORDS])
        if refused:
            raise SystemExit(f"a record of the benchmark was refused: {refused[0].refused}")
        found += batches
    return found


def by_columns(records: list[Record]) -> None:
    """The client's share of the sink's way."""
    for first in range(0, len(records), INSERT_ROWS):
        columns(records[first : first + INSERT_ROWS])


def by_sink(client: Client, records: list[Record]) -> None:
    """The sink's whole way, insert after insert (the process overlaps them; here processor time is what counts)."""
    for first in range(0, len(records), INSERT_ROWS):
        insert(client, "results", columns(records[first : first + INSERT_ROWS]))


def ready_inserts(client: Client, records: list[Record]) -> dict[str, list[tuple[list[str] | None, bytes]]]:
    """The same rows in each format, cut into inserts; Native as the server itself writes it."""
    forms: dict[str, list[tuple[list[str] | None, bytes]]] = {form: [] for form in FORMS}
    for first in range(0, len(records), INSERT_ROWS):
        part = records[first : first + INSERT_ROWS]
        batches = columns(part)
        names = batches[0].schema.names
        forms["ArrowStream"].append((names, encode(batches, names)))
        client.command("TRUNCATE TABLE results")
        insert(client, "results", batches)
        forms["Native"].append((None, client.raw_query("SELECT * FROM results", fmt="Native")))
        said = ", ".join(f"`{name}`" for name in batches[0].schema.names if not batches[0].column(name).null_count)
        forms["JSONEachRow"].append((None, client.raw_query(f"SELECT {said} FROM results", fmt="JSONEachRow")))  # noqa: S608 - our own names
    return forms


def raw(client: Client, form: str, inserts: list[tuple[list[str] | None, bytes]]) -> None:
    """Bytes that are ready, into the table."""
    for names, payload in inserts:
        client.raw_insert("results", names, payload, SETTINGS, form)


def measured(client: Client, server: psutil.Process, work: Callable[[], None]) -> Cost:
    """One pass into an empty table."""
    client.command("TRUNCATE TABLE results")
    before = server.cpu_times()
    wall, own = time.perf_counter(), time.process_time()
    work()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    after = server.cpu_times()
    return Cost(wall, own, after.user + after.system - before.user - before.system)


def median(costs: list[Cost]) -> Cost:
    """By processor time."""
    return sorted(costs, key=lambda cost: cost.client_s + cost.server_s)[len(costs) // 2]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    values = events(options.events)
    records = [Record(offset, 1_793_620_800_000 + offset, value) for offset, value in enumerate(values)]
    with tempfile.TemporaryDirectory() as folder, clickhouse.start(Path(folder)) as running:
        migrate(connect(running.addresses.migrator))
        client = connect(running.addresses.writer)
        server = psutil.Process(running.pid)
        forms = ready_inserts(client, records)
        by_sink(client, records)  # warm
        passes: dict[str, Callable[[], None]] = {"sink": partial(by_sink, client, records)}
        passes["decode_and_columns"] = partial(by_columns, records)
        passes |= {form: partial(raw, client, form, inserts) for form, inserts in forms.items()}
        gc.freeze()  # what the benchmark itself holds is no business of the sink's
        gc.set_threshold(COLLECTED_AFTER)  # as the sink's process does
        # Round by round through all of them, so that a noisy neighbour troubles each alike.
        rounds = [
            {name: measured(client, server, work) for name, work in passes.items()} for _ in range(options.rounds)
        ]
        costs = {name: median([one[name] for one in rounds]) for name in passes}
    print(json.dumps(report(costs, options, statistics.mean(map(len, values))), indent=2))


def report(costs: dict[str, Cost], options: argparse.Namespace, event_bytes: float) -> dict[str, Any]:
    """Rates, and the sink's share of each raw insert's."""
    rates = {name: options.events / (cost.client_s + cost.server_s) for name, cost in costs.items()}
    return {
        "events": options.events,
        "event_bytes": round(event_bytes),
        "insert_rows": INSERT_ROWS,
        "python": sys.version.split()[0],
        "rows_per_core_s": {name: round(rate) for name, rate in rates.items()},
        "rows_per_s_wall": {name: round(options.events / cost.wall_s) for name, cost in costs.items()},
        "us_per_row_client": {name: round(cost.client_s / options.events * 1e6, 2) for name, cost in costs.items()},
        "us_per_row_server": {name: round(cost.server_s / options.events * 1e6, 2) for name, cost in costs.items()},
        "sink_to_raw": {
            name: round(rates["sink"] / rates[name], 2) for name in ("Native", "ArrowStream", "JSONEachRow")
        },
    }


if __name__ == "__main__":
    main()
