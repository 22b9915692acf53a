"""What stands where there are no figures: no run yet, no such run, no history."""

from html import escape

from dashboard.pages import components


def no_run_yet(*, reading: bool) -> str:
    """Where no run is known."""
    text = (
        "The log is being read; runs appear here as they are found."
        if reading
        else "A run appears here by itself as soon as its first result is in the log."
    )
    return components.empty(
        "No run yet",
        text,
        "To see one at work, run <code>imageledger demo</code>. To see yours, publish a result: with the SDK, as a "
        "Kafka record, or with <code>POST /api/events</code>.",
        mark="data-no-run",
    )


def unknown_run(run_id: str) -> str:
    """Where the run that was asked for is not known."""
    return components.empty(
        "No such run",
        f'Nothing is known of <code>{escape(run_id)}</code>. Choose a run above, or go to <a href="/">the newest</a>.',
    )


def no_such_page(path: str) -> str:
    """Where an address leads nowhere."""
    return components.empty(
        "No such page", f'There is nothing at <code>{escape(path)}</code>. Go to <a href="/">the command centre</a>.'
    )


def history_away(why: str) -> str:
    """Where only ClickHouse could know the run."""
    return components.problem(
        "History is not available",
        why,
        "This run is not live, and ClickHouse, which holds the others, does not answer. Live runs are not affected.",
    )


def refused(title: str, detail: str) -> str:
    """Where the page itself met an error."""
    return components.problem(title, detail)
