"""A report as one HTML file that needs nothing beside it: to mail, to keep, to print."""

from html import escape

from dashboard.reports.body import ReportBody
from dashboard.reports.rows import Table, rows, tables

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
th,td{padding:6px 0;overflow-wrap:anywhere}th{text-align:left;font-weight:450}thead th{color:var(--m);font-size:13px}
tr+tr>*,thead+tbody>tr>*{border-top:1px solid var(--l)}
td,thead th+th{padding-left:14px;text-align:right}td{font-weight:600}
@media print{body{background:#fff}section{break-inside:avoid}}"""
HEADLINES = ("total images", "processed successfully", "failed", "total cost", "average cost an image", "duration")


def as_html(report: ReportBody) -> bytes:
    """The document. Everything that comes from data is escaped; there is no script in it."""
    title = escape(report.name or report.run_id)
    headline = "".join(
        f"<div><dt>{escape(row.measure)}</dt><dd>{escape(row.text)}</dd></div>"
        for row in rows(report)
        if row.section == "summary" and row.measure in HEADLINES
    )
    sections = "".join(map(_section, tables(report)))
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


def _section(table: Table) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.heads)
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(figure)}</td>" for figure in figures)}</tr>'
        for name, *figures in table.lines
    )
    head = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    return f"<section><h2>{escape(table.section)}</h2><table>{head}<tbody>{lines}</tbody></table></section>"
