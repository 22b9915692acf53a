"""The whole database into a file or folder of the server's, and back: ClickHouse's own BACKUP and RESTORE."""

import re
import time
import uuid

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from .client import address
from .errors import ClickHouseError, NotRestored, translated

_STILL_MADE = "DATABASE_NOT_EMPTY"
_ENDS_WITHIN_S = 60
_PAUSE_S = 0.2


def backup(client: Client, name: str) -> None:
    """Writes the client's database as `name` below the server's `backups.allowed_path`: a folder, or an archive if it
    ends in `.tar`. Blocks until it is whole.

    Raises ClickHouseError or one of its kinds, also where something of that name is there.
    """
    with translated(address(client)):
        client.command(f"BACKUP DATABASE `{client.database}` TO File({_literal(name)})", use_database=False)


def restore(client: Client, name: str, *, replace: bool = False) -> None:
    """Makes the client's database what `name` holds. Blocks.

    A running sink ends itself when it finds its tables made anew, and reads the log from its beginning when it starts
    again, so that what came after the backup is there too.

    What the database had is set aside under another name, and dropped only when the backup is there whole: a folder
    that is no backup, or half of one, costs nothing. Killed on the way, it leaves that database (`…_before_…`); the
    next restore that succeeds drops it.

    Raises:
        NotRestored: the database has tables, and `replace` is not given.
        ClickHouseError: or one of its kinds; the database is then as it was, or the message says where it is.
    """
    database, aside = str(client.database), None
    with translated(address(client)):
        found = client.command(
            "SELECT count() FROM system.tables WHERE database = {name:String}",
            {"name": database},
            use_database=False,  # it may be gone
        )
    tables = int(str(found))
    if tables and not replace:
        raise NotRestored(
            f"database {database} of ClickHouse at {address(client)} has {tables} tables and views: "
            "back it up if it is worth it, and say --replace to drop it first"
        )
    with translated(address(client)):
        if tables:
            aside = f"{database}_before_{uuid.uuid4().hex[:12]}"
            client.command(f"RENAME DATABASE `{database}` TO `{aside}`", use_database=False)
        try:
            client.command(f"RESTORE DATABASE `{database}` FROM File({_literal(name)})", use_database=False)
        except BaseException:
            _put_back(client, database, aside)
            raise
        _drop_set_aside(client)


def _put_back(client: Client, database: str, aside: str | None) -> None:
    try:
        _drop_what_came(client, database)
        if aside:
            client.command(f"RENAME DATABASE `{aside}` TO `{database}`", use_database=False)
    except Exception as error:
        if aside is None:
            raise
        raise ClickHouseError(
            f"database {database} was neither restored nor put back: {error}: what it had is whole, in {aside}; once "
            f"ClickHouse answers, DROP DATABASE IF EXISTS `{database}` and RENAME DATABASE `{aside}` TO `{database}`"
        ) from error


def _drop_what_came(client: Client, database: str) -> None:
    """A restore that was interrupted goes on for a moment and makes more tables, also while the database is dropped."""
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while True:
        try:
            client.command(f"DROP DATABASE IF EXISTS `{database}` SYNC", use_database=False)
        except DatabaseError as error:
            if _STILL_MADE not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def set_aside(client: Client) -> list[str]:
    """The databases in which a restore that did not end has left the store from before it. Raises ClickHouseError.

    Known by the names that restores give, since others may keep copies beside.
    """
    known = "SELECT name FROM system.databases WHERE match(name, concat('^', {name:String}, '_before_[0-9a-f]{12}$'))"
    with translated(address(client)):
        found = client.query(known, {"name": re.escape(str(client.database))})
    return sorted(name for (name,) in found.result_rows)


def _drop_set_aside(client: Client) -> None:
    for aside in set_aside(client):
        client.command(f"DROP DATABASE `{aside}` SYNC", use_database=False)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
