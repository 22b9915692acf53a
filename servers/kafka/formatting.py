"""An empty log, as Kafka's own tool formats it.

The tool is a JVM of a second for two small files: the features of this version, which are the same each time and are
kept beside the jars, and the identities of this log.
"""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from servers.errors import StartError

from .fencing import BRIEF

_FEATURES = "bootstrap.checkpoint"


def format_log(java: list[str], folder: Path, properties: Mapping[str, str], cache: Path) -> None:
    """Make `folder/log`. `java` is the command up to the class path, `properties` the broker's own.

    Formatted beside and renamed: a format that was cut short is never taken for a log, and a log never formatted.

    Raises:
        StartError: the tool refuses.
    """
    fresh = folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "log").mkdir(parents=True)
    kept = cache.expanduser() / _FEATURES
    if not kept.exists():
        _keep_features(java, folder, properties, kept)
    shutil.copyfile(kept, fresh / "log" / _FEATURES)
    (fresh / "log" / "meta.properties").write_text(
        f"cluster.id={_identity()}\ndirectory.id={_identity()}\nnode.id={properties['node.id']}\nversion=1\n", "ascii"
    )
    (fresh / "log").rename(folder / "log")
    shutil.rmtree(fresh)


def _keep_features(java: list[str], folder: Path, properties: Mapping[str, str], kept: Path) -> None:
    """Run the tool, and keep what it says of the features; whole, by a rename."""
    file = folder / "fresh" / "tool.properties"
    settings = {**properties, "log.dirs": "fresh/tool"}
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "ascii")
    tool = [java[0], BRIEF, *java[1:], "kafka.tools.StorageTool", "format", "-t", _identity(), "-c", str(file)]
    done = subprocess.run(tool, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  (our own JVM)
    if done.returncode:
        raise StartError(f"Kafka cannot format {folder}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    fresh = kept.with_name(f".{_FEATURES}-{os.getpid()}")
    shutil.copyfile(folder / "fresh" / "tool" / _FEATURES, fresh)
    fresh.replace(kept)


def _identity() -> str:
    """A random UUID as Kafka writes it; the first bit is 0, because a leading "-" would be read as an option."""
    identity = uuid.uuid4().bytes
    return base64.urlsafe_b64encode(bytes([identity[0] & 0x7F]) + identity[1:]).decode("ascii").rstrip("=")
