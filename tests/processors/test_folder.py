"""`imageledger process DIR` without the command: every file exactly one result."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image as Pillow
from processor_doubles import Kept, KeptLog, decoded, photograph

from events.commands import Action, CommandIssued
from events.envelope import Event
from events.heartbeats import ProcessorHeartbeat
from events.results import ImageResult
from events.runs import CommandAcknowledged, RunDeclared, RunEvent, RunFinished, RunPaused
from processors.errors import CallError, FolderError
from processors.folder.files import image_files, stable_id
from processors.folder.run import process_folder
from processors.models.base import Outcome, Request
from processors.models.local import LocalModel


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """34 files: 3 vehicles and loose ones, good and bad, with two near-duplicates; and what does not count."""
    root = tmp_path_factory.mktemp("collection")
    for vehicle, seeds in (("ford", range(8)), ("chevy", range(20, 28)), ("fleet/dodge", range(40, 46))):
        (root / vehicle).mkdir(parents=True)
        for seed in seeds:
            suffix = (".jpg", ".png", ".webp")[seed % 3]
            photograph(seed, (480, 360), blur=3.0 * (seed % 4 == 3)).save(root / vehicle / f"{seed}{suffix}")
    photograph(0, (480, 360)).resize((240, 180)).save(root / "chevy" / "copy.png")  # of ford/0.jpg: later by name
    (root / "chevy" / "copy.png").rename(root / "ford" / "copy.png")
    shutil.copy(root / "chevy" / "20.webp", root / "ford" / "same.webp")  # of an earlier folder
    photograph(60, (480, 360)).convert("L").save(root / "grey.png")
    photograph(61, (480, 360)).convert("RGBA").save(root / "alpha.png")
    photograph(62, (480, 360)).convert("CMYK").save(root / "cmyk.jpg")
    Pillow.new("RGB", (1, 1)).save(root / "pixel.png")
    Pillow.new("RGB", (50, 50)).save(root / "flat.png")
    Pillow.new("RGB", (60, 50)).save(root / "flat2.png")
    (root / "text.jpg").write_text("no image")
    (root / "empty.png").touch()
    (root / "broken.jpg").write_bytes((root / "cmyk.jpg").read_bytes()[:2_000])
    (root / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    (root / "notes.txt").write_text("not an image file")
    (root / ".hidden.jpg").write_text("hidden")
    (root / ".cache").mkdir()
    (root / ".cache" / "a.jpg").write_text("hidden")
    return root


async def test_each_file_has_exactly_one_result(collection: Path) -> None:
    kept = Kept()
    seen: list[tuple[int, int]] = []
    summary = await process_folder(collection, kept, "run-1", progress=lambda n, of, _: seen.append((n, of)))
    results = kept.results
    assert [r.image_id for r in results] == sorted((r.image_id for r in results), key=Path)
    assert len(results) == len({r.image_id for r in results}) == summary.images == 34
    assert summary.failed == {"not_an_image": 2, "empty_file": 1, "broken_image": 1}
    assert {f.image_id for f in summary.failed_images} == {"text.jpg", "empty.png", "broken.jpg", "phone.heic"}
    assert summary.processed == 30
    assert summary.complete
    assert seen == [(n, 34) for n in range(1, 35)]
    assert all(decoded(event) == event for event in kept.events)
    assert all(r.final and not r.will_retry and r.cost_usd == 0 for r in results)
    assert all((r.content_hash or "").startswith("sha256:") for r in results if r.image_id != "empty.png")


async def test_the_run_is_declared_and_finished(collection: Path) -> None:
    kept = Kept()
    await process_folder(collection, kept, "run-1")
    declared = kept.events[0]
    assert isinstance(declared, RunDeclared)
    assert declared.total_images == 34
    assert declared.tiers is not None
    assert declared.tiers[0].images == 34
    assert isinstance(kept.events[-1], RunFinished)
    beats = kept.of(ProcessorHeartbeat)
    assert beats[0].queue_depth == 34
    assert beats[-1].state == "stopped"


async def test_subfolders_are_vehicles(collection: Path) -> None:
    kept = Kept()
    await process_folder(collection, kept, "run-1")
    vehicles = Counter(r.vehicle_id for r in kept.results)
    assert vehicles == {"ford": 10, "chevy": 8, "fleet/dodge": 6, None: 10}


async def test_near_duplicates_are_said(collection: Path) -> None:
    kept = Kept()
    summary = await process_folder(collection, kept, "run-1", concurrency=3)
    found = {d.image_id: d.duplicate_of for d in summary.duplicate_images}
    assert found["ford/copy.png"] == "ford/0.jpg"
    assert found["ford/same.webp"] == "chevy/20.webp"
    assert "flat2.png" not in found  # what is flat has no hash to compare
    assert summary.duplicates == len(found)
    assert {r.image_id for r in kept.results if r.findings == {"near_duplicates": 1}} == set(found)
    assert b'"duplicate_of":"ford/0.jpg"' in next(
        bytes(r.output) for r in kept.results if r.image_id == "ford/copy.png"
    )


async def test_the_same_folder_again_in_the_same_run_adds_no_event(collection: Path, tmp_path: Path) -> None:
    root = tmp_path / "again"
    shutil.copytree(collection, root)
    one, two, other_run = Kept(), Kept(), Kept()
    await process_folder(root, one, "run-1")
    await process_folder(root, other_run, "run-2")
    photograph(99, (480, 360)).save(root / "grey.png")
    (root / "text.jpg").unlink()
    photograph(98, (480, 360)).save(root / "text.jpg")
    await process_folder(root, two, "run-1")
    before = {r.image_id: r.event_id for r in one.results}
    after = {r.image_id: r.event_id for r in two.results}
    assert {image for image in before if before[image] != after[image]} == {"grey.png", "text.jpg"}
    assert {r.event_id for r in other_run.results}.isdisjoint(before.values())


def of_results(refuse: Callable[[ImageResult], bool]) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, ImageResult) and refuse(event)


async def test_a_publisher_that_refuses_is_said(collection: Path) -> None:
    kept = Kept(of_results(lambda r: r.image_id in {"grey.png", "ford/1.png"}))
    summary = await process_folder(collection, kept, "run-1")
    assert summary.unpublished == 2
    assert set(summary.unpublished_images) == {"grey.png", "ford/1.png"}
    assert not summary.complete
    assert len(kept.results) == 32


async def test_a_publisher_that_makes_room_loses_nothing(collection: Path) -> None:
    turn = iter(range(1_000))
    kept = Kept(of_results(lambda _: next(turn) % 5 == 0))
    summary = await process_folder(collection, kept, "run-1")
    assert summary.unpublished == 0
    assert len(kept.results) == 34
    assert kept.flushes > 1


async def test_a_publisher_that_takes_nothing_is_waited_for_once(collection: Path) -> None:
    kept = Kept(lambda _: True)
    summary = await process_folder(collection, kept, "run-1")
    assert summary.unpublished == 36  # declared, 34 results, finished
    assert kept.flushes == 3  # once for room, before the run is finished, at the end
    assert not summary.complete


async def test_events_that_kafka_never_confirmed_are_said(collection: Path) -> None:
    summary = await process_folder(collection, Kept(unconfirmed=3), "run-1")
    assert summary.unpublished == 3
    assert not summary.complete


class Surprising:
    """A model with a fault of its own on one image."""

    async def look(self, request: Request) -> Outcome:
        if request.image.image_id == "grey.png":
            raise ZeroDivisionError("an unforeseen case")
        return await LocalModel().look(request)


async def test_an_unforeseen_exception_is_one_failed_result(collection: Path) -> None:
    kept = Kept()
    summary = await process_folder(collection, kept, "run-1", model=Surprising())
    assert len(kept.results) == 34
    failed = next(r for r in kept.results if r.image_id == "grey.png")
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("unexpected_error", "ZeroDivisionError: an unforeseen case")
    assert summary.failed["unexpected_error"] == 1
    assert summary.complete


async def test_a_stop_ends_early_and_pauses_the_run(collection: Path) -> None:
    kept, stop = Kept(), asyncio.Event()
    summary = await process_folder(
        collection, kept, "run-1", stop=stop, concurrency=1, progress=lambda n, *_: stop.set() if n == 3 else None
    )
    assert summary.stopped
    assert not summary.complete
    assert 3 <= len(kept.results) < 34
    assert summary.ended == len(kept.results)
    assert isinstance(kept.events[-1], RunPaused)


class Later:
    """Answers out of order: the first images last."""

    def __init__(self) -> None:
        self.open = self.most = 0

    async def look(self, request: Request) -> Outcome:
        self.open += 1
        self.most = max(self.most, self.open)
        for _ in range(50 - len(request.image.image_id)):
            await asyncio.sleep(0)
        self.open -= 1
        raise CallError("refused", "every time")


async def test_results_leave_in_the_files_order_with_bounded_concurrency(collection: Path) -> None:
    kept, model = Kept(), Later()
    await process_folder(collection, kept, "run-1", model=model, concurrency=3)
    ids = [r.image_id for r in kept.results]
    assert ids == sorted(ids, key=Path)
    assert model.most == 3


def test_links_out_are_left_alone_and_circles_do_no_harm(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    for folder in (outside, root / "in"):
        folder.mkdir(parents=True)
        photograph(1, (64, 48)).save(folder / "a.png")
    (root / "out.png").symlink_to(outside / "a.png")
    (root / "outdir").symlink_to(outside)
    (root / "inside.png").symlink_to(root / "in" / "a.png")
    (root / "in" / "up").symlink_to(root)
    (root / "circle.png").symlink_to(root / "circle.png")
    images, skipped = image_files(root)
    assert [image.image_id for image in images] == ["circle.png", "in/a.png", "inside.png"]
    assert skipped == ["out.png"]


def test_nothing_to_process(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="holds no image file"):
        image_files(tmp_path)
    with pytest.raises(FolderError, match="is not a folder"):
        image_files(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="is not a folder"):
        image_files(tmp_path / "file")


def test_any_file_name_can_be_told(tmp_path: Path) -> None:
    names = ["with space.png", 'quote".png', "émoji 🚗.png", "שלום.png", "%2F.png", "x" * 240 + ".png", "new\nline.png"]
    for name in names:
        photograph(1, (64, 48)).save(tmp_path / name)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/not\xffunicode.png")).write_bytes(b"not an image")
    long = tmp_path.joinpath(*["d" * 100] * 5)
    long.mkdir(parents=True)
    photograph(1, (64, 48)).save(long / "a.png")
    kept = Kept()
    summary = asyncio.run(process_folder(tmp_path, kept, "run-1"))
    assert summary.images == len({r.image_id for r in kept.results}) == 9
    assert all(decoded(event) == event for event in kept.events)
    assert {"with space.png", 'quote".png', "émoji 🚗.png", "שלום.png"} <= {r.image_id for r in kept.results}


def test_long_paths_that_begin_alike_stay_apart() -> None:
    one, two = stable_id(Path("a" * 300)), stable_id(Path("a" * 301))
    assert len(one) == len(two) == 200
    assert one != two


async def test_times_are_the_clocks(collection: Path) -> None:
    kept = Kept()
    before = datetime.now(UTC)
    await process_folder(collection, kept, "run-1")
    for result in kept.results:
        assert result.started_at is not None
        assert before <= result.started_at <= result.event_time <= datetime.now(UTC)


async def test_started_again_it_measures_only_what_is_new(collection: Path) -> None:
    kept = Kept()
    log = KeptLog(kept)
    first = await process_folder(collection, kept, "run-1", log=log)
    before = len(kept.results)
    again = await process_folder(collection, kept, "run-1", log=log)
    unreadable = {r.image_id for r in kept.results[before:]}
    assert unreadable == {r.image_id for r in kept.results[:before] if r.content_hash is None}
    assert (again.processed, again.failed, again.duplicates) == (first.processed, first.failed, first.duplicates)
    assert again.complete
    assert [type(event).__name__ for event in kept.of(RunEvent)] == [
        "RunDeclared", "RunFinished", "RunResumed", "RunFinished"
    ]  # fmt: skip


def command(action: Action, **args: int) -> CommandIssued:
    name = f"{action} {args}"
    return CommandIssued(
        event_id=name, event_time=datetime.now(UTC), run_id="run-1", command_id=name, action=action, args=args or None
    )


def answers(kept: Kept) -> dict[str, list[str]]:
    """Action → outcomes, in the order in which they were said."""
    found: dict[str, list[str]] = {}
    for event in kept.of(CommandAcknowledged):
        assert isinstance(event, CommandAcknowledged)
        found.setdefault(event.command_id.split()[0], []).append(event.outcome)
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (what is waited for is in a list that has no event)
            await asyncio.sleep(0.01)


async def test_it_pauses_goes_on_and_takes_more_at_a_time(collection: Path) -> None:
    kept, stop = Kept(), asyncio.Event()
    log = KeptLog(kept)

    def moving(done: int, *_: object) -> None:
        if done == 3:
            log.say(command("pause"), command("set_concurrency", concurrency=2), command("reprocess"))

    first = asyncio.create_task(
        process_folder(collection, kept, "run-1", log=log, stop=stop, concurrency=1, progress=moving)
    )
    await until(lambda: answers(kept).get("pause") == ["accepted", "effective"])
    await until(lambda: answers(kept).get("reprocess") == ["refused"])
    stop.set()
    assert (await first).stopped
    assert 3 <= len(kept.results) <= 6, "what was open when it was paused, and no more"
    assert len(kept.of(RunPaused)) == 1, "a stop in a pause is no second pause"

    second = asyncio.create_task(process_folder(collection, kept, "run-1", log=log))
    await until(lambda: kept.of(ProcessorHeartbeat)[-1].state == "paused")  # type: ignore[attr-defined]
    assert kept.of(ProcessorHeartbeat)[-1].capacity == 2  # type: ignore[attr-defined]
    log.say(command("resume"))
    summary = await second
    assert summary.complete
    assert answers(kept)["resume"] == ["accepted", "effective"]
    assert answers(kept)["set_concurrency"] == ["accepted", "effective"]
    assert len({result.image_id for result in kept.results}) == 34
    assert isinstance(kept.of(RunEvent)[-1], RunFinished)
