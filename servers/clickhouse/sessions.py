"""Sessions of the HTTP interface: what SET, USE and temporary tables leave behind for a client's later requests."""

from collections import OrderedDict
from collections.abc import Callable

import orjson

from servers.errors import QueryError

from .engine import Handle, identifier, quoted
from .request import Request
from .statements import leading_words

_MAX_SESSIONS = 256
_MAX_TIMEOUT_S = 3600


def leaves_something(statement: str) -> bool:
    """Whether a statement changes its session: SET, USE, or a temporary table."""
    words = leading_words(statement.encode(), 4)
    return words[:1] in (["SET"], ["USE"]) or (words[:1] == ["CREATE"] and "TEMPORARY" in words)


class Session:
    """A client's handle, kept between its requests."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.busy = False
        self.ends_s = 0.0
        self._undo: dict[tuple[str | None, frozenset[str]], list[str]] = {}

    def before(self, request: Request) -> list[str]:
        """The statements that undo what the request's own database and settings change; blocks."""
        key = (request.database, frozenset(request.settings))
        if key not in self._undo:
            self._undo[key] = _previous(self.handle, request)
        return self._undo[key]

    def after(self, statement: str, undo: list[str]) -> None:
        """Bring the session back to itself after a request; blocks."""
        if leaves_something(statement):
            self._undo.clear()
        for undoing in undo:
            self.handle.execute(undoing)


def _previous(handle: Handle, request: Request) -> list[str]:
    undo = []
    if request.database:
        current = handle.execute("SELECT currentDatabase()", form="TSVRaw")[0].decode().rstrip("\n")
        undo.append(f"USE {identifier(current)}")
    if request.settings:
        rows = handle.execute("SELECT name, value FROM system.settings", form="JSONCompactEachRow")[0].splitlines()
        values = (orjson.loads(row) for row in rows)
        undo += [f"SET {name} = {quoted(value)}" for name, value in values if name in request.settings]
    return undo


class Sessions:
    """The sessions in use, at most 256; the longest unused one makes room.

    A client's session costs nothing until a statement in it leaves something behind: only then a handle is kept.
    """

    def __init__(self, new_handle: Callable[[], Handle], clock: Callable[[], float]) -> None:
        self._new_handle, self._clock = new_handle, clock
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()

    def take(self, key: tuple[str, str], request: Request, keep: bool) -> Session | None:
        """The session of this user and id, busy until `release`; a new one if `keep`, else None if there is none."""
        timeout_s = request.session_timeout_s
        if timeout_s > _MAX_TIMEOUT_S:
            message = f"Invalid session timeout: '{timeout_s}'; the most is {_MAX_TIMEOUT_S} seconds"
            raise QueryError.named(374, "INVALID_SESSION_TIMEOUT", message)
        self._expire()
        session = self._sessions.get(key)
        if session is None and request.flag("session_check"):
            raise QueryError.named(372, "SESSION_NOT_FOUND", f"Session {key[1]} not found")
        if session is None:
            if not keep:
                return None
            self._make_room()
            session = self._sessions[key] = Session(self._new_handle())
        if session.busy:
            raise QueryError.named(373, "SESSION_IS_LOCKED", f"Session {key[1]} is locked by a concurrent client")
        session.busy = True
        session.ends_s = self._clock() + timeout_s
        self._sessions.move_to_end(key)
        return session

    def release(self, session: Session) -> None:
        """The request is over."""
        session.busy = False

    def close(self) -> None:
        """End all sessions."""
        for key in list(self._sessions):
            self._sessions.pop(key).handle.close()

    def _expire(self) -> None:
        now_s = self._clock()
        for key in [key for key, session in self._sessions.items() if session.ends_s < now_s and not session.busy]:
            self._sessions.pop(key).handle.close()

    def _make_room(self) -> None:
        if len(self._sessions) < _MAX_SESSIONS:
            return
        idle = next((key for key, session in self._sessions.items() if not session.busy), None)
        if idle is None:
            raise QueryError.named(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"{_MAX_SESSIONS} sessions are busy")
        self._sessions.pop(idle).handle.close()
