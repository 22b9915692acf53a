"""What the reader may ask, decided on the parsed statement (`EXPLAIN AST`), and the limits it runs under.

The engine's own `readonly=1` is not enough: it lets a query read files, other hosts and system tables. So tables,
functions and kinds of statement are on lists here, and what is on none is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .engine import Handle, escaped
from .errors import QueryError

# Not `default`: the embedded engine lays the file system under it (`SELECT * FROM default."/etc/passwd"`).
DATABASES = {"imageledger", "information_schema", "INFORMATION_SCHEMA"}
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
LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 2**30,
    "max_result_rows": 10_000_000,
    "max_result_bytes": 4 * 2**30,
    "max_rows_to_read": 2_000_000_000,
    "max_temporary_data_on_disk_size_for_query": 2**30,
    "max_threads": 4,
    "max_ast_elements": 50_000,
    "max_expanded_ast_elements": 500_000,
}
_STATEMENTS = {
    "DescribeQuery", "ExistsDatabaseQuery", "ExistsDictionaryQuery", "ExistsTableQuery", "ExistsViewQuery", "Explain",
    "SelectWithUnionQuery", "ShowColumns", "ShowCreateDatabaseQuery", "ShowCreateTableQuery", "ShowCreateViewQuery",
    "ShowEngineQuery", "ShowFunctions", "ShowIndexes", "ShowTables",
}  # fmt: skip
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
_READER_SETTINGS = re.compile(
    r"output_format_\w+|input_format_\w+|format_csv_\w+|format_tsv_\w+|date_time_\w+|session_timezone|extremes|final|"
    r"join_use_nulls|result_overflow_mode|max_block_size|http_\w+|log_queries|connect_timeout|prefer_\w+|"
    r"use_query_cache|\w+_nulls|transform_null_in|count_distinct_implementation|allow_experimental_analyzer|"
    r"enable_analyzer|load_balancing|send_timeout|receive_timeout|use_skip_indexes\w*|optimize_\w+"
)
_FUNCTIONS = """
    WITH (SELECT groupArray(name) FROM system.functions WHERE has({categories:Array(String)}, categories)) AS refused
    SELECT lower(name), lower(alias_to), has(refused, name) OR has(refused, alias_to), is_aggregate, origin
    FROM system.functions
"""
_VIEW_OF_THE_NAME = """
    SELECT count() FROM system.tables
    WHERE database = if({database:String} = '', currentDatabase(), {database:String})
      AND name = {view:String} AND engine = 'View'
      AND lower({name:String}) NOT IN (SELECT lower(name) FROM system.table_functions)
