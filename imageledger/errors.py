"""What can go wrong at the edge; every message says what happened, where, and what to do.

ImageledgerError
├── CannotCompare      `verify` cannot tell whether figures are equal
├── SettingsError      a setting is missing or not usable
└── UnreachableError   a part that a command needs does not answer
"""


class ImageledgerError(Exception):
    """Base of the composition root's errors."""


class SettingsError(ImageledgerError):
    """A setting is missing or not usable."""


class UnreachableError(ImageledgerError):
    """A part that the command needs does not answer."""


class CannotCompare(ImageledgerError):  # noqa: N818 - reads as the sentence it is
    """`verify` cannot tell whether figures are equal: what it would compare is not there (yet)."""
