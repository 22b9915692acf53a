"""What the combine stage tells the run stage: absolute rows of counters (DESIGN.md 3, *partial*)."""

import msgspec

TOTAL = 0
"""`width_ms` of a row over the whole run; its `bucket_ms` is 0."""


class PartialRow(msgspec.Struct, array_like=True, frozen=True):
    """The counters of one (bucket or whole run, group, value) in one source partition.

    `bucket_ms`: start of the bucket, ms since 1970; `width_ms`: 10 000, 60 000, or 0 for the whole run.
    `group`: `totals` (value ""), `tier`, `model`, `provider`, `band`, `task_type`, `component_type` or `variant`;
    and, for the whole run alone, `feedback` and `after_seal`, which a snapshot adds into the totals.
    `counters`: the nonzero ones, absolute, by their flat names (`metrics.fold.counters`).
    """

    width_ms: int
    bucket_ms: int
    group: str
    value: str
    counters: dict[str, int]


class Partials(msgspec.Struct, tag="run.partials", tag_field="event_type", frozen=True, kw_only=True):
    """Rows of one run that a chunk of one source partition changed. Saying them again is harmless.

    `sequence` grows with each chunk of the partition: of two values of a row the one with the higher sequence holds.
    `source_offsets`: topic (no prefix) → next offset past the run's own last folded record in this partition.
    `watermark_ms`: highest (effective) event time of the run here; `recorded_ms`: highest record time of the run here.
    `first_event_ms`: lowest event time of the run's first results here. `truncated`: groups that overflowed here.
    `more`: another record follows with more rows of the same chunk; until it has come the run is between two moments.
    """

    run_id: str
    source_partition: int
    sequence: int
    source_offsets: dict[str, int]
    watermark_ms: int
    recorded_ms: int
    first_event_ms: int
    rows: list[PartialRow]
    truncated: list[str] = []
    more: bool = False
