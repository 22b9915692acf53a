"""Settings: the environment, the data folder, and a remedy for each way they can be missing."""

from pathlib import Path

import pytest

from imageledger import wiring
from imageledger.cli.configuration import redacted
from imageledger.errors import SettingsError
from imageledger.settings import Settings, load, meanings, variable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.__struct_fields__:
        monkeypatch.delenv(variable(name), raising=False)


def test_the_environment_wins_over_what_runs_under_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endpoints.json").write_text('{"kafka": "127.0.0.1:1"}')
    assert load(data=tmp_path).kafka_address() == "127.0.0.1:1"
    monkeypatch.setenv("IMAGELEDGER_KAFKA", "broker:9092")
    assert load(data=tmp_path).kafka_address() == "broker:9092"


def test_nothing_configured_and_nothing_running_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="imageledger up"):
        load(data=tmp_path).clickhouse_url()


def test_a_configured_clickhouse_may_have_a_reader_of_its_own() -> None:
    one = Settings(clickhouse="http://all@there:8123")
    assert {wiring.reader_url(one), wiring.writer_url(one), wiring.migrator_url(one)} == {"http://all@there:8123"}
    two = Settings(clickhouse="http://all@there:8123", clickhouse_reader="http://reader@there:8123")
    assert wiring.reader_url(two) == "http://reader@there:8123"
    assert {wiring.writer_url(two), wiring.migrator_url(two)} == {"http://all@there:8123"}


def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGELEDGER_PORT", "seventy")
    with pytest.raises(SettingsError, match="IMAGELEDGER_PORT"):
        load()


@pytest.mark.parametrize("value", ["70000", "-1", "8400.5"])
def test_a_port_out_of_range_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=f"IMAGELEDGER_PORT={value}"):
        load({"IMAGELEDGER_PORT": value})


def test_an_empty_variable_is_as_good_as_none() -> None:
    """`.env.example` leaves out what is not configured by an empty value."""
    assert load({variable(name): "" for name in Settings.__struct_fields__}) == Settings()


def test_the_command_line_comes_before_the_environment() -> None:
    assert load({"IMAGELEDGER_PORT": "1", "IMAGELEDGER_DATA": "there"}, port=2) == Settings(port=2, data=Path("there"))


def test_passwords_are_redacted() -> None:
    assert redacted("http://writer:secret@127.0.0.1:8123") == "http://writer:***@127.0.0.1:8123"
    assert redacted("127.0.0.1:9092") == "127.0.0.1:9092"


def test_every_setting_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    assert [name for name, meaning in meanings().items() if f"# {meaning}\n{variable(name)}=" not in example] == []
