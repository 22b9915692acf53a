"""What a healthcheck hears: yes, or the reason why not."""

import http.server
import os
import subprocess
import threading
from pathlib import Path

from dashboard.routes.probes import sink_lines
from imageledger import health, workers
from sinks.loading.consumer import Status
from streams import status


def said(away: str | None = None) -> Status:
    return Status(rows={}, refused=0, lag={"results": 3}, away=away)


def test_a_sink_that_says_how_it_does_is_well(tmp_path: Path) -> None:
    assert health.of_sink(tmp_path) == f"no sink has said anything under {tmp_path} yet"
    report = health.sink_reporter(tmp_path, lambda: 1_000)
    report(said())
    assert health.of_sink(tmp_path, lambda: 1_000 + health.SILENT_MS) is None
    assert health.of_sink(tmp_path, lambda: 2_000 + health.SILENT_MS) == (
        "the sink has said nothing for 16 s: it is gone, or Kafka does not answer it"
    )


def test_what_the_sink_lags_behind_is_for_prometheus(tmp_path: Path) -> None:
    assert health.sink_lag(tmp_path) is None
    health.sink_reporter(tmp_path, lambda: 1_000)(said())
    assert health.sink_lag(tmp_path, lambda: 1_000) == {"results": 3}
    assert health.sink_lag(tmp_path, lambda: 2_000 + health.SILENT_MS) is None
    assert 'imageledger_sink_lag_records{topic="results"} 3' in sink_lines(health.sink_lag(tmp_path, lambda: 1_000))
    assert sink_lines(None) == ["# TYPE imageledger_sink_up gauge", "imageledger_sink_up 0"]


def test_a_sink_whose_rows_nobody_takes_is_not(tmp_path: Path) -> None:
    report = health.sink_reporter(tmp_path)
    report(said(away="it is full"))
    assert health.of_sink(tmp_path) == "the sink waits for ClickHouse: it is full"
    report(said())
    assert health.of_sink(tmp_path) is None
    assert [path.name for path in (tmp_path / "sink").iterdir()] == ["status.json"]


def test_a_sink_is_ready_when_it_lives_and_follows_whether_or_not_clickhouse_takes_its_rows(tmp_path: Path) -> None:
    assert not health.sink_follows(tmp_path)
    health.sink_reporter(tmp_path, lambda: 1_000)(said(away="it is full"))
    assert health.sink_follows(tmp_path, lambda: 1_000 + health.SILENT_MS)
    assert not health.sink_follows(tmp_path, lambda: 2_000 + health.SILENT_MS)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    kept = tmp_path / "sink" / "status.json"
    kept.write_text(kept.read_text().replace(f'"pid":{os.getpid()}', f'"pid":{gone.pid}'))
    assert not health.sink_follows(tmp_path, lambda: 1_000)


def test_what_the_workers_refused_is_added_up(tmp_path: Path) -> None:
    assert workers.refused(tmp_path, 2) == {}
    for slot in range(2):
        partitions = {slot: status.PartitionStatus(ready=True, applied={}, letters=3 + slot)}
        found = status.WorkerStatus(
            pid=1, slot=f"worker-{slot}", state="ready", updated_ms=1, stages={"combine": partitions, "run": {}}
        )
        status.write(status.path_of(tmp_path, workers.slot_name(slot)), found)
    assert workers.refused(tmp_path, 2) == {"combine": 7, "run": 0}


def test_the_worst_clock_of_the_workers_that_live_is_told(tmp_path: Path) -> None:
    def write(slot: int, ahead_ms: int | None, updated_ms: int = 5_000) -> None:
        said = status.WorkerStatus(
            pid=os.getpid(), slot=f"worker-{slot}", state="ready", updated_ms=updated_ms, clock_ahead_ms=ahead_ms
        )
        status.write(status.path_of(tmp_path, workers.slot_name(slot)), said)

    def told() -> int | None:
        return workers.clock_ahead_ms(tmp_path, 3, lambda: 5_000 + workers.STALE_MS - 1)

    assert told() is None
    write(0, None)
    write(1, workers.CLOCKS_MS)
    assert told() is None
    write(0, -workers.CLOCKS_MS - 1)
    assert told() == -workers.CLOCKS_MS - 1
    write(2, 3_600_000)
    assert told() == 3_600_000
    write(2, 3_600_000, updated_ms=4_999)
    assert told() == -workers.CLOCKS_MS - 1


def test_a_worker_is_well_once_it_has_recovered(tmp_path: Path) -> None:
    def write(state: status.WorkerState, reason: str | None = None) -> None:
        found = status.WorkerStatus(pid=os.getpid(), slot="worker-0", state=state, updated_ms=5_000, reason=reason)
        status.write(status.path_of(tmp_path, workers.slot_name(0)), found)

    assert health.of_worker(tmp_path, 0) == f"no worker has said anything for slot 0 under {tmp_path} yet"
    write("recovering")
    assert health.of_worker(tmp_path, 0) == "worker 0 is not ready: it last said recovering"
    write("failed", "the log was replaced")
    assert health.of_worker(tmp_path, 0) == "worker 0 is not ready: it last said failed (the log was replaced)"
    write("ready")
    assert health.of_worker(tmp_path, 0, lambda: 6_000) is None
    silent = health.of_worker(tmp_path, 0, lambda: 6_000 + workers.STALE_MS)
    assert silent == "worker 0 has said nothing for 11 s: it is gone, or stuck"


def test_an_api_that_answers_is_well() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert health.of_api(port) is None
        server.shutdown()
    assert str(health.of_api(port)).startswith(f"the API does not answer on port {port}: ")
