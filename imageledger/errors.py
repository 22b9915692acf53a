"""What can go wrong at the edge; every message says what happened, where, and what to do.

ImageledgerError
├── SettingsError      a setting is missing or not usable
└── UnreachableError   a part that a command needs does not answer
"""


class ImageledgerError(Exception):
    """Base of the composition root's errors."""


class SettingsError(ImageledgerError):
    """A setting is missing or not usable."""


class UnreachableError(ImageledgerError):
    """A part that the command needs does not answer."""
