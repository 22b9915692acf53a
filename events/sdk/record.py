"""An event on its way: what Kafka will hold, and nothing else."""

from typing import NamedTuple

from ..codec import Headers


class Record(NamedTuple):
    """Key, value and headers of one record, ready to be produced."""

    key: bytes | None
    value: bytes
    headers: Headers
