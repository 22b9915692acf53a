"""docker-compose.yml, Dockerfile and the server's users say what the rest of the product says."""

import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from clickhouse_connect import get_client
from typer.main import get_command

from events.topics import DEFAULT_PREFIX
from imageledger.cli.main import app
from imageledger.settings import Settings, meanings, variable
from servers.clickhouse.reader import CEILINGS, LIMITS
from servers.clickhouse.users import Addresses, Role
from servers.kafka.artifacts import KAFKA_VERSION
from servers.kafka.server import PROPERTIES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "worker", "sink", "api")
USERS = ET.parse(ROOT / "deploy/clickhouse/users.xml").getroot()
OTHERWISE = {
    # Said in docker-compose.yml, with the reason.
    "broker.session.timeout.ms",
    # Where it listens and keeps its log is the container's.
    "listener.security.protocol.map",
    "log.dirs",
}


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bIMAGELEDGER_[A-Z_]+", text))


def default(value: object) -> str:
    """`${NAME:-default}` as Compose reads it where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


KNOWN = {variable(name) for name in meanings()}


def test_compose_itself_reads_the_file(tmp_path: Path) -> None:
    found = shutil.which("docker")
    if not found or subprocess.run([found, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no `docker compose` here")
    passwords = tmp_path / "passwords"
    passwords.write_text("".join(f"CLICKHOUSE_{role.name}_PASSWORD=x\n" for role in Role))
    words = ["docker", "compose", "--env-file", str(passwords), "config", "--quiet"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile", "docs/containers.md"])
def test_only_settings_that_there_are(file: str) -> None:
    assert variables((ROOT / file).read_text()) - KNOWN == set()


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    assert variables((ROOT / ".env.example").read_text()) == KNOWN


def test_what_is_not_set_is_as_everywhere() -> None:
    plain = Settings()
    for service in OURS:
        said = SERVICES[service]["environment"]
        for name in ("prefix", "partitions", "log_level", "snapshot_seconds"):
            assert default(said[variable(name)]) == str(getattr(plain, name))
    assert default(SERVICES["worker"]["environment"]["IMAGELEDGER_PREFIX"]) == DEFAULT_PREFIX
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:${{IMAGELEDGER_PORT:-{plain.port}}}:{plain.port}"]
    assert int(SERVICES["api"]["environment"]["IMAGELEDGER_WORKERS"]) == sum(
        service["command"][0] == "worker" for service in SERVICES.values() if "command" in service
    )


def test_each_speaks_to_the_servers_of_this_file_as_its_own_user() -> None:
    listeners = dict(
        one.split("://") for one in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )
    users = {"migrate": Role.MIGRATOR, "sink": Role.WRITER, "api": Role.READER}
    for service in OURS:
        said = SERVICES[service]["environment"]
        assert said["IMAGELEDGER_KAFKA"] == listeners["INSIDE"]
        if service in users:
            role = users[service].value
            password = f"${{CLICKHOUSE_{role.upper()}_PASSWORD:?see docs/containers.md}}"
            assert said["IMAGELEDGER_CLICKHOUSE"] == f"http://{role}:{password}@clickhouse:8123"
        else:
            assert "IMAGELEDGER_CLICKHOUSE" not in said


def test_published_ports_are_on_loopback_and_tags_are_pinned() -> None:
    for name, service in SERVICES.items():
        assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == [], name
        assert re.fullmatch(r"[\w/-]+:\d+(\.\d+)+", service["image"]), name
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {SERVICES[service]["image"] for service in OURS} == {f"imageledger:{version}"}


def test_who_waits_for_whom() -> None:
    done, well = "service_completed_successfully", "service_healthy"
    for service in ("worker", "sink", "api"):
        waits = {name: one["condition"] for name, one in SERVICES[service]["depends_on"].items()}
        assert waits["migrate"] == done
        assert waits["kafka"] == well  # so that it also ends before Kafka does
    for service in ("kafka", "clickhouse", "worker", "sink", "api"):
        assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"
        assert SERVICES[service]["restart"] == "unless-stopped"
    named = {volume.split(":")[0] for one in SERVICES.values() for volume in one["volumes"]}
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_the_commands_are_commands_of_ours() -> None:
    command: Any = get_command(app)
    for service in OURS:
        for words in (SERVICES[service]["command"], SERVICES[service].get("healthcheck", {}).get("test", [])[4:]):
            found = command
            for word in words:
                if word.startswith("--"):
                    assert word in {option for one in found.params for option in one.opts}
                elif hasattr(found, "commands"):
                    found = found.commands[word]
    assert SERVICES["worker"]["healthcheck"]["test"][1:4] == ["python", "-m", "imageledger"]


def test_the_broker_is_set_as_the_local_one() -> None:
    said = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in SERVICES["kafka"]["environment"].items()
        if name.startswith("KAFKA_")
    }
    shared = set(said) & set(PROPERTIES) - OTHERWISE
    assert len(shared) > 10
    assert {name: said[name] for name in shared} == {name: PROPERTIES[name] for name in shared}
    for name in ("auto.create.topics.enable", "log.retention.ms", "offsets.retention.minutes"):
        assert name in shared  # without these the log would not be the source of truth


def test_the_image_holds_every_room_and_not_what_is_private() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert kept == rooms | {"schemas", "pyproject.toml", "requirements.lock"}
    assert "\n*\n" in (ROOT / ".dockerignore").read_text()


def test_the_reader_s_limits_are_the_embedded_engine_s() -> None:
    profile = USERS.find("profiles/imageledger_reader")
    assert profile is not None
    limits = {one.tag: int(one.text or "") for one in profile if one.tag not in {"readonly", "constraints"}}
    assert limits == LIMITS
    assert profile.findtext("readonly") == "2"
    for name, limit in CEILINGS.items():
        constraint = profile.find(f"constraints/{name}")
        assert constraint is not None
        assert (constraint.findtext("min"), constraint.findtext("max")) == ("1", str(limit))


def test_the_users_are_ours_and_each_password_comes_from_the_environment() -> None:
    users = {user.tag: user for user in USERS.findall("users/*")}
    assert set(users) == {role.value for role in Role}
    for name, user in users.items():
        password = user.find("password")
        assert password is not None
        assert password.attrib == {"from_env": f"CLICKHOUSE_{name.upper()}_PASSWORD"}
        assert not (password.text or "").strip()
        assert f"CLICKHOUSE_{name.upper()}_PASSWORD" in SERVICES["clickhouse"]["environment"]


def test_clickhouse_reads_the_grants_and_knows_the_settings(clickhouse: Addresses) -> None:
    url = urlsplit(clickhouse.migrator)
    with get_client(host=url.hostname, port=url.port, username=url.username, password=url.password) as client:
        known = {name for (name,) in client.query("SELECT name FROM system.settings").result_rows}
        assert set(LIMITS) - known == set()
        for user in USERS.findall("users/*"):
            for grant in user.findall("grants/query"):
                # In the file the grantee is the user that it stands under.
                parsed = client.command(
                    "SELECT formatQuerySingleLine({q:String})", {"q": f"{grant.text} TO {user.tag}"}
                )
                assert str(parsed).endswith(f" TO {user.tag}")
                ours = r" ON (imageledger(_before_\*)?|information_schema|INFORMATION_SCHEMA)\.\* "
                assert re.search(ours, str(parsed))
    reader = " ".join(str(grant.text) for grant in USERS.findall("users/reader/grants/query"))
    assert set(re.findall(r"\b(?!GRANT\b|ON\b|INFORMATION_SCHEMA\b)[A-Z]{2,}\b", reader)) == {"SHOW", "SELECT"}
