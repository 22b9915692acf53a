"""`docs/alerts.md`: the rules that are built in and the metrics that a rule may look at, out of themselves."""

from .look import NAMED
from .rules import BUILT_IN, Rule
from .signals import SIGNALS

_INTRO = """# Alerts

Generated from metrics/alerts/rules.toml and metrics/alerts/signals.py by `make docs`: make changes there.

An alert is *pending* once its condition holds, *firing* once it has held for as long as its rule asks, and *resolved*
once the value has been 10 % inside the threshold (or beyond `clear`) for 60 s. The topic `alerts` gets an event when it
fires and another when it is resolved. A rule reads its metric over the last `window` of event time; with fewer than
`samples` results it does nothing.

- `imageledger alerts list`, `imageledger alerts rules` and `/api/alerts` show what is firing and why.
- `imageledger alerts set error_rate --above 0.1 --run R` changes a rule, for one run or for all; `--file RULES.toml`
  changes many.
- `imageledger alerts backtest RULES.toml --since 7d` says when rules would have fired, before they are turned on.
- `imageledger alerts silence --rule queue_depth --minutes 30` keeps a rule's alerts from firing for that long.
- `IMAGELEDGER_ALERT_WEBHOOKS` (Alertmanager's payload) and `IMAGELEDGER_ALERT_NOTIFY` (apprise URLs) say who is
  notified; where either is set, `imageledger up` also runs `imageledger alerts forward`, which sends them.
"""


def document() -> str:
    """The whole page."""
    lines = [_INTRO, "## Rules", ""]
    lines += ["| rule | breaks when | window | for | samples | severity | message | what to do |", "|" + "---|" * 8]
    lines += [_rule(name, rule) for name, rule in BUILT_IN.items()]
    lines += ["", "## Metrics", ""]
    lines += [f"A metric with a label (*by*) is read for its {NAMED} largest values, each with an alert of its own."]
    lines += [
        "Where a metric is *compared with* something, the threshold is a multiple of that: 1.5 is half as much again."
    ]
    lines += ["", "| metric | unit | by | what it is |", "|" + "---|" * 4]
    lines += [f"| `{name}` | {one.unit} | {one.label or ''} | {one.docs} |" for name, one in sorted(SIGNALS.items())]
    return "\n".join(lines) + "\n"


def _rule(name: str, rule: Rule) -> str:
    levels = ", ".join(f"{severity} at {edge:g}" for severity, edge in (rule.levels or {}).items())
    one = f"> {rule.above:g}" if rule.above is not None else f"< {rule.below or 0.0:g}"
    severity = rule.severity if rule.levels is None else "by level"
    breaks = f"`{rule.metric}` {levels or one}"
    cells = (breaks, f"{rule.window_s:g} s", f"{rule.for_s:g} s", rule.min_samples, severity, rule.message, rule.action)
    return f"| `{name}` | " + " | ".join(map(str, cells)) + " |"
