"""A report as PDF, with charts; reportlab is imported when one is asked for.

The same report gives the same bytes: no clock, no random id (`invariant`). Text that the built-in font cannot show
stands as question marks, cut after 90 characters; the CSV and the JSON hold it whole.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from dashboard.pages import formats
from dashboard.reports.rows import Table, tables

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing
    from reportlab.platypus import Flowable

    from dashboard.reports.body import ReportBody

LONGEST = 90
MAX_BARS = 12
INK, MUTED, LINE, ACCENT, MONEY = "#0e1620", "#465160", "#d9dfe7", "#0a7d74", "#a86a00"
_ASCII = str.maketrans(
    {formats.MINUS: "-", formats.UNKNOWN: "-", "↗": "^", "→": ">", "✓": "", "✗": "", "≈": "", "≥": ">=", "…": "..."}
)


def as_pdf(report: ReportBody) -> bytes:
    """The document, one to a few A4 pages."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    file = io.BytesIO()
    title = shown(report.name or report.run_id)
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        margins=20 * mm,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=f"{title}: processing report",
        author="imageledger",
        invariant=1,
    )
    document.build(_story(report, title), onFirstPage=_footer(report), onLaterPages=_footer(report))
    return file.getvalue()


def shown(text: str) -> str:
    """As the built-in font can write it, and no longer than a line takes."""
    known = text.translate(_ASCII).encode("latin-1", "replace").decode("latin-1")
    known = "".join(character if character.isprintable() else " " for character in known)
    known = known.strip()
    return known if len(known) <= LONGEST else known[: LONGEST - 3] + "..."


def _story(report: ReportBody, title: str) -> list[Flowable]:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import KeepTogether, Paragraph, Spacer

    body = ParagraphStyle("body", fontName="Helvetica", fontSize=10.5, leading=15, textColor=INK, spaceAfter=4)
    head = ParagraphStyle("head", parent=body, fontName="Helvetica-Bold", fontSize=21, leading=26, spaceAfter=2)
    part = ParagraphStyle("part", parent=body, fontName="Helvetica-Bold", fontSize=12.5, spaceBefore=14, spaceAfter=6)
    quiet = ParagraphStyle("quiet", parent=body, fontSize=9, textColor=MUTED)
    as_of = report.exported_at.isoformat(timespec="seconds")
    story: list[Flowable] = [
        Paragraph(escape(title), head),
        Paragraph(escape(f"Processing report of run {shown(report.run_id)}, as of {as_of}"), quiet),
        Paragraph("Executive summary", part),
        *(Paragraph(escape(_whole(sentence.text)), body) for sentence in report.executive_summary),
    ]
    for heading, drawing in _charts(report):
        story.append(KeepTogether([Paragraph(heading, part), drawing]))
    if report.recommendations:
        story.append(Paragraph("Recommendations", part))
        story += [Paragraph(f"- {escape(_whole(text))}", body) for text in report.recommendations]
    for table in tables(report):
        story.append(KeepTogether([Paragraph(table.section.capitalize(), part), _table(table), Spacer(1, 4)]))
    return story


def _whole(text: str) -> str:
    """A sentence is wrapped, not cut; a name in it may still be endless."""
    known = text.translate(_ASCII).encode("latin-1", "replace").decode("latin-1")
    return known if len(known) <= 600 else known[:597] + "..."


def _table(table: Table) -> Flowable:
    from reportlab.lib.units import mm
    from reportlab.platypus import LongTable, TableStyle

    cells = [[head.capitalize() for head in table.heads]] if table.heads else []
    cells += [[shown(name), *map(shown, figures)] for name, *figures in table.lines]
    figures = len(cells[0]) - 1
    style = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 9.5),
        ("FONT", (1, 0), (-1, -1), "Helvetica-Bold", 9.5),
        ("TEXTCOLOR", (0, 0), (0, -1), MUTED),
        ("TEXTCOLOR", (1, 0), (-1, -1), INK),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    if table.heads:
        style += [("FONT", (0, 0), (-1, 0), "Helvetica", 8.5), ("TEXTCOLOR", (0, 0), (-1, 0), MUTED)]
    widths = [70 * mm] + [100 * mm / figures] * figures
    return LongTable(cells, colWidths=widths, repeatRows=1 if table.heads else 0, style=TableStyle(style))


def _charts(report: ReportBody) -> list[tuple[str, Drawing]]:
    breakdown = report.breakdown
    found: list[tuple[str, dict[str, Any], str, str]] = [
        ("Cost by model", {model: part.cost for model, part in breakdown.by_model.items()}, "usd", MONEY),
        ("Results by tier", {f"Tier {tier}": part.count for tier, part in breakdown.by_tier.items()}, "count", ACCENT),
        (
            "Images by context",
            {b.capitalize(): p.count for b, p in breakdown.by_context_score.items()},
            "count",
            ACCENT,
        ),
    ]
    return [(heading, _bars(values, form, colour)) for heading, values, form, colour in found if any(values.values())]


def _bars(values: dict[str, Any], form: str, colour: str) -> Drawing:
    """Horizontal bars with their labels and numbers; the largest first."""
    from reportlab.graphics.shapes import Drawing, Rect, String
    from reportlab.lib.colors import HexColor

    largest = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_BARS]
    step, left, width = 17, 130, 260
    drawing = Drawing(480, step * len(largest) + 4)
    most = max(value for _, value in largest) or 1
    for place, (name, value) in enumerate(largest):
        y = drawing.height - step * (place + 1)
        drawing.add(String(0, y + 3, shown(name)[:26], fontName="Helvetica", fontSize=9, fillColor=HexColor(MUTED)))
        drawing.add(Rect(left, y, width, 10, rx=5, ry=5, fillColor=HexColor("#e4e9ef"), strokeColor=None))
        length = max(1.5, width * value / most)
        drawing.add(
            Rect(left, y, length, 10, rx=min(5, length / 2), ry=5, fillColor=HexColor(colour), strokeColor=None)
        )
        text = shown(formats.written(value, form))
        drawing.add(
            String(left + width + 10, y + 2, text, fontName="Helvetica-Bold", fontSize=9, fillColor=HexColor(INK))
        )
    return drawing


def _footer(report: ReportBody) -> Any:
    def draw(canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(document.leftMargin, 28, shown(f"imageledger - {report.run_id}"))
        canvas.drawRightString(document.pagesize[0] - document.rightMargin, 28, str(canvas.getPageNumber()))
        canvas.restoreState()

    return draw
