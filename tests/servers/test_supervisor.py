"""The supervisor as a process of its own, with small Python programs as children."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from servers import endpoints
from servers.errors import DataFolderError
from servers.processes import FolderLock, wait_until
from servers.spares import Spare
from servers.supervisor import Supervisor, backoff_s

# What a child does. {data} is the supervisor's data folder.
SERVE = "open('{data}/NAME.up', 'a').write('x'); import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SERVE
NOTE_END = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: "
    "(open('{data}/ends', 'a').write('NAME '), sys.exit(0))); " + SERVE
)
SPARE = (
    "import os, sys; '--spare' in sys.argv and (open('{data}/spares', 'a').write(f'{os.getpid()} '), "
    "sys.stdin.readline() or os._exit(0)); " + SERVE
)
MAIN = """
import json, os, sys
from pathlib import Path
from servers import supervisor
from servers.errors import ServerError
from servers.supervisor import Child, Supervisor

data = Path(sys.argv[1])
supervisor._STABLE_S = float(os.environ.get('STABLE_S', supervisor._STABLE_S))
def child(name, program, **rest):
    program = program.replace('{data}', str(data)).replace('NAME', name)
    if not rest.get('once'):
        rest['ready'] = lambda: (data / f'{name}.up').exists()
    return Child(name=name, argv=[sys.executable, '-c', program], **rest)
children = [child(**spec) for spec in json.loads(sys.argv[2])]
addresses = {'kafka': '127.0.0.1:1', 'api': 'http://127.0.0.1:2'}
say = lambda line: print(line, flush=True)
try:
    Supervisor(children, data, addresses, say, on_ready=lambda: say('ALL READY')).run()
except ServerError as error:
    sys.exit(str(error))
"""
Spec = dict[str, object]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*specs: Spec, on_hangup: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[str]:
        with (tmp_path / "said").open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", MAIN, str(tmp_path), json.dumps(specs)],
                stdout=said,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, on_hangup),  # whoever started the tests may ignore it
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(data: Path) -> str:
    return (data / "said").read_text()


def until_said(data: Path, words: str, times: int = 1) -> None:
    assert wait_until(lambda: said(data).count(words) >= times, 90), said(data)


def pid(data: Path, name: str) -> int:
    found = endpoints.read(data).pids[name]
    assert isinstance(found, int)
    return found


def all_pids(data: Path) -> list[int]:
    found = endpoints.read(data).pids.values()
    return [each for entry in found for each in (entry if isinstance(entry, list) else [entry])]


def gone(pid: int) -> bool:
    """Ended, or a zombie that only its new parent has still to reap."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stack() -> list[Spec]:
    return [
        {"name": "kafka", "program": NOTE_END},
        {"name": "migrate", "program": "open('{data}/migrated', 'w')", "once": True, "needs": ["kafka"]},
        {"name": "worker-0", "program": NOTE_END, "role": "worker", "needs": ["migrate"]},
        {"name": "worker-1", "program": NOTE_END, "role": "worker", "needs": ["migrate"]},
        {"name": "api", "program": NOTE_END, "needs": ["worker-0", "worker-1"]},
    ]


def test_an_eager_child_starts_before_what_it_needs_and_stops_before_it(supervise: Start, tmp_path: Path) -> None:
    late = "import time, pathlib\nwhile not pathlib.Path('{data}/worker.up').exists(): time.sleep(0.01)\n" + NOTE_END
    running = supervise(
        {"name": "kafka", "program": late},
        {"name": "worker", "program": NOTE_END, "needs": ["kafka"], "eager": True},
    )
    until_said(tmp_path, "ALL READY")
    running.terminate()
    assert running.wait(90) == 0
    assert (tmp_path / "ends").read_text().split() == ["worker", "kafka"]


