"""A report as one HTML file that needs nothing beside it: to mail, to keep, to print."""

from html import escape
from itertools import groupby

from dashboard.reports.body import ReportBody
from dashboard.reports.rows import Row, rows

STYLE = """:root{color-scheme:light dark;--g:#f1f3f6;--p:#fff;--l:#d9dfe7;--t:#0e1620;--m:#465160;--a:#0a7d74}
@media(prefers-color-scheme:dark){:root{--g:#090c11;--p:#10151d;--l:#222b38;--t:#eef2f7;--m:#aab5c3;--a:#4fd1c5}}
body{margin:0 auto;padding:32px 20px;max-width:860px;background:var(--g);
color:var(--t);font:16px/1.5 Inter,ui-sans-serif,system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:34px;letter-spacing:-.02em;margin:0;overflow-wrap:anywhere}
h2{font-size:13px;letter-spacing:.07em;
text-transform:uppercase;color:var(--m);margin:0 0 10px}section{background:var(--p);border:1px solid var(--l);
border-radius:14px;padding:20px 24px;margin-top:14px}p{margin:6px 0}.q{color:var(--m)}dl{display:flex;flex-wrap:wrap;
gap:14px 40px;margin:0}
dt{font-size:13px;color:var(--m)}dd{margin:0;font-size:34px;font-weight:650;letter-spacing:-.02em}
table{width:100%;border-collapse:collapse;font-size:15px}
td{padding:6px 0;border-top:1px solid var(--l);
overflow-wrap:anywhere}td:last-child{text-align:right;font-weight:600}tr:first-child td{border-top:0}
td:nth-child(2){color:var(--m);padding-inline:14px}@media print{body{background:#fff}section{break-inside:avoid}}"""
HEADLINES = ("total images", "processed successfully", "failed", "total cost", "average cost an image", "duration")


def as_html(report: ReportBody) -> bytes:
    """The document. Everything that comes from data is escaped; there is no script in it."""
    title = escape(report.name or report.run_id)
    found = [row for row in rows(report) if row.section not in {"report", "recommendations"}]
    headline = "".join(
        f"<div><dt>{escape(row.measure)}</dt><dd>{escape(row.text)}</dd></div>"
        for row in found
        if row.section == "summary" and row.measure in HEADLINES
    )
    sections = "".join(_section(name, list(group)) for name, group in groupby(found, key=lambda row: row.section))
    sentences = "".join(f"<p>{escape(sentence.text)}</p>" for sentence in report.executive_summary)
    advice = "".join(f"<p>{escape(text)}</p>" for text in report.recommendations) or "<p>None.</p>"
    as_of = report.exported_at.isoformat(timespec="seconds")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: processing report</title><style>{STYLE}</style></head><body>
<h1>{title}</h1><p class="q">Processing report of run {escape(report.run_id)}, as of {as_of}</p>
<section><h2>Executive summary</h2>{sentences}</section>
<section><h2>In figures</h2><dl>{headline}</dl></section>
<section><h2>Recommendations</h2>{advice}</section>
{sections}
</body></html>
""".encode()


def _section(name: str, found: list[Row]) -> str:
    lines = "".join(
        f"<tr><td>{escape(row.item)}</td><td>{escape(row.measure)}</td><td>{escape(row.text)}</td></tr>"
        for row in found
    )
    return f"<section><h2>{escape(name)}</h2><table>{lines}</table></section>"
