"""docs/sql.md, made of the views and the questions."""

from collections.abc import Iterable

from .catalogue import VIEWS
from .questions.comparing import COMPARING
from .questions.found import FOUND
from .questions.lineage import LINEAGE
from .questions.models import MODELS
from .questions.question import Section
from .questions.watching import WATCHING
from .view import View

SECTIONS: tuple[Section, ...] = (WATCHING, COMPARING, LINEAGE, MODELS, FOUND)

_INTRO = """# Asking by SQL

Generated from metrics/views by `make docs`: make changes there.

The database is `imageledger`. The views are the contract; tables may change. A view is exact at any moment, even before
ClickHouse has merged duplicates. Money is whole nano-dollars (`…_nano_usd`) or dollars; fractions are 0-1, or percent
where the name says so; times are UTC; NULL means unknown, or nothing to divide by. Filter by `run_id` wherever you can:
the tables are sorted by it, so less is read. A view with parameters is called like a function, each parameter by name.

## Connecting
`imageledger sql`, the page *Queries* and `POST /api/sql` need nothing. For a client of your own, `data/endpoints.json`
has `clickhouse_reader`, the URL `http://reader:PASSWORD@HOST:PORT` of a user who can only read (`clickhouse` is the
writer's, for programs that fill the store). Over HTTP, TLS off, database `imageledger`:

| client | how |
|---|---|
| Python | `clickhouse_connect.get_client(dsn="http://reader:…@127.0.0.1:PORT/imageledger")` |
| SQLAlchemy, pandas, Superset | `clickhousedb://reader:…@127.0.0.1:PORT/imageledger` (clickhouse-connect's) |
| DBeaver, JDBC | `jdbc:clickhouse:http://127.0.0.1:PORT/imageledger`, user `reader` |
| Grafana, Metabase | the ClickHouse data source: host, port, user, password, protocol HTTP |
| curl | `curl "$URL" --data-binary "SELECT * FROM run_totals FORMAT CSVWithNames"` |

The embedded engine speaks HTTP alone: `clickhouse-client`, clickhouse-driver and what else speaks the native protocol
need a server (`docs/containers.md`). A statement may take 60 s, 1 GiB and 10 million rows. Settings come beside it
(the client's, or `?join_use_nulls=1` in the URL), not in a SETTINGS clause. Larger: `imageledger export`.
"""


def document() -> str:
    """The whole text."""
    # What was found comes last: its readers take the statements behind that heading.
    *sections, found = SECTIONS
    return "\n".join([_INTRO, _overview(), *map(_section, sections), _reference(VIEWS), _section(found)])


def _overview() -> str:
    rows = (f"| [`{view.name}`](#{view.name}) | {view.grain} | {_cell(view.purpose)} |" for view in VIEWS)
    return "\n".join(["| view | a row is | what for |", "|---|---|---|", *rows]) + "\n"


def _section(section: Section) -> str:
    lines = [f"## {section.title}"] + ([section.intro] if section.intro else [])
    for question in section.questions:
        lines += [f"{question.about}:", *_sql(question.sql)]
    return "\n".join(lines) + "\n"


def _reference(views: Iterable[View]) -> str:
    return "\n".join(["## Every view", *(_described(view) for view in views)])


def _described(view: View) -> str:
    called = ", ".join(f"{name} {kind}" for name, kind in view.parameters.items())
    lines = [f"### {view.name}", f"{view.purpose} A row: {view.grain}." + (f" Parameters: {called}." if called else "")]
    lines += ["", "| column | unit | meaning |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {c.unit} | {_cell(c.docs)} |" for c in view.columns]
    return "\n".join([*lines, "", *_sql(view.example)]) + "\n"


def _sql(statement: str) -> list[str]:
    return ["```sql", statement.strip(), "```"]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
