"""`imageledger replay`: what is left of the log, copied under another prefix, to be folded anew beside what runs."""

import asyncio
import dataclasses
from collections.abc import Callable

import msgspec

from events.topics import TOPICS
from imageledger.errors import SettingsError
from servers import topics
from streams.cluster import Cluster
from streams.offline import copying
from streams.topics import describe


class Replay(msgspec.Struct, kw_only=True):
    """What `replay --json` prints. `copied`: topic → records; `missing`: topic → offsets that the log has no more.

    `waiting`: records that came meanwhile; calling it again copies them.
    """

    into: str
    copied: dict[str, int]
    missing: dict[str, int]
    waiting: int


_FOLLOW_S = 2.0


async def replay(source: Cluster, into: str, begin: Callable[[int], None], moved: Callable[[int], None]) -> Replay:
    """Copy the source topics under `source.prefix` to the prefix `into`.

    `begin` is told about how many records, `moved` how many so far.

    Copies have the record times of their originals; not so once producers write to `into`: then it is when they come.

    Raises:
        SettingsError: `into` is the prefix itself.
        NotCopied, KafkaUnreachable, TopicsMissing, ServerError.
    """
    if into == source.prefix:
        raise SettingsError(f"--into {into!r} is the prefix that is to be copied: give another one")
    target = dataclasses.replace(source, prefix=into)
    known = await describe(source, [source.topic(name) for name in copying.COPIED])
    missing = [name for name in copying.COPIED if source.topic(name) not in known]
    if missing:
        raise SettingsError(f"there is no topic {source.topic(missing[0])}: is the prefix {source.prefix!r} right?")
    partitions = {name: known[source.topic(name)].partitions for name in copying.COPIED}
    there = await describe(target, [target.topic(name) for name in copying.COPIED])
    if len(there) < len(copying.COPIED) or not await copying.is_in_use(source, target, partitions):
        as_it_was = [msgspec.structs.replace(topic, arrival=False) for topic in TOPICS]
        await topics.migrate(source.bootstrap, as_it_was, partitions["results"], into, security=source.security)
    begin(await copying.waiting(source, target, partitions))
    copied = await copying.copy(source, target, partitions, moved)
    await topics.migrate(source.bootstrap, TOPICS, partitions["results"], into, security=source.security)
    return Replay(
        into=into,
        copied={name: one.records for name, one in copied.items()},
        missing={name: one.missing for name, one in copied.items() if one.missing},
        waiting=await copying.waiting(source, target, partitions),
    )


async def follow(source: Cluster, into: str, copied: Callable[[int], None]) -> None:
    """After `replay`: go on copying what still comes to `source`, until cancelled; `copied` is told how many each time.

    Raises NotCopied, KafkaUnreachable.
    """
    target = dataclasses.replace(source, prefix=into)
    known = await describe(source, [source.topic(name) for name in copying.COPIED])
    partitions = {name: known[source.topic(name)].partitions for name in copying.COPIED}
    while True:
        await asyncio.sleep(_FOLLOW_S)
        found = await copying.copy(source, target, partitions, lambda _done: None)
        if count := sum(one.records for one in found.values()):
            copied(count)
