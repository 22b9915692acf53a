"""The whole database into a file or folder of the server's, and back: ClickHouse's own BACKUP and RESTORE."""

from clickhouse_connect.driver.client import Client

from .client import address
from .errors import NotRestored, translated


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

    Raises:
        NotRestored: the database has tables, and `replace` is not given.
        ClickHouseError: or one of its kinds; with `replace`, the database may be gone then.
    """
    with translated(address(client)):
        found = client.command(
            "SELECT count() FROM system.tables WHERE database = {name:String}",
            {"name": client.database},
            use_database=False,  # it may be gone
        )
    tables = int(str(found))
    if tables and not replace:
        raise NotRestored(
            f"database {client.database} of ClickHouse at {address(client)} has {tables} tables and views: "
            "back it up if it is worth it, and say --replace to drop it first"
        )
    with translated(address(client)):
        if tables:
            client.command(f"DROP DATABASE `{client.database}` SYNC", use_database=False)
        client.command(f"RESTORE DATABASE `{client.database}` FROM File({_literal(name)})", use_database=False)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
