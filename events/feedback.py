"""What people and documents say about a result, whenever they say it."""

from typing import Annotated, Literal

import msgspec

from .envelope import Event, Id, Label, Text
from .results import Validator


class FeedbackRecorded(Event, tag="feedback.recorded", kw_only=True, frozen=True, omit_defaults=True):
    """A rating or a verdict on a subject or one of its answers; the latest by offset counts (DETAILS.md, Feedback).

    Exactly the id fields of results name the subject; one of them is required.
    """

    image_id: Id | None = None
    component_id: Id | None = None
    message_id: Id | None = None
    conversation_id: Id | None = None
    question: Text | None = None
    rating: Annotated[int, msgspec.Meta(ge=-1, le=1)] | None = None
    validator: Validator = "user"
    verdict: Literal["confirmed", "rejected", "overridden"] | None = None
    user_id: Label | None = None
    comment: Text | None = None

    @property
    def subject(self) -> tuple[str, str] | None:
        """(kind, id) of what the feedback is about; None where the record names nothing (refused by the codec)."""
        named = (
            ("image", self.image_id),
            ("component", self.component_id),
            ("message", self.message_id),
            ("conversation", self.conversation_id),
        )
        return next(((kind, value) for kind, value in named if value is not None), None)
