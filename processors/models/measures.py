"""What pixels alone say about a photograph: focus, exposure, contrast, resolution, perceptual hash. Pure numpy.

Focus, exposure and contrast are measured on luminance at a working size of 1,024 pixels for the long side, about what
a vision model gets to see; smaller images are not enlarged.

Thresholds were set on the sample photographs of scikit-image and scikit-learn: the sharp ones have a focus of 0.135 to
1.1, also when darkened to a quarter of their brightness or contrast; the one with motion blur 0.056; all of them
blurred by a Gaussian of 3 pixels 0.002 to 0.052. Sensor noise looks like focus to this measure: a very noisy image of
an even surface measures sharper than it is.
"""

import math
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

Luminance = npt.NDArray[np.float32]

WORKING_SIDE = 1_024
SHARP, BLURRED = 0.10, 0.03
"""Focus: from SHARP on it is sharp, below BLURRED it is blurred, soft between."""
DARK, BRIGHT = 0.18, 0.80
"""Mean luminance 0-1: below DARK under-exposed, above BRIGHT over-exposed."""
LOW_CONTRAST = 0.06
"""RMS contrast (standard deviation of luminance 0-1)."""
FLAT = 0.008
"""RMS contrast of two grey levels of 255: below it there is nothing to focus on and nothing to hash."""
DETAIL_MEGAPIXELS, EXPERT_MEGAPIXELS = 0.25, 2.0
"""640 x 400 pixels are enough to name parts; an expert wants full HD."""

Focus = Literal["sharp", "soft", "blurred", "unknown"]
Lighting = Literal["good", "dark", "bright"]


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """The measured facts of one image, upright. `focus` and `phash` are None where the image is too small or flat."""

    width: int
    height: int
    orientation: int
    luminance: float
    contrast: float
    focus: float | None
    phash: int | None

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def focus_class(self) -> Focus:
        """Sharp, soft or blurred."""
        if self.focus is None:
            return "unknown"
        if self.focus >= SHARP:
            return "sharp"
        return "soft" if self.focus >= BLURRED else "blurred"

    @property
    def lighting(self) -> Lighting:
        """By the mean luminance."""
        if self.luminance < DARK:
            return "dark"
        return "bright" if self.luminance > BRIGHT else "good"

    @property
    def low_contrast(self) -> bool:
        """Hazy, or nothing on it."""
        return self.contrast < LOW_CONTRAST

    @property
    def sufficient_for_detail(self) -> bool:
        """Good enough to identify parts on it."""
        in_focus = self.focus_class in {"sharp", "soft"}
        return in_focus and self.lighting == "good" and not self.low_contrast and self.megapixels >= DETAIL_MEGAPIXELS

    @property
    def suitable_for_expert(self) -> bool:
        """Good enough for an expert's eye."""
        return self.sufficient_for_detail and self.focus_class == "sharp" and self.megapixels >= EXPERT_MEGAPIXELS

    @property
    def overall_score(self) -> int:
        """1-10: focus up to 4, lighting 3, resolution up to 2, contrast 1."""
        focus = {"sharp": 4, "soft": 2}.get(self.focus_class, 0)
        resolution = (self.megapixels >= DETAIL_MEGAPIXELS) + (self.megapixels >= EXPERT_MEGAPIXELS)
        return max(1, focus + 3 * (self.lighting == "good") + resolution + (not self.low_contrast))


def focus_measure(luminance: Luminance) -> float | None:
    """Variance of the Laplacian of luminance scaled to unit variance; None for what is flat or under 3 pixels a side.

    Scaling takes exposure and contrast out: a dark sharp image is sharp.
    """
    deviation = float(luminance.std())
    if min(luminance.shape) < 3 or deviation < FLAT:
        return None
    inner = luminance[1:-1, 1:-1]
    around = luminance[:-2, 1:-1] + luminance[2:, 1:-1] + luminance[1:-1, :-2] + luminance[1:-1, 2:]
    return float((around - 4 * inner).var()) / deviation**2


def difference_hash(thumbnail: npt.NDArray[Any]) -> int | None:
    """The 64-bit dHash of a luminance thumbnail of 8 rows by 9 columns: is each pixel brighter than its right one?

    Row by row, most significant bit first. None for a flat thumbnail, whose bits would be chance. Three lines of our
    own: the library for it (ImageHash) brings scipy and PyWavelets for hashes that are not used here.
    """
    if float(thumbnail.std()) < 255 * FLAT:
        return None
    bits = (thumbnail[:, :-1] > thumbnail[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def certainty(value: float, *thresholds: float) -> float:
    """How far a measured value stands from the nearest threshold of its class: 0.5 on the line, to 1 far away.

    1 - e^(-d)/2, d the distance in factors of two: 0.5 at the threshold, 0.82 at twice or half of it, 0.93 at four
    times.
    """
    if value <= 0:
        return 1.0
    distance = min(abs(math.log2(value / threshold)) for threshold in thresholds)
    return round(1 - math.exp(-distance) / 2, 4)
