"""`imageledger migrate`: the schema for a cluster is only printed; undoing goes by the number given."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from imageledger import wiring
from imageledger.cli.main import app


def test_the_cluster_s_schema_is_printed_without_any_server(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--data", str(tmp_path), "migrate", "--cluster", "main"])
    assert done.exit_code == 0, done.output
    assert "CREATE TABLE IF NOT EXISTS results_local ON CLUSTER 'main'" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_down_says_what_was_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def undo(settings: Any, number: str, **options: bool) -> list[str]:
        asked.update(options, number=number)
        return ["0007_by_conversation.sql undone"]

    monkeypatch.setattr(wiring, "migrate_down", undo)
    done = CliRunner().invoke(app, ["--data", str(tmp_path), "migrate", "--down", "0007", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "0007_by_conversation.sql undone" in done.output
    assert asked == {"number": "0007", "drop_data": False, "dry_run": True}
