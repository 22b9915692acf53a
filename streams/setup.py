"""What a stage is made of: its fold, what a step of it has to say, and what the partitions of a worker share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer, ConsumerRecord
from faust.types import TP

from events.refusals import DeadLetter
from events.topics import Name

from .cluster import Cluster
from .ledger import P
from .positions import Positions
from .recovery import Recoveries


class Outgoing(NamedTuple):
    """A record for one of our own topics, partitioned by its key unless it names its partition."""

    topic: Name
    key: bytes
    value: bytes
    partition: int | None = None


class Step(NamedTuple, Generic[P]):
    """What a fold has to say: run id → what changed, refused records, and what others are told.

    `passed_on` is said before the commit, so that it is said at least once: what is another partition's to keep.
    `outgoing` is said after the commit, and called with the transaction's sequence: it speaks of what is written.
    `rest`: records that were given and left for a step of their own, because one would have too much to do.
    `decided` is said in the transaction, so exactly once; to say the others twice must be harmless.
    """

    changed: Mapping[str, P]
    letters: Sequence[DeadLetter] = ()
    passed_on: Sequence[Outgoing] = ()
    outgoing: Callable[[int], Sequence[Outgoing]] = lambda _sequence: ()
    rest: Sequence[ConsumerRecord] = ()
    decided: Sequence[Outgoing] = ()


class State(Protocol[P]):
    """One partition's fold in memory; its methods are pure but for this state."""

    def restore(self, run_id: str, /, *segments: P) -> None:
        """Take in what the ledger holds, one or more segments at a time, in their order, before anything else."""

    def take(self, topic: Name, records: Sequence[ConsumerRecord], /) -> Step[P]:
        """Fold consecutive records of one source topic (its name without prefix), one or more of the first of them."""

    def whole(self, run_id: str, /) -> P | None:
        """All that is known of a run, as if it had been one segment; None where that is too much for one."""

    def tick(self, now_ms: int, /) -> Step[P] | None:
        """A second has passed; None where nothing follows from that."""

    def recall(self, records: Sequence[ConsumerRecord], /) -> None:
        """Decisions that another ledger recorded; before anything else, and only where this one is empty."""

    def again(self, run_id: str, segment: P, sequence: int, /) -> Sequence[Outgoing]:
        """What others were told, or were not any more, of a segment that the last transaction wrote."""


class StageSetup(NamedTuple, Generic[P]):
    """What makes a stage: `name`, the topics it reads, its ledger topic, and how its state starts.

    `new_state` gets the partition number and how many there are; `decode` reads a stored segment, `is_sealed` says of
    it whether all earlier ones of its run can go. `rests_on`: further topics that must not be made again under the
    stage's ledger. `reread`: topics that are folded anew where the ledger is of an older format. `recalls`: the topic
    of its decisions, which it reads where its ledger is empty.
    """

    name: str
    sources: tuple[Name, ...]
    ledger: Name
    new_state: Callable[[int, int], State[P]]
    decode: Callable[[bytes], P]
    is_sealed: Callable[[P], bool] = lambda _segment: False
    rests_on: tuple[Name, ...] = ()
    reread: tuple[Name, ...] = ()
    recalls: tuple[Name, ...] = ()


class Surroundings(NamedTuple):
    """What all partitions of a worker share.

    `partitions`: how many there are. `said`: the idempotent producer. `log_start`: a log's first offset. `recoveries`:
    whom all the others wait for.
    """

    cluster: Cluster
    application: str
    positions: Positions
    said: AIOKafkaProducer
    topic_ids: Mapping[str, str]
    partitions: int
    log_start: Callable[[TP], Awaitable[int]]
    recoveries: Recoveries
    failed: Callable[[BaseException], None]
