"""Anybody's read-only SQL, with the documented views and questions at hand."""

from html import escape

from dashboard.pages import components
from dashboard.pages.page import View
from metrics.views import catalogue
from metrics.views.document import SECTIONS
from metrics.views.questions.question import Question
from metrics.views.view import Column
from metrics.views.view import View as StoredView

FIRST = """\
SELECT model, count() AS calls, sum(cost_nano_usd) / 1e9 AS usd
FROM run_results GROUP BY model ORDER BY calls DESC"""
SAVED_AS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}


async def draw(view: View) -> str:
    """The editor with the address's statement in it (`q`), its result, and what may be asked."""
    statement = view.asked.get("q") or FIRST
    return f"""<div class="columns queries"><div class="wide">
{components.panel("editor", "Statement", _editor(statement))}
<section class="panel" data-result aria-label="Result" hidden></section>
</div><div class="narrow">
{components.panel("questions", "Questions people ask", _questions())}
{components.panel("views", "Views", _views())}
</div></div>"""


def _editor(statement: str) -> str:
    files = "".join(components.button(words, **{"as": name}) for name, words in SAVED_AS.items())
    typing = 'spellcheck="false" autocomplete="off" autocapitalize="off" dir="ltr"'
    return f"""<form data-sql>
<label class="sr-only" for="q">SQL, read-only</label>
<textarea id="q" name="q" rows="9" {typing}>{escape(statement)}</textarea>
<div class="parameters" data-parameters></div>
<p class="row"><button class="button primary">Run <small>Ctrl+Enter</small></button>{files}
<span class="note" role="status" data-outcome></span></p>
<p class="note wrap">One SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN; at most 30 s and 100,000 rows. The address holds the
statement: copy it to save or send it.</p></form>"""


def _questions() -> str:
    return "".join(
        f"<details><summary>{escape(section.title)}</summary><ul>"
        + "".join(f"<li>{_insert(_plain(question), question.sql)}</li>" for question in section.questions)
        + "</ul></details>"
        for section in SECTIONS
    )


def _plain(question: Question) -> str:
    return question.about.replace("*", "").replace("`", "")


def _views() -> str:
    return "".join(_view(view) for view in catalogue.VIEWS)


def _view(view: StoredView) -> str:
    columns = "".join(_column(column) for column in view.columns)
    name, grain = escape(view.name), escape(view.grain)
    return f"""<details><summary><span class="mono">{name}</span> <small>a row: {grain}</small></summary>
<p class="note wrap">{escape(view.purpose)}</p>
<p>{_insert("Insert an example", view.example)}</p><ul>{columns}</ul></details>"""


def _column(column: Column) -> str:
    name, about = escape(column.name), escape(" · ".join(part for part in (column.unit, column.docs) if part))
    word = f'<button type="button" class="insert mono" data-word="{name}">{name}</button>'
    return f"<li>{word} <small>{about}</small></li>"


def _insert(words: str, statement: str) -> str:
    return f'<button type="button" class="insert" data-statement="{escape(statement.strip())}">{escape(words)}</button>'
