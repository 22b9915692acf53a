"""What people and documents say of results: the latest word by offset counts (DETAILS.md, Feedback).

Word on a question is a verdict: once a run, subject and question. Word without a question is a rating: once a run and
subject. A record without a verdict (or without a rating) says nothing, and changes nothing.
"""

from events.feedback import FeedbackRecorded

from .identity import identity

OPINIONS: tuple[tuple[str, ...], ...] = (
    (),  # rated neutral: the earlier thumb is taken back
    ("thumbs_up",),
    ("thumbs_down",),
    ("rejected",),
    ("overridden",),
    ("confirmed", "validated_receipt"),
    ("confirmed", "validated_user"),
    ("confirmed", "validated_expert"),
)
"""Opinion, as the ledger stores it → the counters that it adds 1 to."""
_RATINGS = {0: 0, 1: 1, -1: 2}
_CONFIRMED = {"receipt": 5, "user": 6, "expert": 7}


def opinion(feedback: FeedbackRecorded) -> int | None:
    """What a record says, as an index into `OPINIONS`; None if it says nothing that counts."""
    if feedback.question is None:
        return None if feedback.rating is None else _RATINGS[feedback.rating]
    if feedback.verdict == "confirmed":
        return _CONFIRMED[feedback.validator]
    return {"rejected": 3, "overridden": 4}.get(feedback.verdict or "")


def topic_of_opinion(feedback: FeedbackRecorded) -> bytes:
    """The identity of what an opinion is about, within a run: the subject, and the question if there is one."""
    kind, subject_id = feedback.subject or ("", "")
    question = "" if feedback.question is None else f"?{feedback.question}"
    return identity(f"{kind}:{len(subject_id)}:{subject_id}{question}")


class Opinions:
    """The words on the results of one run in one source partition."""

    def __init__(self) -> None:
        self._ids: set[bytes] = set()
        self._latest: dict[bytes, int] = {}
        self.counters: dict[str, int] = {}

    def take(self, feedback: FeedbackRecorded) -> tuple[bytes, bytes]:
        """Takes a record; returns the new id and the new opinion for the ledger, each empty if there is none."""
        event = identity(feedback.event_id)
        if event in self._ids:
            self._count(("duplicates",), 1)
            return b"", b""
        self._ids.add(event)
        said = opinion(feedback)
        if said is None:
            return event, b""
        about = topic_of_opinion(feedback)
        self._count(OPINIONS[self._latest.get(about, 0)], -1)
        self._count(OPINIONS[said], 1)
        self._latest[about] = said
        return event, about + bytes((said,))

    def everything(self) -> tuple[bytes, bytes]:
        """All ids, and all opinions, for the ledger."""
        return b"".join(self._ids), b"".join(about + bytes((said,)) for about, said in self._latest.items())

    def restore(self, ids: bytes, verdicts: bytes, counters: dict[str, int] | None) -> None:
        """Takes what a segment stores: ids, opinions, and the absolute counters if it has them."""
        self._ids.update(ids[at : at + 16] for at in range(0, len(ids), 16))
        self._latest.update((verdicts[at : at + 16], verdicts[at + 16]) for at in range(0, len(verdicts), 17))
        if counters is not None:
            self.counters = dict(counters)

    def _count(self, names: tuple[str, ...], n: int) -> None:
        for name in names:
            self.counters[name] = self.counters.get(name, 0) + n
