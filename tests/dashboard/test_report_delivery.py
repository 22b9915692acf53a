"""A report goes where it is sent: to a folder, to a webhook, and on a schedule whose clock is an argument."""

import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pypdf import PdfReader
from receiving import Receiver
from sample_runs import snapshot
from serving import Served, wait_for

from imageledger.api import Api
from imageledger.cli.report import Every, Form, deliver, repeat
from imageledger.errors import UnreachableError


@pytest.fixture(scope="module")
def run(dashboard: Served) -> str:
    name = f"run/{uuid.uuid4().hex[:8]} ü"
    dashboard.publish("metrics", name, snapshot(name))
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=name).status_code == 200)
    return name


@pytest.mark.parametrize("form", list(Form))
def test_a_webhook_gets_the_bytes_that_the_api_gives(
    dashboard: Served, receiver: Receiver, run: str, form: Form
) -> None:
    deliver(Api(dashboard.url), run, form, receiver.url)
    assert receiver.bodies == [dashboard.get("/api/report", run=run, format=form.value).content]
    kinds = {"json": "application/json", "csv": "text/csv", "pdf": "application/pdf", "html": "text/html"}
    assert receiver.headers[0]["content-type"] == kinds[form]


def test_a_webhook_that_refuses_is_an_error_of_ours(dashboard: Served, receiver: Receiver, run: str) -> None:
    receiver.answers = [500]
    with pytest.raises(UnreachableError, match="did not take the report"):
        deliver(Api(dashboard.url), run, Form.JSON, receiver.url)


def test_a_folder_gets_a_file_named_after_run_and_moment(dashboard: Served, run: str, tmp_path: Path) -> None:
    deliver(Api(dashboard.url), run, Form.PDF, str(tmp_path / "made"))
    (file,) = (tmp_path / "made").iterdir()
    assert file.name.startswith("report-run_")
    assert PdfReader(io.BytesIO(file.read_bytes())).pages


def test_a_schedule_goes_on_after_a_failure_and_reports_each_day_once(
    dashboard: Served, receiver: Receiver, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
    clock, waits = [began], []
    receiver.answers = [503, 200, 200]

    def wait(seconds: float) -> bool:
        """Sleeps in no time, and wakes 5 ms early, as a clock that is set may do."""
        waits.append(seconds)
        clock[0] += timedelta(seconds=seconds) - timedelta(milliseconds=5)
        return len(waits) == 3

    repeat(lambda: deliver(Api(dashboard.url), run, Form.JSON, receiver.url), Every.DAY, lambda: clock[0], wait)
    assert waits == pytest.approx([5_400, 86_400.005, 86_400.005])
    assert len(receiver.bodies) == 3
    assert [json.loads(body)["runId"] for body in receiver.bodies] == [run] * 3
    assert "did not take the report" in capsys.readouterr().err
