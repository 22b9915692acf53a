"""What a reader may ask, by an allow-list over the parsed statement (`EXPLAIN AST`): what is on none is refused.

ClickHouse's own `readonly=1` is not enough where there are no grants: it lets a query read files, other hosts and
system tables. The embedded engine's HTTP face asks here for its user `reader` (servers/clickhouse/reader.py),
`sinks.reading.sql` once more for whatever server and user are configured.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Not `default`: the embedded engine lays the file system under it (`SELECT * FROM default."/etc/passwd"`).
DATABASES = frozenset({"imageledger", "information_schema", "INFORMATION_SCHEMA"})
# What JDBC, DBeaver, Grafana and clickhouse-connect ask to show tables, columns and completions.
SYSTEM_TABLES = {
    "aggregate_function_combinators", "build_options", "collations", "columns", "constraints", "contributors",
    "data_skipping_indices", "data_type_families", "database_engines", "databases", "dictionaries", "formats",
    "functions", "keywords", "licenses", "merge_tree_settings", "numbers", "numbers_mt", "one", "parts",
    "parts_columns", "projections", "settings", "table_engines", "table_functions", "tables", "time_zones", "zeros",
    "zeros_mt",
}  # fmt: skip
TABLE_FUNCTIONS = {
    "generate_series", "generateseries", "null", "numbers", "numbers_mt", "values", "view", "viewexplain", "zeros",
    "zeros_mt",
}  # fmt: skip
_STATEMENTS = {
    "DescribeQuery", "ExistsDatabaseQuery", "ExistsDictionaryQuery", "ExistsTableQuery", "ExistsViewQuery", "Explain",
    "SelectWithUnionQuery", "ShowColumns", "ShowCreateDatabaseQuery", "ShowCreateTableQuery", "ShowCreateViewQuery",
    "ShowEngineQuery", "ShowFunctions", "ShowIndexes", "ShowTables",
}  # fmt: skip
_OF_A_TABLE = re.compile(r"(Exists|ShowCreate)(Table|View|Dictionary)Query")
# The tree calls many things ShowTables, clusters with their hosts and merges of other databases among them.
_SHOWN = re.compile(r"SHOW (?:FULL |TEMPORARY |CHANGED )*(?:TABLES|DATABASES|DICTIONARIES|SETTINGS)\b")
_AS_ONE_LINE = "SELECT formatQuerySingleLine({statement:String})"
# Functions that reach files, hosts, dictionaries or tables by a literal name, or that idle: by kind and by name.
_REFUSED_CATEGORIES = ("AI", "Dictionary", "Embedded Dictionary", "Introspection", "Machine Learning")
_REFUSED_FUNCTIONS = {
    "catboostevaluate", "currentrequesturl", "evalmlmethod", "file", "filesystemavailable", "filesystemcapacity",
    "filesystemunreserved", "fuzzquery", "generaterandomstructure", "generateserialid", "getclienthttpheader",
    "getmacro", "getoskernelversion", "getserverport", "getserversetting", "hascolumnintable", "hasthreadfuzzer",
    "joinget", "joingetornull", "serveruuid", "showcertificate", "sleep", "sleepeachrow", "tcpport",
    "transactionid", "transactionlatestsnapshot", "transactionoldestsnapshot", "zookeepersessionuptime",
}  # fmt: skip
_SYNTAX_FUNCTIONS = {"lambda", "exists", "grouping"}
_FUNCTIONS = f"""
    WITH (SELECT groupArray(name) FROM system.functions WHERE has({list(_REFUSED_CATEGORIES)}, categories)) AS refused
    SELECT lower(name), lower(alias_to), has(refused, name) OR has(refused, alias_to), is_aggregate, origin
    FROM system.functions
"""  # noqa: S608 - of constants
_COMBINATORS = "SELECT lower(name) FROM system.aggregate_function_combinators"
_VIEW_OF_THE_NAME = """
    SELECT count() FROM system.tables
    WHERE database = if({database:String} = '', currentDatabase(), {database:String})
      AND name = {view:String} AND engine = 'View'
      AND lower({name:String}) NOT IN (SELECT lower(name) FROM system.table_functions)
"""

Ask = Callable[[str, Mapping[str, str]], str]
"""Runs a statement with parameters (plain texts) and gives its result as TabSeparated, a row a line."""


class Refused(Exception):  # noqa: N818  (an answer about a statement, not a fault of the program)
    """The statement is not the reader's; the message says which part of it."""


_BESIDE = "SETTINGS in the query is not on the reader's list: give settings beside it, as the client's or in the URL"
_UNREADABLE = Refused("a name with a line feed in it is not on the reader's list")


@dataclass(frozen=True, slots=True)
class _Node:
    depth: int
    kind: str
    name: str
    children: int


_CHILDREN = re.compile(r" \(children (\d+)\)")


def _node(line: str) -> _Node:
    """A line of the dump: `KIND NAME (alias …) (children N)`, in one pass, whatever the texts in it look like."""
    said = line.lstrip(" ")
    name, alias, rest = said.partition(" (alias ")
    if alias and said.endswith(")"):
        closed, *count = rest.rpartition(" (children ")
        children = _CHILDREN.fullmatch("".join(count)) if closed.endswith(")") else None
    else:
        name, *count = said.rpartition(" (children ")
        children = _CHILDREN.fullmatch("".join(count))
        name = name if children else said
    kind, _, name = name.partition(" ")
    return _Node(len(line) - len(said), kind, name.strip(), int(children[1]) if children else 0)


