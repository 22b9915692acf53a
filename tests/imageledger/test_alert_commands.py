"""`imageledger alerts`: what can be said of it without a Kafka."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dashboard.bodies.alerts import AlertRow
from imageledger import stack
from imageledger.alerting import targets
from imageledger.cli.alerts import moment, told
from imageledger.cli.configuration import hidden
from imageledger.cli.main import app
from imageledger.errors import SettingsError
from imageledger.settings import Settings, load
from metrics.errors import BadRule


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-20T08:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T09:00+01:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_a_time(text: str, wanted: datetime) -> None:
    assert moment(text) == wanted


def test_a_time_ago() -> None:
    assert timedelta(minutes=89) < datetime.now(UTC) - moment("1.5h") < timedelta(minutes=91)
    with pytest.raises(typer.BadParameter):
        moment("yesterday")


@pytest.mark.parametrize("arguments", [["nothing"], ["error_rate", "--severity", "awful"]])
def test_a_change_that_makes_no_sense_is_refused_before_it_is_in_the_log(arguments: list[str]) -> None:
    ran = CliRunner().invoke(app, ["alerts", "set", *arguments, *(["--above", "1"] if len(arguments) > 1 else [])])
    assert isinstance(ran.exception, BadRule)


def test_a_bad_file_of_rules_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[error_rate]\nabove = 'much'\n")
    for words in (["set", "--file", str(path)], ["backtest", str(path)]):
        ran = CliRunner().invoke(app, ["--data", str(tmp_path), "alerts", *words], env={"IMAGELEDGER_KAFKA": "x:1"})
        assert isinstance(ran.exception, BadRule)
        assert "mine.toml: rule 'error_rate'" in str(ran.exception)


def test_where_alerts_go(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="IMAGELEDGER_ALERT_WEBHOOKS"):
        targets(Settings())
    settings = load({"IMAGELEDGER_ALERT_WEBHOOKS": "http://a/x http://b/y", "IMAGELEDGER_ALERT_NOTIFY": "json://c"})
    assert [target.name.partition("-")[0] for target in targets(settings)] == ["a", "b", "json"]
    assert "alerts" not in [child.name for child in stack.children(load({}, data=tmp_path))]
    assert "alerts" in [child.name for child in stack.children(load({"IMAGELEDGER_ALERT_NOTIFY": "x"}, data=tmp_path))]


def test_secrets_are_hidden() -> None:
    assert hidden("https://hooks.example/T0/B0/key slack://A/B/C") == "https://*** slack://***"
    assert hidden("a key") == "*** ***"
    assert hidden(None) is None


def test_an_alert_is_told_in_lines_that_fit_eighty_columns() -> None:
    began = datetime(2026, 11, 21, 18, 1, 2, tzinfo=UTC)
    row = AlertRow(
        severity="warning", type="seconds_since_heartbeat", message="Cost exceeding projections",
        action="More images routed to expensive models", timestamp=began, state="firing",
        run_id="backfill-2026-11", fingerprint="f", episode_id="e", metric="m", value=0.123456, threshold=0.05,
        labels={"level": "warning", "model": "haiku"}, started_at=began, ended_at=began, silenced_by="s",
        evidence=[], unit="fraction",
    )  # fmt: skip
    assert told(row) == [
        "firing (silenced) warning seconds_since_heartbeat: 0.1235 against 0.05",
        "  since 2026-11-21 18:01:02 until 2026-11-21 18:01:02",
        "  run backfill-2026-11, model haiku",
        "  Cost exceeding projections",
        "  More images routed to expensive models",
    ]
    assert max(map(len, told(row))) <= 80
