"""The process: it says when it is there, gives its port back, and outlives Kafka's absence."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from serving import DEADLINE_S, served, wait_for

from dashboard.app import serve
from dashboard.config import DashboardConfig
from dashboard.errors import AddressTaken
from servers.kafka import server as kafka_server

NOWHERE = "127.0.0.1:9"
PROGRAM = f"""
from dashboard.app import serve
from dashboard.config import DashboardConfig
serve(DashboardConfig(bootstrap="{NOWHERE}"), "127.0.0.1", 0, lambda port: print(port, flush=True))
"""


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressTaken, match=rf"127\.0\.0\.1:{port}.*another --port"):
            serve(DashboardConfig(bootstrap=NOWHERE), "127.0.0.1", port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_open_streams(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as client:
            assert client.get("/livez").status_code == 200
            with client.stream("GET", "/api/stream") as stream:
                lines = stream.iter_lines()
                assert next(lines).startswith("retry")
                process.send_signal(number)
                for _ in lines:
                    pass  # the stream ends, whole, instead of breaking off
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


def test_without_kafka_it_serves_and_says_so() -> None:
    with served(NOWHERE, "nowhere.") as dashboard:
        wait_for(lambda: "does not answer" in dashboard.get("/readyz").text)
        assert dashboard.get("/readyz").status_code == 503
        assert dashboard.get("/livez").status_code == 200
        assert "being read" in dashboard.get("/").text


def test_it_finds_kafka_again(tmp_path: Path) -> None:
    from serving import new_prefix  # the broker is this test's own

    broker = kafka_server.start(tmp_path)
    try:
        with served(broker.bootstrap, new_prefix(broker.bootstrap)) as dashboard:
            wait_for(lambda: dashboard.get("/readyz").status_code == 200)
            broker.kill()
            wait_for(lambda: dashboard.get("/readyz").json()["parts"]["live"]["detail"].startswith("away"))
            with dashboard.client.stream("GET", "/api/stream") as stream:
                assert any('"kafka":"away"' in line for line in stream.iter_lines())
            broker = kafka_server.start(tmp_path, port=int(broker.bootstrap.rpartition(":")[2]))
            wait_for(lambda: dashboard.get("/readyz").status_code == 200)
    finally:
        broker.stop()
