"""A model without network: measures a real image file with Pillow and numpy, in the shape of S2's tier 1 output.

What needs a model to see (angle, category, components, condition) it says it does not know, rather than invent.
"""

import asyncio
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from events.results import Answer
from processors.errors import CallError
from processors.identity import row_id
from processors.models.base import Outcome, Request, mean_confidence, rows_by_table
from processors.models.measures import (
    BLURRED,
    BRIGHT,
    DARK,
    LOW_CONTRAST,
    SHARP,
    WORKING_SIDE,
    Luminance,
    Measures,
    certainty,
    difference_hash,
    focus_measure,
)

NAME = "local-measure"
VERSION = "1"
"""A change of what is measured, or how, is a new version."""
PROVIDER = "local"

MAX_FILE_BYTES = 256 << 20
MAX_PIXELS = 89_478_485
"""A quarter of a GiB of RGB: where Pillow begins to warn of a decompression bomb."""

UNSEEN = ("angle", "category")
"""Asked in tier 1 (S2), and not measurable."""
TABLE = "image_tags"

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""How an EXIF orientation is undone; 1 is upright."""


class LocalModel:
    """Measures files. `timer` gives seconds; nothing else is kept, so calls may run in as many threads as wanted."""

    def __init__(self, timer: Callable[[], float] = time.perf_counter) -> None:
        self._timer = timer

    async def look(self, request: Request) -> Outcome:
        """Measures the image's file in a thread. Raises CallError, see `measure`."""
        return await asyncio.to_thread(self.measure, request)

    def measure(self, request: Request) -> Outcome:
        """Reads, decodes and measures one file.

        Raises CallError of type `unreadable` (no such file, no permission: retryable), `not_a_file`, `empty_file`,
        `file_too_large`, `not_an_image` (no decoder knows it), `too_many_pixels` or `broken_image`.
        """
        began = self._timer()
        content_hash: str | None = None
        try:
            data = _read(request.image.path)
            content_hash = f"sha256:{hashlib.sha256(data).hexdigest()}"
            read = self._timer()
            with _typed_failures():
                measures, format_name = _measured(data)
        except CallError as error:
            error.content_hash = content_hash
            error.latency_ms = 1e3 * (self._timer() - began)
            error.cost_usd = 0.0
            raise
        done = self._timer()
        answers = list(_answers(request.image.image_id, measures))
        return Outcome(
            model_version=VERSION,
            latency_ms=1e3 * (done - began),
            stages={"read": 1e3 * (read - began), "measure": 1e3 * (done - read)},
            cost_usd=0.0,
            cost_source="local",
            confidence=mean_confidence(answers),
            answers=answers,
            questions_asked=len(answers) + len(UNSEEN),
            tables=rows_by_table(answers),
            content_hash=content_hash,
            output=_output(measures, format_name),
        )


def _read(path: Path | None) -> bytes:
    if path is None:
        raise CallError("unreadable", "the image has no local file; the local model reads files only")
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):
            raise CallError("not_a_file", f"{path.name} is not a regular file")
        if stat.st_size > MAX_FILE_BYTES:
            raise CallError("file_too_large", f"{path.name}: {stat.st_size} bytes; the limit is {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise CallError("unreadable", f"{path.name}: {error.strerror or error}", retryable=True) from error
    if not data:
        raise CallError("empty_file", f"{path.name} holds no bytes")
    return data


@contextmanager
def _typed_failures() -> Iterator[None]:
    """Whatever a decoder raises over a file, as the CallError that says what is wrong with the file."""
    try:
        yield
    except (CallError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise CallError("not_an_image", "no image decoder here knows this file's format") from error
    except Pillow.DecompressionBombError as error:
        raise CallError("too_many_pixels", str(error)) from error
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them
        raise CallError("broken_image", f"{type(error).__name__}: {error}") from error


def _measured(data: bytes) -> tuple[Measures, str]:
    with Pillow.open(io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise CallError("too_many_pixels", f"{width} x {height} pixels; the limit is {MAX_PIXELS}")
        format_name = (image.format or "unknown").lower()
        orientation = _orientation(image)
        image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded no larger than needed
        grey = _grey(image)
    if orientation in _UPRIGHT:
        grey = grey.transpose(_UPRIGHT[orientation])
    if orientation >= 5:
        width, height = height, width
    thumbnail = np.asarray(grey.resize((9, 8), Pillow.Resampling.LANCZOS), dtype=np.float32)
    grey.thumbnail((WORKING_SIDE, WORKING_SIDE), Pillow.Resampling.LANCZOS)
    luminance: Luminance = np.asarray(grey, dtype=np.float32) / np.float32(255)
    measures = Measures(
        width=width,
        height=height,
        orientation=orientation,
        luminance=float(luminance.mean()),
        contrast=float(luminance.std()),
        focus=focus_measure(luminance),
        phash=difference_hash(thumbnail),
    )
    return measures, format_name


def _orientation(image: Pillow.Image) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  a broken EXIF block does not make the picture unreadable
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _grey(image: Pillow.Image) -> Pillow.Image:
    """8-bit luminance of any mode: deep greys are scaled down, transparency lies on white."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float32)
        full = 65_535.0 if image.mode.startswith("I") else max(1.0, float(values.max()))
        return Pillow.fromarray((values.clip(0, full) * (255 / full)).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, "white")
        return Pillow.alpha_composite(white, image).convert("L")
    return image.convert("RGB").convert("L")  # by RGB: CMYK has no direct way


def _answers(image_id: str, measures: Measures) -> Iterator[Answer]:
    def answer(question: str, said: str | bool | int | float, confidence: float) -> Answer:
        row = row_id(image_id, TABLE, question)
        return Answer(question=question, answer=said, confidence=confidence, table=TABLE, record_id=row)

    lit = min(certainty(measures.luminance, DARK), certainty(1 - measures.luminance, 1 - BRIGHT))
    clear = certainty(measures.contrast, LOW_CONTRAST)
    focused = 1.0 if measures.focus is None else certainty(measures.focus, SHARP, BLURRED)
    if measures.focus is not None:
        yield answer("focus", measures.focus_class, focused)
    yield answer("lighting", measures.lighting, lit)
    yield answer("contrast", "low" if measures.low_contrast else "normal", clear)
    yield answer("resolution", f"{measures.width}x{measures.height}", 1.0)
    yield answer("orientation", measures.orientation, 1.0)
    # A judgement is as sure as the least sure measurement that it rests on.
    judged = min(focused, lit, clear)
    yield answer("sufficient_for_detail", measures.sufficient_for_detail, judged)
    yield answer("suitable_for_expert", measures.suitable_for_expert, judged)
    yield answer("overall_score", measures.overall_score, judged)


def _output(measures: Measures, format_name: str) -> dict[str, Any]:
    return {
        "tier": 1,
        "angle": "unknown",
        "category": "unknown",
        "components_visible": [],
        "condition_glance": "unknown",
        "image_quality": {
            "lighting": measures.lighting,
            "focus": measures.focus_class,
            "sufficient_for_detail": measures.sufficient_for_detail,
            "suitable_for_expert": measures.suitable_for_expert,
            "overall_score": measures.overall_score,
            "focus_measure": None if measures.focus is None else round(measures.focus, 4),
            "mean_luminance": round(measures.luminance, 4),
            "contrast": round(measures.contrast, 4),
        },
        "format": format_name,
        "width": measures.width,
        "height": measures.height,
        "orientation": measures.orientation,
        "megapixels": round(measures.megapixels, 3),
        "phash": None if measures.phash is None else f"{measures.phash:016x}",
    }
