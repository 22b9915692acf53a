"""What each user may do. The embedded engine has neither users nor grants, so its HTTP face decides.

| user | may |
|---|---|
| reader | read what `reader.py` lists, within its limits |
| writer | read, insert, change and remove rows, temporary tables, settings of its own session |
| migrator | what the writer may, and CREATE, DROP, RENAME and the like |

Nobody may write or read files through the server (INTO OUTFILE, FROM INFILE), send several statements at once, stop
the server, or change anything by GET. Writer and migrator are this machine's own programs: they are not kept from
table functions such as `file` or `url`.
"""

import re
from collections import OrderedDict

from servers.errors import QueryError

from .engine import Conditions, Handle, escaped
from .reader import Reader
from .request import Request
from .statements import leading_words, words
from .users import Role

# What a server has otherwise than the embedded engine.
SERVER_SETTINGS = {
    "implicit_select": "0",
    "min_insert_block_size_bytes": str(
        64 * 2**20
    ),  # of a large insert in memory; a server's 256 MiB are for large machines
}
_DEFINITION = {
    "CREATE",
    "DROP",
    "RENAME",
    "EXCHANGE",
    "ATTACH",
    "DETACH",
    "UNDROP",
    "BACKUP",
    "RESTORE",
    "GRANT",
    "REVOKE",
}
_SYSTEM = {"CLEAR", "DISABLE", "DROP", "ENABLE", "FLUSH", "RELOAD", "START", "STOP", "SYNC", "WAIT", "REFRESH"}
_LEAVING_NOTHING = {"READ_ONLY", "MUTATING"}
"""Classes of statements after which a session is as before; SET, USE and temporary tables are CONTROL."""
_SETTINGS = re.compile(r"(?<!system\.)settings", re.IGNORECASE)
_CHANGES_NONE, _READS_ALONE = "1", "2"
"""`readonly`. 2 as a server's reader (deploy/clickhouse/users.xml): 1 has `system.settings` say that none may be
changed, and then clickhouse-connect sends none. `reader.py` refuses a SETTINGS clause, through which any file can be
read. The engine refuses one that it overlooks: a statement with that word runs under 1."""
_MOST_KNOWN, _KNOWN_LENGTH = 512, 2**14


class Access:
    """Decides on statements before they run, and sets what they run under. `handle` is used once, at the start."""

    def __init__(self, handle: Handle) -> None:
        self._reader = Reader(handle)
        self._known: OrderedDict[tuple[Role, str, str], str] = OrderedDict()

    def ready_for(self, role: Role, request: Request, statement: str) -> Conditions | None:
        """What a handle is ready for that may run this; None where `prepare` has to make one ready for the reader."""
        unknown = role is Role.READER and not self._reader.knows(statement)
        return None if unknown else _conditions(role, request)

    def prepare(self, handle: Handle, role: Role, request: Request, statement: str, *, in_session: bool) -> None:
        """Ready `handle` for the statement, or raise `QueryError` if it is not to run.

        Where the statement leaves nothing behind, the handle is then ready for the next one like it; one of a client's
        own session never is.
        """
        if role is not Role.READER:
            # The database is entered again: it may be gone by now.
            handle.prepare(request.database, request.settings if handle.ready_for is None else {})
            kept = self._check(handle, role, request, statement) in _LEAVING_NOTHING and not in_session
            handle.ready_for = _conditions(role, request) if kept else None
        elif handle.ready_for is None:
            lasts = self._reader.use(handle, request.database)
            guarded = _SETTINGS.search(statement) is not None
            if not self._reader.knows(statement):
                kind = _check_shape(handle, request, statement)
                remember = kind == "READ_ONLY" and not guarded
                self._reader.check(handle, statement, request.query_params, remember=remember)
            readonly = _CHANGES_NONE if guarded else _READS_ALONE
            handle.prepare(None, {**self._reader.settings(request.settings), "readonly": readonly})
            handle.ready_for = _conditions(role, request) if lasts and not guarded else None

    def _check(self, handle: Handle, role: Role, request: Request, statement: str) -> str:
        """The class of a statement that this role may run, however often it is asked."""
        asked = role, request.method, statement
        known = self._known.get(asked)  # at once: another thread may forget it
        if known is not None and "dialect" not in request.settings:
            return known
        kind = _check_shape(handle, request, statement)
        leading = leading_words(statement.encode(), 4)
        if "TEMPORARY" in leading:
            kind = "CONTROL"
        if leading[:1] == ["SYSTEM"] and not set(leading[1:2]) & _SYSTEM:
            raise _denied(role, f"{' '.join(leading[:2])} is not for the server's users")
        if role is Role.WRITER and set(leading[:1]) & _DEFINITION and "TEMPORARY" not in leading:
            raise _denied(role, f"{leading[0]} is the migrator's")
        if len(statement) <= _KNOWN_LENGTH:
            self._known[asked] = kind
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return kind


def _conditions(role: Role, request: Request) -> Conditions:
    return role is Role.READER, request.database, frozenset(request.settings.items())


def _check_shape(handle: Handle, request: Request, statement: str) -> str:
    """The statement's class, if it is one statement that this request may carry."""
    kind, count = handle.classify(statement)
    if count > 1:
        raise QueryError.named(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
    if count == 0:
        _say_what_is_wrong(handle, statement)
    if request.method in {"GET", "HEAD"} and kind != "READ_ONLY" and count:
        message = "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
        raise QueryError.named(164, "READONLY", message + "You should use method POST for modifying queries.")
    if "dialect" in request.settings:
        raise QueryError.named(344, "SUPPORT_IS_DISABLED", "Only ClickHouse's own dialect is served")
    if kind in {"CONTROL", "UNKNOWN"} or statement.lstrip()[:6].upper() == "INSERT":
        outside = {b"OUTFILE", b"INFILE"} & {word for word, _ in words(statement.encode())}
        if outside:
            raise QueryError.named(358, "INTO_OUTFILE_NOT_ALLOWED", f"{outside.pop().decode()} is not allowed")
    return kind


def _say_what_is_wrong(handle: Handle, statement: str) -> None:
    """`formatQuery` parses and runs nothing: the engine's own words for what is wrong, without that function's."""
    try:
        handle.execute("SELECT formatQuery({statement:String})", {"statement": escaped(statement)})
    except QueryError as error:
        said = str(error).partition(": In scope SELECT formatQuery(")[0].removesuffix(" (SYNTAX_ERROR)")
        raise QueryError(error.code, f"{said} (SYNTAX_ERROR)") from error


def _denied(role: Role, why: str) -> QueryError:
    return QueryError.named(497, "ACCESS_DENIED", f"{role.value}: Not enough privileges: {why}")
