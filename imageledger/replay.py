"""`imageledger replay`: what is left of the log, copied under another prefix, to be folded anew beside what runs."""

from collections.abc import Callable

import msgspec

from events.topics import TOPICS
from imageledger.errors import SettingsError
from servers import topics
from streams import copying
from streams.cluster import Cluster
from streams.topics import describe


class Replay(msgspec.Struct, kw_only=True):
    """What `replay --json` prints. `copied`: topic → records; `missing`: topic → offsets that the log has no more.

    `waiting`: records that came meanwhile; calling it again copies them.
    """

    into: str
    copied: dict[str, int]
    missing: dict[str, int]
    waiting: int


async def replay(
    bootstrap: str, prefix: str, into: str, begin: Callable[[int], None], moved: Callable[[int], None]
) -> Replay:
    """Copy the source topics of `prefix` into `into`; `begin` is told about how many records, `moved` how many so far.

    Raises:
        SettingsError: `into` is the prefix itself.
        NotCopied, KafkaUnreachable, TopicsMissing, ServerError.
    """
    if into == prefix:
        raise SettingsError(f"--into {into!r} is the prefix that is to be copied: give another one")
    source, target = Cluster(bootstrap, prefix), Cluster(bootstrap, into)
    known = await describe(source, [source.topic(name) for name in copying.COPIED])
    missing = [name for name in copying.COPIED if source.topic(name) not in known]
    if missing:
        raise SettingsError(f"there is no topic {prefix}{missing[0]} to copy: is the prefix {prefix!r} right?")
    partitions = {name: known[source.topic(name)].partitions for name in copying.COPIED}
    as_it_was = [msgspec.structs.replace(topic, arrival=False) for topic in TOPICS]
    await topics.migrate(bootstrap, as_it_was, partitions["results"], into)
    begin(await copying.waiting(source, target, partitions))
    copied = await copying.copy(source, target, partitions, moved)
    await topics.migrate(bootstrap, TOPICS, partitions["results"], into)
    return Replay(
        into=into,
        copied={name: one.records for name, one in copied.items()},
        missing={name: one.missing for name, one in copied.items() if one.missing},
        waiting=await copying.waiting(source, target, partitions),
    )
