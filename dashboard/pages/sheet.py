"""HTML whose places are bound to a body of the API: filled here once, moved by `static/bind.js` afterwards.

Every bound element names its path into the body (`data-text="costs.totalSpent"`) and its format, so the script holds no
markup and no formula of its own.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from dashboard.definitions.catalogue import DEFINITIONS
from dashboard.pages.formats import FORMATS, written


class Sheet:
    """One body, or one row of a list in it. All methods return HTML; what comes from data is escaped."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix
        """What stands before a path in the keys of definitions.py."""

    def value(self, path: str) -> Any:
        """The value at `a.b.c`, None where there is none."""
        found: Any = self._values
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def text(self, path: str, format_name: str = "plain", *, css: str = "", tick: bool = False) -> str:
        """The value, written; with `tick`, a change counts up or down to the new number.

        A format "@unit" is the one whose name is the value at `unit`. Where definitions.py knows the value, a click on
        it says what it means. In rows only the pointer reaches it: who has
        no pointer asks for all of the page's figures with the header's `?`.
        """
        css = f' class="{css}"' if css else ""
        ticks = " data-tick" if tick else ""
        shown = escape(written(self.value(path), self._format(format_name)))
        means = self._means(path)
        return f'<span{css} data-text="{path}" data-format="{format_name}"{ticks}{means}>{shown}</span>'

    def _format(self, name: str) -> str:
        named = self.value(name[1:]) if name.startswith("@") else name
        return named if named in FORMATS else "plain"

    def _means(self, path: str) -> str:
        key = f"{self._prefix}{path}"
        if key not in DEFINITIONS:
            return ""
        button = "" if "[]" in key else ' role="button" tabindex="0" aria-haspopup="dialog"'
        return f' data-means="{escape(key)}"{button}'

    def attributes(self, **paths: str) -> str:
        """For inside a tag: each value as `data-<name>`, for styles and scripts to go by; moved with the rest."""
        bound = " ".join(f"{name}={path}" for name, path in paths.items())
        values = "".join(f' data-{name}="{escape(written(self.value(path), "plain"))}"' for name, path in paths.items())
        return f'data-attribute="{bound}"{values}'

    def bar(self, path: str, label: str, css: str = "") -> str:
        """A bar of 0-100 percent."""
        value = self.value(path)
        width = min(100.0, max(0.0, value or 0.0))
        now = "" if value is None else f' aria-valuenow="{width:.1f}"'
        return (
            f'<svg class="bar {css}" data-bar="{path}" role="progressbar" aria-label="{escape(label)}" '
            f'aria-valuemin="0" aria-valuemax="100"{now}><rect class="fill" width="{width:.3f}%" height="100%"/></svg>'
        )

    def shown(self, path: str, html: str, *, tag: str = "div", css: str = "", when_empty: bool = False) -> str:
        """`html`, visible while the value is not null, 0 or empty; with `when_empty`, while it is."""
        hidden = "" if bool(self.value(path)) != when_empty else " hidden"
        name = "data-hide" if when_empty else "data-show"
        css = f' class="{css}"' if css else ""
        return f'<{tag}{css} {name}="{path}"{hidden}>{html}</{tag}>'

    def rows(
        self, path: str, key: str, row: Callable[["Sheet"], str], *, tag: str, css: str, row_tag: str, row_css: str = ""
    ) -> str:
        """A list: an element per item, known by its `key`, and the template for those to come."""
        items = self.value(path) or []
        prefix = f"{self._prefix}{path}[]."
        row_class = f' class="{row_css}"' if row_css else ""
        filled = "".join(
            f'<{row_tag}{row_class} data-row="{escape(str(item.get(key)))}">{row(Sheet(item, prefix))}</{row_tag}>'
            for item in items
        )
        template = f"<template><{row_tag}{row_class} data-row>{row(Sheet({}, prefix))}</{row_tag}></template>"
        return f'<{tag} class="{css}" data-list="{path}" data-key="{key}">{filled}{template}</{tag}>'
