"""Every generated file: `python -m imageledger.generated` writes them, `--check` says which are stale."""

import sys
from pathlib import Path

from events import schemas
from imageledger import decisions
from imageledger.settings import Settings, meanings, variable
from metrics.alerts.guide import document as alerts_document
from metrics.document import document as metrics_document
from metrics.views import catalogue
from metrics.views.document import document

ROOT = Path(__file__).resolve().parents[1]
VIEWS = Path("schemas/clickhouse/views")
SQL_GUIDE = Path("docs/sql.md")
METRICS_GUIDE = Path("docs/metrics.md")
ALERTS_GUIDE = Path("docs/alerts.md")
DECISIONS = Path("docs/decisions")
_BESIDE_OTHERS = {Path(), Path("docs"), Path("schemas"), DECISIONS}
"""Folders that hold generated files among others: what is not generated there is no orphan."""


def documents() -> dict[Path, str]:
    """Path below the root → the text that belongs there."""
    found = {Path("schemas") / name: text for name, text in schemas.files().items()}
    found |= {VIEWS / f"{name}.sql": sql for name, sql in catalogue.statements().items()}
    found[Path(".env.example")] = environment()
    found[SQL_GUIDE] = document()
    found[METRICS_GUIDE] = metrics_document()
    found[ALERTS_GUIDE] = alerts_document()
    found[DECISIONS / "README.md"] = decisions.index(ROOT / DECISIONS)
    return found


def environment() -> str:
    """`.env.example`: each setting with its meaning and its default."""
    lines = ["# Every setting of imageledger; the value after each name is the default."]
    defaults = Settings()
    for name, meaning in meanings().items():
        default = getattr(defaults, name)
        lines += ["", f"# {meaning}", f"{variable(name)}={'' if default is None else default}"]
    return "\n".join(lines) + "\n"


def stale(root: Path = ROOT) -> list[Path]:
    """The files that differ from what is generated, and those in generated folders that nothing generates any more."""
    wanted = documents()
    differing = [path for path, text in wanted.items() if not _is(root / path, text)]
    folders = {path.parent for path in wanted} - _BESIDE_OTHERS
    orphans = [found.relative_to(root) for folder in folders for found in (root / folder).iterdir()]
    return sorted({*differing, *(path for path in orphans if path not in wanted)})


def write(root: Path = ROOT) -> None:
    """Make every generated file current and remove the orphans."""
    wanted = documents()
    for path in stale(root):
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path])
        else:
            (root / path).unlink()


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def main(arguments: list[str]) -> int:
    """Write, or with `--check` print what is stale and return 1."""
    if arguments != ["--check"]:
        write()
        return 0
    found = stale()
    for path in found:
        print(f"{path} is not current: run `make docs`", file=sys.stderr)  # noqa: T201 - this is its report
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
