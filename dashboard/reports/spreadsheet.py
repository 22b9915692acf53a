"""A report as CSV (RFC 4180) that no spreadsheet takes for formulas."""

import csv
import io

from dashboard.reports.body import ReportBody
from dashboard.reports.rows import Value, rows

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: ReportBody) -> bytes:
    """section, item, measure, value: raw numbers, so that a sheet can go on reckoning."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("section", "item", "measure", "value"))
    for row in rows(report):
        writer.writerow((row.section, harmless(row.item), row.measure, harmless(row.value)))
    return text.getvalue().encode()


def harmless(value: Value) -> Value:
    """Text that a spreadsheet would run begins with an apostrophe; numbers stay numbers, unknown is empty."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