"""
_FILE_SETTINGS = {"output_format_schema"}  # its value is the path of a file to write


@dataclass(frozen=True, slots=True)
class _Node:
    depth: int
    kind: str
    name: str


def _nodes(tree: str) -> Iterator[_Node]:
    for line in tree.splitlines():
        bare = line.lstrip(" ")
        text = re.sub(r"( \(alias .*\))?( \(children \d+\))?$", "", bare)
        kind, _, name = text.partition(" ")
        yield _Node(len(line) - len(bare), kind, name.strip())


class Reader:
    """Checks the reader's statements. `handle` is used once, to ask the engine for its functions."""

    def __init__(self, handle: Handle) -> None:
        rows = _rows(handle, _FUNCTIONS, categories="['" + "','".join(_REFUSED_CATEGORIES) + "']")
        self._refused = set(_REFUSED_FUNCTIONS)
        self._functions = set(_SYNTAX_FUNCTIONS)
        self._aggregates: set[str] = set()
        for name, alias_to, is_refused, is_aggregate, origin in rows:
            if is_refused == "1" or {name, alias_to} & _REFUSED_FUNCTIONS:
                self._refused.add(name)
            elif origin == "System":
                self._functions.add(name)
                if is_aggregate == "1":
                    self._aggregates.add(name)
        combinators = _rows(handle, "SELECT lower(name) FROM system.aggregate_function_combinators")
        self._combinators = [name for (name,) in combinators]

    def use(self, handle: Handle, asked: str | None) -> None:
        """Enter the database asked for; by default `imageledger`, or the catalogue as long as there is none.

        Raises `QueryError` (ACCESS_DENIED) for a database that is not the reader's.
        """
        if asked and asked != "default" and asked not in DATABASES:
            raise _refusal(f"database {asked}")
        try:
            handle.prepare(asked if asked in DATABASES else "imageledger", {})
        except QueryError:
            handle.prepare("INFORMATION_SCHEMA", {})

    def settings(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings to run under: the limits, made tighter or other settings changed where that is harmless.

        Raises `QueryError` (READONLY) for a setting that is not the reader's to change.
        """
        settings = {name: str(limit) for name, limit in LIMITS.items()}
        for name, value in asked.items():
            if name in LIMITS:
                wanted = int(value) if value.isdecimal() else 0
                settings[name] = str(min(wanted or LIMITS[name], LIMITS[name]))
            elif name in _FILE_SETTINGS or not _READER_SETTINGS.fullmatch(name):
                if name != "readonly":
                    raise QueryError.named(164, "READONLY", f"Cannot modify '{name}' setting in readonly mode")
            else:
                settings[name] = value
        return settings

    def check(self, handle: Handle, statement: str, params: Mapping[str, str]) -> None:
        """Raise `QueryError` unless the reader may run this statement with these parameters."""
        nodes = list(_nodes(handle.execute(f"EXPLAIN AST {statement}", params, "TSVRaw")[0].decode()))
        if not nodes or nodes[0].kind not in _STATEMENTS:
            raise _refusal(f"statement {nodes[0].kind if nodes else ''}")
        for position, node in enumerate(nodes):
            if node.kind == "TableIdentifier":
                _check_table(node.name)
            elif node.kind == "Function":
                if position and nodes[position - 1].kind == "TableExpression":
                    self._check_table_function(handle, node.name)
                else:
                    self._check_function(node.name)
                    _check_membership(nodes, position)
            elif node.kind == "Identifier" and node.name.lower() in self._refused:
                raise _refusal(f"function {node.name}")  # a function can be given to another by its name
            elif node.kind in {"ColumnsApplyTransformer", "Set"}:
                raise _refusal("APPLY" if node.kind == "ColumnsApplyTransformer" else "SETTINGS in the query")

    def _check_function(self, name: str) -> None:
        known = name.lower()
        if known in self._functions or (known not in self._refused and self._is_combined(known)):
            return
        raise _refusal(f"function {name}")

    def _is_combined(self, name: str) -> bool:
        if name in self._aggregates:
            return True
        return any(name.endswith(c) and self._is_combined(name[: -len(c)]) for c in self._combinators)

    def _check_table_function(self, handle: Handle, name: str) -> None:
        if name.lower() in TABLE_FUNCTIONS:
            return
        database, _, view = name.rpartition(".")
        is_view = {"database": escaped(database), "view": escaped(view), "name": escaped(name)}
        if (not database or database in DATABASES) and _rows(handle, _VIEW_OF_THE_NAME, **is_view) == [["1"]]:
            return
        raise _refusal(f"table function {name}")


def _check_table(name: str) -> None:
    database, dot, table = name.partition(".")
    if dot and database not in DATABASES and not (database == "system" and table in SYSTEM_TABLES):
        raise QueryError.named(497, "ACCESS_DENIED", f"reader: Not enough privileges: table {name} is not the reader's")


def _check_membership(nodes: list[_Node], position: int) -> None:
    """`x IN database.table` reads a table, which the tree shows as a plain identifier: the function's second child."""
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
            _check_table(node.name)


def _refusal(what: str) -> QueryError:
    return QueryError.named(497, "ACCESS_DENIED", f"reader: Not enough privileges: {what} is not on the reader's list")


def _rows(handle: Handle, statement: str, **params: str) -> list[list[str]]:
    return [line.split("\t") for line in handle.execute(statement, params, "TSVRaw")[0].decode().splitlines()]
