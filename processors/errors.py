"""What can go wrong while images are processed.

ProcessorError
├── CallError     one model call did not give an outcome: becomes a failed result, perhaps a retry
├── CommandError  a command cannot be obeyed: it is refused, with this as the reason
├── FolderError   there is nothing to process: the caller is told, no run is declared
├── ImportFileError  a file cannot be imported: nothing more of it is published
├── MappingError  a mapping file is wrong: nothing is imported
└── ResumeError   a run cannot be continued: nothing is done
"""


class ProcessorError(Exception):
    """Base of everything that this package raises on purpose."""


class CallError(ProcessorError):
    """One call of a model that ended without an outcome.

    `type` is the short, countable reason (`rate_limited`, `timeout`, `not_an_image`, …), `message` the sentence for a
    person. `retryable`: the same call may succeed later. `timeout`: nobody answered in time. Latency, tokens and cost
    are what the failed call took, None where nobody knows: a provider bills an answer that it gave, even one that
    cannot be used. `retry_after_s` is the provider's own wish. `content_hash` is known when the file could be read.
    """

    def __init__(
        self,
        type: str,  # noqa: A002  the event's own field name
        message: str,
        *,
        retryable: bool = False,
        timeout: bool = False,
        latency_ms: float | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost_usd: float | None = None,
        retry_after_s: float = 0.0,
        content_hash: str | None = None,
    ) -> None:
        super().__init__(f"{type}: {message}")
        self.type = type
        self.message = message
        self.retryable = retryable
        self.timeout = timeout
        self.latency_ms = latency_ms
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.cost_usd = cost_usd
        self.retry_after_s = retry_after_s
        self.content_hash = content_hash


class FolderError(ProcessorError):
    """The folder does not exist, is none, or holds no image file."""


class CommandError(ProcessorError):
    """A command cannot be obeyed; the message is the reason that its acknowledgement gives."""


class ResumeError(ProcessorError):
    """The log does not fit the plan that is to be continued, or what an earlier process left cannot be delivered."""


class ImportFileError(ProcessorError):
    """A file cannot be read, or holds nothing that is understood."""


class MappingError(ProcessorError):
    """A mapping file cannot be read, or names what does not exist."""
