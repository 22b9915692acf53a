"""Logs of every command, to stderr: lines for a terminal, JSON for everything else; data alone goes to stdout.

What a line is about stands in its message; what a machine filters by comes as `extra`.
"""

import logging
import sys


def configure(level: str) -> None:
    """From `level` on; libraries that say much of their own work from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_lines() if sys.stderr.isatty() else _json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("aiokafka", "faust", "mode", "urllib3", "httpx"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(is_final)
    logging.getLogger("aiokafka").addFilter(is_not_said_again)


def is_final(record: logging.LogRecord) -> bool:
    """Not what aiokafka's groups try again by themselves, of which they make an error each time.

    A Kafka that has just been made has no coordinator for the first seconds; one that stays away is said by the client.
    """
    return not any(getattr(about, "retriable", False) for about in record.args or ())


def is_not_said_again(record: logging.LogRecord) -> bool:
    """Not aiokafka's line on each address where no broker answers at the start: it raises then, and we say it once."""
    return not str(record.msg).startswith('Unable connect to "')


def _lines() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger", "message": "event"},
        timestamp=True,
    )
