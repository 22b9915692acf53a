"""A report as CSV (RFC 4180) that no spreadsheet takes for formulas."""

import csv
import io

from dashboard.reports.body import ReportBody
from dashboard.reports.rows import rows
from sinks.reading.spreadsheet import harmless


def as_csv(report: ReportBody) -> bytes:
    """section, item, measure, value: raw numbers, so that a sheet can go on reckoning; texts in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(("section", "item", "measure", "value"))
    writer.writerows((row.section, row.item, row.measure, row.value) for row in rows(report))
    return b"".join(harmless([text.getvalue().encode()]))