def _tree(dump: str) -> list[_Node]:
    """The nodes, parents first. Raises Refused where they do not add up.

    A line feed within a quoted name begins a line of the dump that is no node. Such a line might part real nodes from
    their parents, but not without a parent that then has more or fewer children than it says.
    """
    nodes = [_node(line) for line in dump.removesuffix("\n").split("\n")]
    missing: list[int] = []  # children that are still to come, of each node above
    for position, node in enumerate(nodes):
        finished = missing[node.depth :]
        del missing[node.depth :]
        if any(finished) or len(missing) != node.depth or (position and not (missing and missing[-1])):
            raise _UNREADABLE
        if missing:
            missing[-1] -= 1
        missing.append(node.children)
    if any(missing):
        raise _UNREADABLE
    return nodes


class Guard:
    """Checks statements. `ask` is used at once, for the server's own functions; `databases` are the reader's."""

    def __init__(self, ask: Ask, databases: frozenset[str] = DATABASES) -> None:
        self._databases = databases
        self._refused = set(_REFUSED_FUNCTIONS)
        self._functions = set(_SYNTAX_FUNCTIONS)
        self._aggregates: set[str] = set()
        for name, alias_to, is_refused, is_aggregate, origin in _rows(ask(_FUNCTIONS, {})):
            if is_refused == "1" or {name, alias_to} & _REFUSED_FUNCTIONS:
                self._refused.add(name)
            elif origin == "System":
                self._functions.add(name)
                if is_aggregate == "1":
                    self._aggregates.add(name)
        self._combinators = [name for (name,) in _rows(ask(_COMBINATORS, {}))]

    def check(self, ask: Ask, statement: str, parameters: Mapping[str, str]) -> bool:
        """Returns if the reader may run the statement with these parameters. Raises Refused, and what `ask` does.

        True: with any parameters, and whatever becomes of tables and views; so it need not be asked again of this
        text. A parameter that is a name (`{table:Identifier}`) or a view that is called like a function make it False.
        """
        always = "Identifier" not in statement
        nodes = _tree(ask(f"EXPLAIN AST {statement}", parameters))
        if nodes[0].kind not in _STATEMENTS:
            raise Refused(f"statement {nodes[0].kind} is not on the reader's list")
        if nodes[0].kind == "ShowTables":
            shown = ask(_AS_ONE_LINE, {"statement": statement})
            if not _SHOWN.match(shown):
                raise _refusal(shown.strip())
        if _OF_A_TABLE.fullmatch(nodes[0].kind):
            self._check_table(
                ".".join(node.name for node in nodes[1:] if node.depth == 1 and node.kind == "Identifier")
            )
        for position, node in enumerate(nodes):
            if node.kind == "TableIdentifier":
                self._check_table(node.name)
            elif node.kind == "Function":
                if position and nodes[position - 1].kind == "TableExpression":
                    always &= self._check_table_function(ask, node.name)
                else:
                    self._check_function(node.name)
                    self._check_membership(nodes, position)
            elif node.kind == "Identifier" and node.name.lower() in self._refused:
                raise _refusal(f"function {node.name}")  # a function can be given to another by its name
            elif node.kind == "ColumnsApplyTransformer":
                raise _refusal("APPLY")
            elif node.kind == "Set" and not _are_options(nodes, position):
                raise Refused(_BESIDE)
        return always

    def _check_function(self, name: str) -> None:
        known = name.lower()
        if known in self._functions or (known not in self._refused and self._is_combined(known)):
            return
        raise _refusal(f"function {name}")

    def _is_combined(self, name: str) -> bool:
        if name in self._aggregates:
            return True
        return any(name.endswith(c) and self._is_combined(name[: -len(c)]) for c in self._combinators)

    def _check_table_function(self, ask: Ask, name: str) -> bool:
        """Whether it is a table function, so no view."""
        if name.lower() in TABLE_FUNCTIONS:
            return True
        database, _, view = name.rpartition(".")
        is_view = {"database": database, "view": view, "name": name}
        if (not database or database in self._databases) and ask(_VIEW_OF_THE_NAME, is_view).strip() == "1":
            return False
        raise _refusal(f"table function {name}")

    def _check_table(self, name: str) -> None:
        database, dot, table = name.partition(".")
        if dot and database not in self._databases and not (database == "system" and table in SYSTEM_TABLES):
            raise Refused(f"table {name} is not the reader's")

    def _check_membership(self, nodes: list[_Node], position: int) -> None:
        """`x IN database.table` reads a table; the tree shows it as a plain identifier, the function's second child."""
        function = nodes[position]
        if not re.fullmatch(r"(global)?(not)?(null)?in(ignoreset)?", function.name.lower()):
            return
        children = []
        for node in nodes[position + 1 :]:
            if node.depth <= function.depth:
                break
            if node.depth == function.depth + 2:
                children.append(node)
        for node in children[1:]:
            if node.kind == "Identifier":
                self._check_table(node.name)


def _are_options(nodes: list[_Node], position: int) -> bool:
    """Whether these are EXPLAIN's own (`indexes = 1`): they stand before the query, a SETTINGS clause behind it."""
    rest = [node.kind for node in nodes[2:] if node.depth == 1]
    return position == 1 and nodes[0].kind == "Explain" and rest[:1] not in ([], ["Identifier"], ["Set"])


def _refusal(what: str) -> Refused:
    return Refused(f"{what} is not on the reader's list")


def _rows(answer: str) -> list[list[str]]:
    return [line.split("\t") for line in answer.splitlines()]
