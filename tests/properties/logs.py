"""Generated logs: few runs, subjects and ids, so that they meet; times that jump, come late and from the future."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st
from naive import DAY, HOUR, MINUTE, SECOND, Logged

from events.envelope import EPOCH
from events.feedback import FeedbackRecorded
from events.results import Answer, ComponentResult, Failure, Gap, ImageResult, MessageResult
from metrics.fold.partition import Fold, Record, Topic
from metrics.fold.segment import Segment, together
from metrics.registers import RunRegisters

BEGIN_MS = 1_795_000_000_000
SMALL_JUMPS_MS = [0, 1, 300, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE]
LARGE_JUMPS_MS = [30 * MINUTE, HOUR, 5 * HOUR, DAY, 3 * DAY]  # the last seals every run: rare, or little would be left
LAGS_MS = [0, 0, 50, 9_999, 2 * MINUTE, 61 * MINUTE, 40 * DAY]
BEHIND_MS = [DAY - 1, DAY, DAY + 1]
"""Behind what the partition has seen of the run: a result is late from one of these to the next."""
AHEAD_MS = [SECOND, 5 * MINUTE, 5 * MINUTE + 1, 40 * DAY]
NAMES = ["a", "b.c", "ö 🙂", "__other__"]
KINDS: list[tuple[type[Any], str]] = [
    (ImageResult, "image_id"),
    (ComponentResult, "component_id"),
    (MessageResult, "message_id"),
]


def logs(max_size: int = 80) -> st.SearchStrategy[list[Logged]]:
    """Records of two source partitions in a possible order of arrival: times of arrival grow, events' own jump.

    Hypothesis draws (and shrinks) a seed for each record: drawing thirty fields each would take all the time.
    """
    return st.lists(st.integers(0, 2**32), min_size=max_size // 4, max_size=max_size).map(log_of)


def log_of(seeds: Sequence[int]) -> list[Logged]:
    """The log whose records come from these seeds."""
    now_ms = BEGIN_MS
    offsets: dict[tuple[str, int], int] = {}
    newest_ms: dict[tuple[int, str | None], int] = {}
    log = []
    for seed in seeds:
        draw = Random(seed)
        now_ms += draw.choice(SMALL_JUMPS_MS if draw.random() < 0.9 else LARGE_JUMPS_MS[: 1 + draw.randrange(5)])
        topic: Topic = "feedback" if draw.random() < 0.25 else "results"
        partition = draw.randrange(2)
        run_id = draw.choice(["run a", "run a", "run a", "run b", None])
        seen = partition, run_id
        match draw.choices(["near", "ahead", "behind"], [8, 1, 2])[0]:
            case "ahead":
                event_ms = now_ms + draw.choice(AHEAD_MS)
            case "behind":
                event_ms = newest_ms.get(seen, now_ms) - draw.choice(BEHIND_MS)
            case _:
                event_ms = now_ms - draw.choice(LAGS_MS)
        if topic == "results" and event_ms <= now_ms:
            newest_ms[seen] = max(event_ms, newest_ms.get(seen, event_ms))
        offset = offsets.get((topic, partition), 0)
        offsets[topic, partition] = offset + draw.randint(1, 3)
        envelope = {
            "event_id": f"id {draw.randrange(40)}",
            "run_id": run_id,
            "event_time": EPOCH + timedelta(milliseconds=event_ms, microseconds=draw.randrange(1_000)),
        }
        event = result(draw, envelope) if topic == "results" else feedback(draw, envelope)
        log.append(Logged(topic, partition, offset, now_ms, event))
    return log


def result(draw: Random, envelope: dict[str, Any]) -> Any:
    """A result of any kind with any of its fields."""
    kind, own_id = draw.choices(KINDS, [4, 1, 1])[0]
    own: dict[str, Any] = {own_id: str(draw.randrange(3))}
    if kind is ComponentResult:
        own["component_type"] = draw.choice([None, "button"])
    return kind(**envelope, **own, **_outcome(draw), **_labels(draw), **_amounts(draw))


def feedback(draw: Random, envelope: dict[str, Any]) -> FeedbackRecorded:
    """Any word on one of few subjects."""
    return FeedbackRecorded(
        **envelope,
        image_id=draw.choice(["1", "2"]),
        question=draw.choice([None, "angle", ""]),
        rating=draw.choice([None, -1, 0, 1]),
        validator=draw.choice(["user", "receipt", "expert"]),
        verdict=draw.choice([None, "confirmed", "rejected", "overridden"]),
    )


def _outcome(draw: Random) -> dict[str, Any]:
    return {
        "status": draw.choice(["success", "success", "partial", "failed"]),
        "final": draw.random() < 0.5,
        "attempt": draw.randint(1, 3),
        "will_retry": draw.random() < 0.3,
        "error": draw.choice([None, Failure(), Failure(timeout=True), Failure(timeout=False)]),
        "tier": draw.choice([0, 1, 2, 3, 15]),
    }


def _labels(draw: Random) -> dict[str, Any]:
    return {
        "task_type": draw.choice(["angle", "parts"]),
        "variant": draw.choice([None, "", "x"]),
        "model": draw.choice(["gpt-4o", "gpt-4o-mini", ""]),
        "provider": draw.choice(["openai", "aws"]),
        "context_score": draw.choice([None, 0, 9.99, 10, 30, 59.9, 60, 100]),
    }


def _amounts(draw: Random) -> dict[str, Any]:
    def amount() -> int:
        return draw.choice([0, 1, draw.randrange(10**9)])

    def table(values: Callable[[], float]) -> dict[str, float] | None:
        return draw.choice([None, {draw.choice(NAMES): values() for _ in range(2)}])

    return {
        "latency_ms": draw.choice([None, 0, 0.5, 1.5, draw.uniform(0, 3_000), draw.uniform(0, 1e12)]),
        "cost_usd": draw.choice([None, 0, 2.5e-9, draw.uniform(0, 0.02), draw.uniform(0, 1e6)]),
        "confidence": draw.choice([None, 0, 0.0000005, draw.random(), 1]),
        "input_tokens": amount(),
        "output_tokens": amount(),
        "cached_tokens": amount(),
        "tokens_saved": amount(),
        "cache_hit": draw.random() < 0.5,
        "questions_asked": draw.randrange(4),
        "answers": draw.choice([None, [_answer(draw) for _ in range(draw.randrange(4))]]),
        "scores": table(lambda: draw.uniform(-10, 10)),
        "findings": table(amount),
        "tables": table(amount),
        "insights": draw.randrange(3),
        "stages": table(lambda: draw.choice([0.5, 1.5, draw.uniform(0, 1e6)])) if draw.random() < 0.5 else None,
        "stage_costs": table(lambda: draw.choice([0, 2.5e-9, draw.random()])) if draw.random() < 0.5 else None,
        "gaps": draw.choice([None, [Gap(item="manual")] * draw.randrange(3)]),
    }


def _answer(draw: Random) -> Answer:
    return Answer(
        question="part?",
        asked_models=draw.choice([None, 0, 1, 2, 3, 4]),
        agreeing_models=draw.choice([None, 0, 1, 2, 3, 4]),
        validated_by=draw.choice([None, "receipt", "user", "expert"]),
    )


A_LOG = log_of(range(300))
"""One long enough to have met most of what may happen."""


def batched(log: Sequence[Logged], cuts: Sequence[int]) -> list[tuple[int, list[Record]]]:
    """The log as chunks of one source partition each; `cuts` are the sizes, repeated. Topics keep their own order."""
    chunks = []
    for partition in sorted({record.partition for record in log}):
        mine = [record for record in log if record.partition == partition]
        at = nth = 0
        while at < len(mine):
            size = cuts[nth % len(cuts)]
            chunk = mine[at : at + size]
            if nth % 2:  # the topics of a chunk may come one after the other
                chunk = sorted(chunk, key=lambda record: record.topic)
            chunks.append((partition, [Record(r.topic, r.offset, r.timestamp_ms, r.event) for r in chunk]))
            at, nth = at + size, nth + 1
    return chunks


class Pipeline:
    """Both stages in memory: folds of the source partitions, their ledgers, and the registers of the runs."""

    def __init__(self, seal_after_ms: int) -> None:
        self.seal_after_ms = seal_after_ms
        self.folds: dict[int, Fold] = {}
        self.ledger: dict[int, dict[str, list[Segment]]] = {}
        self.registers: dict[str, RunRegisters] = {}
        self.sequence = 0

    def put_together(self) -> None:
        """Replaces what the ledger has of each run by its state."""
        for partition, runs in self.ledger.items():
            for run_id, segments in runs.items():
                whole = self.folds[partition].whole(run_id)
                assert whole is not None
                segments[:] = [whole]

    def feed(self, chunks: Sequence[tuple[int, list[Record]]], *, merged: bool = False) -> None:
        for partition, chunk in chunks:
            fold = self.folds.setdefault(partition, Fold(seal_after_ms=self.seal_after_ms))
            self.sequence += 1
            for run_id, segment in fold.apply(chunk).items():
                self._keep(partition, run_id, segment, merged=merged)
                registers = self.registers.setdefault(run_id, RunRegisters(run_id))
                registers.take_partials(segment.partials(run_id, partition, self.sequence))

    def restart(self, at_once: int) -> None:
        """Forgets the folds and makes them anew from the ledger's stored bytes, so many segments of a run at once."""
        for partition, runs in self.ledger.items():
            fold = self.folds[partition] = Fold(seal_after_ms=self.seal_after_ms)
            for run_id, segments in runs.items():
                stored = [Segment.decode(segment.encode()) for segment in segments]
                for at in range(0, len(stored), at_once):
                    fold.restore(run_id, together(stored[at : at + at_once]))

    def _keep(self, partition: int, run_id: str, segment: Segment, *, merged: bool) -> None:
        segments = self.ledger.setdefault(partition, {}).setdefault(run_id, [])
        if segment.sealed:
            segments[:] = [segment]
        elif merged and segments:
            segments[-1] = segments[-1].merge(segment)
        else:
            segments.append(segment)
