"""`imageledger process DIR` over real image files, as a user's first own run."""

import json
from pathlib import Path

import numpy as np
from live_stack import Stack, eventually
from PIL import Image, ImageFilter

ORIENTATION = 0x0112


def write_photographs(folder: Path) -> int:
    """35 files: sharp, blurred, dark, bright, turned by EXIF, other formats, one broken, one text named .jpg."""
    rng = np.random.default_rng(7)
    for vehicle in range(3):
        (folder / f"vehicle-{vehicle}").mkdir(parents=True)
    for number in range(33):
        pixels = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((320, 240))
        kind = number % 5
        if kind == 1:
            picture = picture.filter(ImageFilter.GaussianBlur(8))
        elif kind in {2, 3}:
            picture = picture.point(lambda value, kind=kind: value // 12 if kind == 2 else 245 + value // 30)
        exif = Image.Exif()
        if kind == 4:
            exif[ORIENTATION] = 6
        suffix = ("jpg", "png", "webp")[number % 3]
        picture.save(folder / f"vehicle-{number % 3}" / f"photo-{number:02}.{suffix}", exif=exif)
    whole = (folder / "vehicle-0" / "photo-00.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "notes.jpg").write_text("this is no photograph")
    return 35


def test_each_file_ends_as_a_result(stack: Stack, tmp_path: Path) -> None:
    count = write_photographs(tmp_path / "garage")
    done = stack.run("process", str(tmp_path / "garage"), "--run", "garage", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["images"] == count
    assert summary["processed"] == count - 2
    assert sum(summary["failed"].values()) == 2
    assert {failed["image_id"] for failed in summary["failed_images"]} == {"broken.jpg", "notes.jpg"}
    assert all(failed["reason"] for failed in summary["failed_images"])
    # No order between topics is relied on: the run may be known to be finished before its last result is folded.
    eventually(lambda: stack.metrics("garage")["totals"].get("subjects") == count, "every file is counted")
    eventually(lambda: stack.metrics("garage")["state"] == "finished", "the run is finished")
    totals = stack.metrics("garage")["totals"]
    assert (totals["processed_subjects"], totals["failed_subjects"]) == (count - 2, 2)


def test_an_empty_folder_is_said(stack: Stack, tmp_path: Path) -> None:
    done = stack.run("process", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("imageledger: ")
    assert len(done.stderr.strip().splitlines()) == 1
