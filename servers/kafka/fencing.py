"""Between two runs of the one broker: the controller, alone, is told that the former run is over.

Kafka 4.3's transaction coordinator takes a partition without a leader for a deleted one (KAFKA-20734, open in 4.3.1):
it calls a committed transaction complete and never writes its markers, so that every read_committed reader of the
partition waits for ever. On one node a partition has no leader while the broker is fenced: in a controlled shutdown,
after a lost session and, after a SIGKILL, while the new run takes its place. So this broker is never fenced
while it runs (`kafka.PROPERTIES`: no controlled shutdown, a session that outlasts any pause), and the former run is
fenced here, where no coordinator runs. The new run then registers at once, without waiting for that session to end.
"""

import os
import re
import subprocess
import threading
from pathlib import Path

from servers import processes
from servers.errors import StartError

BRIEF = "-XX:TieredStopAtLevel=1"
"""For a JVM that lives for a second or two: its optimizing compiler would take half of the processor time."""
_LOUD = {
    "org.apache.kafka.controller.ClusterControlManager": "info",
    "org.apache.kafka.controller.QuorumController": "debug",
}
# The session of a run that is over ends at once.
_SESSION = {"broker.session.timeout.ms": "200", "broker.heartbeat.interval.ms": "100"}
_ACTIVE = "Performing controller activation"
# What the controller says of the registration, from its log and then of its own doing; 0 is "as before".
_REGISTRATION = re.compile(r"Replayed .* for broker 1: .*?fenced=(true|false|1|-1)\b")
_DECISION = re.compile(r"Read-write operation (maybeFenceStaleBroker\(\d+\)) will be completed")
_TIMEOUT_S = 120.0


def fence_former_run(java: list[str], folder: Path, properties: dict[str, str]) -> None:
    """Run Kafka on `folder` as a controller only, until its log says that broker 1 is fenced.

    `java` is the command up to the class path, `properties` the broker's own.

    Raises:
        StartError: it ends before, or says nothing of the kind within two minutes.
    """
    controller = properties | _SESSION | {"process.roles": "controller"}
    controller["listeners"] = f"CONTROLLER://{properties['controller.quorum.voters'].partition('@')[2]}"
    del controller["advertised.listeners"]
    file = folder / "fence.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in controller.items()), "ascii")
    loud = [f"-Dorg.slf4j.simpleLogger.log.{logger}={level}" for logger, level in _LOUD.items()]
    process = subprocess.Popen(  # noqa: S603  (our own JVM, no shell)
        [java[0], BRIEF, *loud, *java[1:], "kafka.Kafka", file.name],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=processes.die_with_parent(os.getpid()),
    )
    last_resort = threading.Timer(_TIMEOUT_S, process.kill)
    last_resort.start()
    try:
        last_words = _until_fenced(process)
    finally:
        process.terminate()
        process.communicate()
        last_resort.cancel()
    if last_words is not None:
        raise StartError(f"Kafka's controller on {folder} did not come up: {last_words or 'it said nothing'}")


def _until_fenced(process: "subprocess.Popen[str]") -> str | None:
    """None once the former run is fenced, durably; the last line that says something if the controller ends before.

    The controller first plays its own decision to itself and commits it some 30 ms later: one that is ended between the
    two has fenced nobody, and the new run would wait for the former one's session.
    """
    active, fenced = False, True
    decision: str | None = None
    last_words = ""
    for line in process.stdout or ():
        if line.strip() and not line[0].isspace():
            last_words = line.strip()
        active = active or _ACTIVE in line
        if found := _REGISTRATION.search(line):
            fenced = found[1] in ("true", "1") and not active
        if active and (found := _DECISION.search(line)):
            decision = found[1]
        if (active and fenced) or (decision is not None and f"Processed {decision} in" in line):
            return None
    return last_words