def test_children_start_in_order_and_are_written_down(supervise: Start, tmp_path: Path) -> None:
    supervise(*stack())
    until_said(tmp_path, "ALL READY")

    ready = [line.split()[0] for line in said(tmp_path).splitlines() if " is ready " in line]
    assert (ready[0], sorted(ready[1:3]), ready[3]) == ("kafka", ["worker-0", "worker-1"], "api")
    assert (tmp_path / "migrated").exists()
    written = json.loads((tmp_path / "endpoints.json").read_text())
    assert written["kafka"] == "127.0.0.1:1"
    assert written["api"] == "http://127.0.0.1:2"
    assert "clickhouse" not in written
    assert sorted(written["pids"]) == ["api", "kafka", "worker"]
    assert len(written["pids"]["worker"]) == 2
    assert not any(gone(each) for each in all_pids(tmp_path))
    assert stat.S_IMODE((tmp_path / "endpoints.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_all_in_reverse_and_exits_0(supervise: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = supervise(*stack())
    until_said(tmp_path, "ALL READY")
    pids = all_pids(tmp_path)

    process.send_signal(number)

    assert process.wait(90) == 0
    ends = (tmp_path / "ends").read_text().split()
    assert (ends[0], sorted(ends[1:3]), ends[3]) == ("api", ["worker-0", "worker-1"], "kafka")
    assert all(gone(each) for each in pids)
    assert not (tmp_path / "endpoints.json").exists()
    FolderLock(tmp_path).release()


def test_a_killed_child_is_started_again_with_its_new_pid_written(supervise: Start, tmp_path: Path) -> None:
    supervise(*stack())
    until_said(tmp_path, "ALL READY")
    before = endpoints.read(tmp_path).pids

    os.kill(pid(tmp_path, "kafka"), signal.SIGKILL)

    until_said(tmp_path, "kafka is ready", 2)
    after = endpoints.read(tmp_path).pids
    assert "kafka was ended by SIGKILL; starting it again at once" in said(tmp_path)
    assert after.pop("kafka") != before.pop("kafka")
    assert after == before


def standing_by(data: Path, times: int) -> list[int]:
    """The pids of so many spares, in the order in which they stood by."""
    file = data / "spares"
    assert wait_until(lambda: file.exists() and file.read_text().count(" ") >= times, 90), said(data)
    return [int(each) for each in file.read_text().split()]


def test_a_spare_takes_the_place_of_a_killed_child_and_has_a_spare_itself(supervise: Start, tmp_path: Path) -> None:
    supervise({"name": "kafka", "program": SPARE, "spare": True})
    until_said(tmp_path, "ALL READY")
    (spare,) = standing_by(tmp_path, 1)
    assert (tmp_path / "kafka.up").read_text() == "x"  # it does nothing yet
    assert all_pids(tmp_path) != [spare]

    os.kill(pid(tmp_path, "kafka"), signal.SIGKILL)

    until_said(tmp_path, f"kafka is ready (pid {spare})")
    assert pid(tmp_path, "kafka") == spare
    assert wait_until(lambda: (tmp_path / "kafka.up").read_text() == "xx", 90)
    assert standing_by(tmp_path, 2)[1] != spare


def test_a_spare_ends_with_its_supervisor_and_does_nothing(supervise: Start, tmp_path: Path) -> None:
    process = supervise({"name": "kafka", "program": SPARE, "spare": True})
    until_said(tmp_path, "ALL READY")
    (spare,) = standing_by(tmp_path, 1)
    process.terminate()
    assert process.wait(90) == 0
    assert gone(spare)
    assert (tmp_path / "kafka.up").read_text() == "x"


def test_one_whose_spare_cannot_wait_is_started_from_nothing(supervise: Start, tmp_path: Path) -> None:
    program = "import os, sys; '--spare' in sys.argv and (open('{data}/spares', 'a').write('0 '), os._exit(3)); "
    supervise({"name": "kafka", "program": program + SERVE, "spare": True})
    until_said(tmp_path, "ALL READY")
    standing_by(tmp_path, 1)
    os.kill(pid(tmp_path, "kafka"), signal.SIGKILL)
    until_said(tmp_path, "kafka is ready", 2)


def test_the_pauses_between_restarts_grow(supervise: Start, tmp_path: Path) -> None:
    supervise({"name": "flaky", "program": "open('{data}/NAME.up', 'w'); import time; time.sleep(0.5); sys.exit(3)"})
    until_said(tmp_path, "starting it again in 0.8 s")
    assert said(tmp_path).index("again in 0.2 s") < said(tmp_path).index("again in 0.4 s")


def test_the_pause_doubles_up_to_a_bound_however_long_it_lasts() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3, 8)] == [0.2, 0.4, 0.8, 25.6]
    assert [backoff_s(failures) for failures in (9, 5_000)] == [30, 30]


