"""Who may connect: three users with generated passwords, kept in the data folder."""

import hmac
import json
import os
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from servers.endpoints import HOST
from servers.errors import QueryError


class Role(Enum):
    """What a user is for; its value is the user's name."""

    WRITER = "writer"
    READER = "reader"
    MIGRATOR = "migrator"


def load_passwords(path: Path) -> dict[Role, str]:
    """The passwords in `path`; made and written there (mode 0600) the first time."""
    try:
        stored = json.loads(path.read_text())
    except FileNotFoundError:
        stored = {role.value: secrets.token_urlsafe(18) for role in Role}
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(stored, file)
        part.replace(path)
    return {role: stored[role.value] for role in Role}


@dataclass(frozen=True, slots=True)
class Addresses:
    """The server's URL for each user, with the user's name and password in it."""

    writer: str
    reader: str
    migrator: str


def addresses(data: Path, port: int) -> Addresses:
    """The URLs of the server of `DIR/clickhouse` on `port`; the users' passwords are made where there are none."""
    passwords = load_passwords(data / "clickhouse" / "passwords.json")
    return Addresses(**{role.value: f"http://{role.value}:{quote(passwords[role])}@{HOST}:{port}" for role in Role})


def _credentials(params: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str] | None:
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = b64decode(value, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return "", ""
        return user, password
    if "user" in params or "password" in params:
        return params.get("user", "default"), params.get("password", "")
    return None


def authenticate(passwords: Mapping[Role, str], params: Mapping[str, str], headers: Mapping[str, str]) -> Role:
    """The role of a request's user: from Basic, `X-ClickHouse-User` and `-Key`, or `user` and `password` in the URL."""
    given = _credentials(params, headers)
    if given is None:
        message = "A user and a password are needed; `clickhouse/passwords.json` in the data folder has them."
        raise QueryError.named(194, "REQUIRED_PASSWORD", message)
    user, password = given
    for role, expected in passwords.items():
        if user == role.value and hmac.compare_digest(password.encode(), expected.encode()):
            return role
    message = f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
    raise QueryError.named(516, "AUTHENTICATION_FAILED", message)
