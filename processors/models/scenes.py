"""What is to be seen on a simulated image: the truth that a simulated model finds out by looking."""

import random

import msgspec

VIEWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "exterior_body": (
        ("front_3quarter", "rear_3quarter", "side_driver", "side_passenger", "front", "rear"),
        ("hood", "door_driver", "fender_front", "wheel", "bumper_front", "bumper_rear", "grille", "tailgate", "mirror"),
    ),
    "interior": (
        ("dashboard", "driver_seat", "rear_seats"),
        ("dashboard", "steering_wheel", "seat_driver", "door_panel", "carpet", "radio", "gauge_cluster"),
    ),
    "engine_bay": (
        ("top_down", "driver_side"),
        ("carburetor", "air_cleaner", "radiator", "battery", "alternator", "valve_cover", "hoses"),
    ),
    "undercarriage": (("from_below",), ("frame_rail", "exhaust", "rear_axle", "leaf_spring", "driveshaft")),
    "documentation": (("flat",), ("vin_plate", "spid_sticker", "door_jamb_label")),
}
"""Category → its angles and the components that can be seen on it."""
_LIKELIHOOD = (55, 20, 12, 8, 5)

CONDITIONS = ("excellent", "good_original", "average_wear", "heavy_wear", "restored")
MODIFICATIONS = {
    "exterior_body": ("aftermarket_wheels", "lift_kit", "custom_paint", "roof_rack"),
    "interior": ("aftermarket_radio", "bucket_seats"),
    "engine_bay": ("headers", "electronic_ignition"),
    "undercarriage": ("disc_brakes", "dual_exhaust"),
}
"""Category → what owners change there."""
DAMAGE = ("rust", "dent", "scratch", "crack", "leak", "fading")


class Damage(msgspec.Struct, frozen=True):
    """One damage: what, on which component, how bad."""

    kind: str
    location: str
    severity: str


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The truth of one image. `readable` False: the model's answer about it is of no use."""

    category: str
    angle: str
    components: tuple[str, ...]
    condition: str
    damages: tuple[Damage, ...]
    modifications: tuple[str, ...]
    sufficient: bool
    readable: bool


def draw_scene(rng: random.Random, *, sufficient: bool, readable: bool) -> Scene:
    """A scene as likely as among a vehicle's photographs: mostly bodywork, some damage, few modifications."""
    category = rng.choices(tuple(VIEWS), _LIKELIHOOD)[0]
    angles, parts = VIEWS[category]
    components = tuple(rng.sample(parts, rng.randint(1, min(5, len(parts)))))
    damaged = rng.random() < 0.09
    changes = MODIFICATIONS.get(category, ())
    modified = changes and rng.random() < 0.12
    return Scene(
        category=category,
        angle=rng.choice(angles),
        components=components,
        condition=rng.choice(CONDITIONS),
        damages=(Damage(rng.choice(DAMAGE), rng.choice(components), rng.choice(("minor", "moderate", "severe"))),)
        if damaged
        else (),
        modifications=(rng.choice(changes),) if modified else (),
        sufficient=sufficient,
        readable=readable,
    )
