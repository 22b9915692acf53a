"""A folder of image files of which each says what was done to it, and what a true measurement must say of that."""

import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

ORIENTATION = 0x0112
SIZE = (640, 480)
TURNED = {
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""The turn after which a camera writes this orientation."""


@dataclass(frozen=True)
class File:
    """A file by its path in the folder: what its output must say (quality's fields among the others), or its error."""

    name: str
    write: Callable[[Path], object]
    says: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    copy_of: str | None = None


GOOD = {"focus": "sharp", "lighting": "good", "sufficient_for_detail": True, "suitable_for_expert": False}
POOR = {"sufficient_for_detail": False, "suitable_for_expert": False}


def picture(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Structure on every scale, as in photographs of things."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3), dtype=np.float32)
    side = 4
    while side <= 2 * max(size):
        noise = Image.fromarray(rng.integers(0, 256, (side * 3 // 4, side, 3), dtype=np.uint8))
        total += np.asarray(noise.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
        side *= 4
    total -= total.mean(axis=(0, 1))
    return Image.fromarray((128 + 45 * total / total.std()).clip(0, 255).astype(np.uint8))


def files() -> Iterator[File]:
    """Fifty of them; copies come last by path, so that the original is the earlier one."""
    for number, suffix in enumerate(("jpg", "png", "webp", "gif", "bmp", "tif")):
        kind = {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix)
        yield made(f"sharp/{suffix}.{suffix}", partial(picture, number), GOOD | {"format": kind})
    for number, (radius, suffix) in enumerate(((3, "jpg"), (3, "png"), (6, "webp"), (10, "tif"))):
        blurred = partial(out_of_focus, 10 + number, radius)
        yield made(f"blurred/{radius}.{suffix}", blurred, POOR | {"focus": "blurred", "lighting": "good"})
    for number, (gain, suffix) in enumerate(((0.1, "png"), (0.2, "jpg"), (0.25, "webp"), (0.3, "jpg"))):
        yield made(
            f"dark/{gain}.{suffix}", partial(exposed, 20 + number, gain), POOR | {"focus": "sharp", "lighting": "dark"}
        )
    for number, (gain, suffix) in enumerate(((1.9, "png"), (2.0, "jpg"), (2.2, "webp"))):
        yield made(f"bright/{gain}.{suffix}", partial(exposed, 30 + number, gain), POOR | {"lighting": "bright"})
    for number, suffix in enumerate(("jpg", "png")):
        yield made(f"hazy/{number}.{suffix}", partial(hazy, 40 + number), POOR | {"focus": "sharp", "lighting": "good"})
    yield from turned_by_exif()
    yield from of_other_modes()
    yield from of_odd_sizes()
    yield from copies()
    yield from failures()


def turned_by_exif() -> Iterator[File]:
    for number, (orientation, suffix) in enumerate(((3, "jpg"), (5, "jpg"), (6, "jpg"), (8, "png"), (6, "webp"))):
        stored = partial(turned, 50 + number, orientation)
        upright = {"width": SIZE[0], "height": SIZE[1], "orientation": orientation}
        yield made(f"turned/{orientation}.{suffix}", stored, GOOD | upright, exif=exif(orientation))


def of_other_modes() -> Iterator[File]:
    yield made("modes/16-bit.png", deep, GOOD)
    yield made("modes/cmyk.jpg", lambda: picture(61).convert("CMYK"), GOOD)
    yield made("modes/grey.png", lambda: picture(62).convert("L"), GOOD)
    yield made("modes/alpha.png", lambda: picture(63).convert("RGBA"), GOOD)
    yield made("modes/palette.png", lambda: picture(64).quantize(64), GOOD)
    yield File("modes/animated.webp", animated, GOOD)


def of_odd_sizes() -> Iterator[File]:
    nothing = POOR | {"focus": "unknown", "phash": None}
    for width, height, suffix in ((1, 1, "png"), (5_000, 2, "png"), (*SIZE, "jpg")):
        flat = partial(Image.new, "RGB", (width, height), "grey")
        yield made(f"sizes/{width}x{height}.{suffix}", flat, nothing | {"width": width, "height": height})
    yield made("sizes/small.jpg", lambda: picture(70, (160, 120)), POOR | {"focus": "sharp", "lighting": "good"})
    yield made("sizes/large.jpg", lambda: picture(71, (2_000, 1_200)), GOOD | {"suitable_for_expert": True})


def copies() -> Iterator[File]:
    original, whole = "sharp/jpg.jpg", partial(picture, 0)

    def same_bytes(path: Path) -> None:
        shutil.copyfile(path.parents[1] / original, path)

    def beside(path: Path) -> None:
        whole().rotate(90, expand=True).save(path, quality=92, exif=exif(6))

    yield File("zz-copies/bytes.jpg", same_bytes, GOOD, copy_of=original)
    yield File("zz-copies/turned.jpg", beside, GOOD | {"orientation": 6}, copy_of=original)
    half = POOR | {"lighting": "good", "width": 320}
    yield made("zz-copies/half.jpg", lambda: whole().resize((320, 240)), half, copy_of=original)
    yield made("zz-copies/squeezed.jpg", whole, {"lighting": "good"}, copy_of=original, quality=25)


def failures() -> Iterator[File]:
    def cut(path: Path) -> None:
        whole = (path.parents[1] / "sharp/jpg.jpg").read_bytes()
        path.write_bytes(whole[: len(whole) // 3])

    yield File("broken/cut.jpg", cut, error="broken_image")
    yield File("broken/notes.jpg", lambda path: path.write_text("this is no photograph"), error="not_an_image")
    yield File("broken/page.png", lambda path: path.write_text("<html>404</html>"), error="not_an_image")
    yield File("broken/empty.jpg", lambda path: path.touch(), error="empty_file")
    yield File("broken/bomb.png", lambda path: path.write_bytes(bomb(30_000, 30_000)), error="too_many_pixels")
    yield File("broken/short.png", lambda path: path.write_bytes(bomb(300, 300)), error="broken_image")
    yield File("broken/pipe.jpg", os.mkfifo, error="not_a_file")
    yield File("broken/gone.jpg", lambda path: path.symlink_to("nowhere.jpg"), error="unreadable")
    if os.geteuid():  # root may read everything

        def forbidden(path: Path) -> None:
            picture(80).save(path)
            path.chmod(0)

        yield File("broken/forbidden.jpg", forbidden, error="unreadable")


def made(
    name: str, image: Callable[[], Image.Image], says: dict[str, Any], *, copy_of: str | None = None, **options: Any
) -> File:
    return File(name, lambda path: image().save(path, **({"quality": 92} | options)), says, copy_of=copy_of)


def out_of_focus(seed: int, radius: float) -> Image.Image:
    return picture(seed).filter(ImageFilter.GaussianBlur(radius))


def exposed(seed: int, gain: float) -> Image.Image:
    return picture(seed).point(lambda value: min(255, round(value * gain)))


def hazy(seed: int) -> Image.Image:
    return ImageEnhance.Contrast(picture(seed)).enhance(0.2)


def turned(seed: int, orientation: int) -> Image.Image:
    return picture(seed).transpose(TURNED[orientation])


def deep() -> Image.Image:
    """16 bits a pixel."""
    return Image.fromarray(np.asarray(picture(60).convert("L"), dtype=np.uint16) * 257)


def animated(path: Path) -> None:
    picture(65).save(path, save_all=True, append_images=[picture(66)], quality=92)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header says that it is that large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