def test_a_healthy_time_makes_the_pauses_short_again(
    supervise: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABLE_S", "5")
    # Its first two lives are short, the later ones healthy: a busy machine makes no short one healthy.
    program = (
        "import sys, time; file = open('{data}/NAME.up', 'a'); lives = file.tell(); file.write('x'); file.close(); "
        "time.sleep(0.3 if lives < 2 else 8); sys.exit(3)"
    )
    supervise({"name": "flaky", "program": program})
    until_said(tmp_path, "flaky ended with exit code 3; starting it again in 0.2 s", 2)
    assert said(tmp_path).index("again in 0.4 s") < said(tmp_path).rindex("again in 0.2 s")


def test_one_that_keeps_failing_at_start_is_reported_with_its_last_words(supervise: Start, tmp_path: Path) -> None:
    process = supervise(
        {"name": "kafka", "program": SERVE},
        {"name": "sink", "program": "print('first'); raise ValueError('no such table: results')", "needs": ["kafka"]},
    )
    _, complaint = process.communicate(timeout=60)

    assert process.returncode == 1
    assert complaint.strip() == (
        "sink did not come up in 5 attempts: it ended with exit code 1 before it was ready: "
        f"ValueError: no such table: results (see {tmp_path}/logs/sink.log)"
    )
    assert not (tmp_path / "endpoints.json").exists()


def test_a_step_that_fails_is_done_again_before_what_needs_it(supervise: Start, tmp_path: Path) -> None:
    program = "import os, sys; os.path.exists('{data}/tried') or sys.exit(open('{data}/tried', 'w') and 'not yet')"
    supervise(
        {"name": "migrate", "program": program, "once": True},
        {"name": "worker", "program": SERVE, "needs": ["migrate"]},
    )
    until_said(tmp_path, "ALL READY")
    assert "migrate ended with exit code 1 before it was ready: not yet" in said(tmp_path)


def test_a_child_that_hangs_at_start_is_ended_and_tried_again(supervise: Start, tmp_path: Path) -> None:
    supervise({"name": "slow", "program": "import time; time.sleep(600)", "start_s": 0.3})
    until_said(tmp_path, "slow is not ready after 0 s: ending it", 2)
    assert "slow was ended by SIGKILL before it was ready: it said nothing" in said(tmp_path)


def test_a_stubborn_child_is_killed_when_patience_ends(supervise: Start, tmp_path: Path) -> None:
    process = supervise({"name": "sink", "program": STUBBORN, "patience_s": 0.3})
    until_said(tmp_path, "ALL READY")
    child = pid(tmp_path, "sink")

    process.terminate()

    assert process.wait(90) == 0
    assert "sink does not stop: killing it" in said(tmp_path)
    assert gone(child)


def test_a_second_signal_ends_patience(supervise: Start, tmp_path: Path) -> None:
    process = supervise({"name": "sink", "program": STUBBORN, "patience_s": 600})
    until_said(tmp_path, "ALL READY")
    process.send_signal(signal.SIGINT)
    until_said(tmp_path, "stopping sink")
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children outlive a killed parent (processes.py)")
def test_a_killed_supervisor_takes_its_children_along(supervise: Start, tmp_path: Path) -> None:
    process = supervise(*stack())
    until_said(tmp_path, "ALL READY")
    pids = all_pids(tmp_path)

    process.kill()

    assert wait_until(lambda: all(gone(each) for each in pids), 60)
    process.wait()
    again = supervise(*stack())
    until_said(tmp_path, "ALL READY")
    assert again.poll() is None


def test_a_folder_has_one_supervisor(supervise: Start, tmp_path: Path) -> None:
    process = supervise({"name": "kafka", "program": SERVE})
    until_said(tmp_path, "ALL READY")
    with pytest.raises(DataFolderError, match=f"data folder {tmp_path} is in use by process {process.pid}:"):
        Supervisor([], tmp_path).run()


def test_under_nohup_a_closed_terminal_stops_nothing(supervise: Start, tmp_path: Path) -> None:
    process = supervise({"name": "kafka", "program": SERVE}, on_hangup=signal.SIG_IGN)
    until_said(tmp_path, "ALL READY")
    process.send_signal(signal.SIGHUP)
    os.kill(pid(tmp_path, "kafka"), signal.SIGKILL)
    until_said(tmp_path, "kafka is ready", 2)
    assert process.poll() is None


def test_a_spare_that_cannot_be_started_is_none(tmp_path: Path) -> None:
    spare = Spare([str(tmp_path / "nothing")], None, tmp_path / "log")
    spare.keep()
    assert spare.take() is None
    spare.end()
