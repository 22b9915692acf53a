"""The local model on real files."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageEnhance
from processor_doubles import photograph

from processors.errors import CallError
from processors.models import local
from processors.models.base import Image, Outcome, Request, looked
from processors.models.local import LocalModel
from processors.models.measures import certainty, difference_hash, focus_measure


def measure(path: Path) -> Outcome:
    return LocalModel().measure(Request(image=Image(image_id=path.name, path=path)))


def failure(path: Path) -> CallError:
    with pytest.raises(CallError) as caught:
        measure(path)
    assert caught.value.latency_ms is not None
    assert caught.value.latency_ms >= 0
    return caught.value


def saved(image: Pillow.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def quality(outcome: Outcome) -> dict[str, Any]:
    return dict(outcome.output["image_quality"])


def exif(orientation: int) -> bytes:
    block = Pillow.Exif()
    block[0x0112] = orientation
    return block.tobytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif", ".gif", ".avif"])
def test_a_good_photograph_in_any_format(tmp_path: Path, suffix: str) -> None:
    outcome = measure(saved(photograph(), tmp_path / f"a{suffix}"))
    assert quality(outcome)["focus"] == "sharp"
    assert quality(outcome)["lighting"] == "good"
    assert quality(outcome)["sufficient_for_detail"] is True
    assert quality(outcome)["suitable_for_expert"] is False  # under two megapixels
    assert quality(outcome)["overall_score"] == 9
    assert (outcome.output["width"], outcome.output["height"]) == (800, 600)
    assert outcome.output["megapixels"] == 0.48
    assert outcome.cost_usd == 0
    assert outcome.cost_source == "local"
    assert outcome.latency_ms is not None
    assert outcome.latency_ms > 0
    assert outcome.input_tokens == outcome.output_tokens == 0


def test_large_and_sharp_suits_an_expert(tmp_path: Path) -> None:
    outcome = measure(saved(photograph(size=(2_000, 1_200)), tmp_path / "a.jpg", quality=90))
    assert quality(outcome)["suitable_for_expert"] is True
    assert quality(outcome)["overall_score"] == 10


@pytest.mark.parametrize(("blur", "focus"), [(0.0, "sharp"), (1.2, "soft"), (3.0, "blurred"), (6.0, "blurred")])
def test_focus(tmp_path: Path, blur: float, focus: str) -> None:
    assert quality(measure(saved(photograph(blur=blur), tmp_path / "a.png")))["focus"] == focus


@pytest.mark.parametrize("gain", [0.15, 0.3])
def test_a_dark_photograph_is_dark_and_still_sharp(tmp_path: Path, gain: float) -> None:
    seen = quality(measure(saved(photograph(gain=gain), tmp_path / "a.png")))
    assert (seen["lighting"], seen["focus"], seen["sufficient_for_detail"]) == ("dark", "sharp", False)


def test_a_bright_photograph(tmp_path: Path) -> None:
    seen = quality(measure(saved(photograph(gain=2.0), tmp_path / "a.png")))
    assert (seen["lighting"], seen["sufficient_for_detail"]) == ("bright", False)


def test_low_contrast(tmp_path: Path) -> None:
    hazy = ImageEnhance.Contrast(photograph()).enhance(0.2)
    outcome = measure(saved(hazy, tmp_path / "a.png"))
    assert {a.question: a.answer for a in outcome.answers or []}["contrast"] == "low"
    assert quality(outcome)["sufficient_for_detail"] is False


def test_what_needs_a_model_is_unknown_not_invented(tmp_path: Path) -> None:
    outcome = measure(saved(photograph(), tmp_path / "a.png"))
    assert outcome.output["angle"] == outcome.output["category"] == outcome.output["condition_glance"] == "unknown"
    assert outcome.output["components_visible"] == []
    asked = {answer.question for answer in outcome.answers or []}
    assert asked.isdisjoint(local.UNSEEN)
    assert outcome.questions_asked == len(asked) + len(local.UNSEEN)
    assert outcome.tables == {"image_tags": len(asked)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int) -> None:
    upright = photograph(size=(640, 480))
    stored = upright if orientation == 1 else upright.transpose(_UNDO[orientation])
    turned = measure(saved(stored, tmp_path / "turned.png", exif=exif(orientation)))
    straight = measure(saved(upright, tmp_path / "upright.png"))
    assert (turned.output["width"], turned.output["height"]) == (640, 480)
    assert turned.output["orientation"] == orientation
    assert turned.output["phash"] == straight.output["phash"]


_T = Pillow.Transpose
_UNDO = {
    2: _T.FLIP_LEFT_RIGHT,
    3: _T.ROTATE_180,
    4: _T.FLIP_TOP_BOTTOM,
    5: _T.TRANSPOSE,
    6: _T.ROTATE_90,
    7: _T.TRANSVERSE,
    8: _T.ROTATE_270,
}
"""The turn after which the camera would write this orientation."""


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "P", "1", "I;16", "F", "YCbCr"])
def test_every_pixel_mode(tmp_path: Path, mode: str) -> None:
    picture = photograph(size=(320, 240))
    if mode == "I;16":
        deep = np.asarray(picture.convert("L"), dtype=np.uint16) * 257
        path = saved(Pillow.fromarray(deep), tmp_path / "a.png")
    else:
        suffix = {"CMYK": "jpg", "F": "tif", "YCbCr": "jpg"}.get(mode, "png")
        path = saved(picture.convert(mode), tmp_path / f"a.{suffix}")
    assert Pillow.open(path).mode == mode or mode == "YCbCr"
    outcome = measure(path)
    assert quality(outcome)["lighting"] == "good"
    assert quality(outcome)["mean_luminance"] == pytest.approx(0.5, abs=0.06)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    clear = Pillow.new("RGBA", (400, 300), (0, 0, 0, 0))
    assert quality(measure(saved(clear, tmp_path / "a.png")))["mean_luminance"] == 1.0


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 500), (3, 3), (5_000, 2)])
def test_tiny_and_thin_images_are_measured(tmp_path: Path, size: tuple[int, int]) -> None:
    outcome = measure(saved(Pillow.new("RGB", size, "grey"), tmp_path / "a.png"))
    assert quality(outcome)["focus"] == "unknown"
    assert outcome.output["phash"] is None
    assert 0 <= (outcome.confidence or 0) <= 1


@pytest.mark.parametrize("colour", ["black", "white", "grey"])
def test_a_flat_image_has_no_focus_and_no_hash(tmp_path: Path, colour: str) -> None:
    outcome = measure(saved(Pillow.new("L", (400, 300), colour), tmp_path / "a.png"))
    assert quality(outcome)["focus"] == "unknown"
    assert outcome.output["phash"] is None
    assert "focus" not in {answer.question for answer in outcome.answers or []}


def test_an_animation_counts_as_its_first_frame(tmp_path: Path) -> None:
    frames = [photograph(seed, (200, 150)) for seed in (1, 2)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert measure(tmp_path / "a.webp").output["phash"] == measure(saved(frames[0], tmp_path / "b.png")).output["phash"]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header says that it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def truncated() -> bytes:
    buffer = io.BytesIO()
    photograph().save(buffer, "JPEG")
    return buffer.getvalue()[:20_000]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"just some text\n", "not_an_image"),
        (b"<html>404</html>", "not_an_image"),
        (bytes(range(256)) * 40, "not_an_image"),
        (b"\xff\xd8\xff\xe0", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not_an_image"),
        (truncated(), "broken_image"),
        (bomb(20_000, 20_000), "too_many_pixels"),  # Pillow refuses
        (bomb(10_000, 10_000), "too_many_pixels"),  # Pillow warns, we refuse
        (bomb(300, 300), "broken_image"),
    ],
    ids=("empty", "text", "html", "bytes", "jpeg start", "png start", "truncated", "bomb", "small bomb", "short"),
)
def test_bad_files_are_typed_failures(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    error = failure(path)
    assert error.type == reason
    assert error.message
    assert not error.retryable
    assert (error.content_hash is None) == (data == b"")


def test_a_missing_file_is_unreadable_and_may_come_back(tmp_path: Path) -> None:
    error = failure(tmp_path / "gone.jpg")
    assert (error.type, error.retryable) == ("unreadable", True)


def test_a_forbidden_file_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = saved(photograph(), tmp_path / "a.png")
    monkeypatch.setattr(Path, "read_bytes", forbid)  # root, as in a container, may read everything
    error = failure(path)
    assert (error.type, error.message) == ("unreadable", "a.png: Permission denied")


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    os.mkfifo(tmp_path / "b.jpg")
    assert failure(tmp_path / "a.jpg").type == "not_a_file"
    assert failure(tmp_path / "b.jpg").type == "not_a_file"  # and does not wait for a writer


def test_a_file_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with path.open("wb") as file:
        file.truncate(local.MAX_FILE_BYTES + 1)  # sparse: takes no room
    assert failure(path).type == "file_too_large"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_break_the_image(tmp_path: Path) -> None:
    path = saved(photograph(), tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert measure(path).output["orientation"] == 1


async def test_an_image_without_a_file_is_a_failure() -> None:
    said = await looked(LocalModel(), Request(image=Image(image_id="x", uri="s3://bucket/x.jpg")))
    assert isinstance(said, CallError)
    assert said.type == "unreadable"


def test_hashes_are_near_for_copies_and_far_for_others() -> None:
    def hashed(image: Pillow.Image) -> int:
        found = difference_hash(np.asarray(image.convert("L").resize((9, 8), Pillow.Resampling.LANCZOS), float))
        assert found is not None
        return found

    picture = photograph(3, (400, 300))
    smaller = picture.resize((200, 150))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=30)
    assert (hashed(picture) ^ hashed(smaller)).bit_count() <= 4
    assert (hashed(picture) ^ hashed(Pillow.open(buffer))).bit_count() <= 4
    others = [hashed(photograph(seed, (400, 300))) for seed in range(10, 30)]
    assert min((hashed(picture) ^ other).bit_count() for other in others) > 4


def test_the_hash_of_a_known_picture() -> None:
    falling = np.tile(np.arange(9, 0, -1) * 20.0, (8, 1))
    assert difference_hash(falling) == 2**64 - 1
    assert difference_hash(falling[:, ::-1]) == 0
    left_only = np.full((8, 9), 100.0)
    left_only[0, 0] = 250
    assert difference_hash(left_only) == 1 << 63


def test_focus_of_known_pictures() -> None:
    checkerboard = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)
    assert focus_measure(checkerboard) == pytest.approx(64)  # |Laplacian| 4 of a deviation of a half: (4 / 0.5)²
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    assert focus_measure(ramp) == pytest.approx(0, abs=1e-9)


def test_certainty_grows_with_the_distance_from_the_threshold() -> None:
    assert certainty(0.1, 0.1) == 0.5
    assert certainty(0.2, 0.1) == certainty(0.05, 0.1) == 0.8161
    assert certainty(0.4, 0.1) > certainty(0.2, 0.1)
    assert certainty(0, 0.1) == 1
    assert certainty(0.06, 0.1, 0.03) < certainty(0.06, 0.03)


def test_a_drawn_scene_keeps_its_confidence_in_range(tmp_path: Path) -> None:
    canvas = Pillow.new("RGB", (640, 480), "white")
    ImageDraw.Draw(canvas).rectangle((100, 100, 300, 300), fill="black")
    outcome = measure(saved(canvas, tmp_path / "a.png"))
    assert all(0.5 <= (answer.confidence or 0) <= 1 for answer in outcome.answers or [])
