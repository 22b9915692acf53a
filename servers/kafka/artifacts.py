"""The Kafka jars: fetched once from Maven Central, each checked against a committed SHA-256.

The lock file beside this module names every jar by its Maven coordinate, so a set-up walks no dependency graph:
what runs is what was locked. A jar enters the cache whole and checked, by a rename; a cache that holds them all needs
no network.
"""

import fcntl
import hashlib
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.errors import ArtifactError

KAFKA_VERSION = "4.3.0"
ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
LOCK_FILE = Path(__file__).with_name("jars.lock.toml")
DEFAULT_CACHE = Path("~/.cache/imageledger") / f"kafka-{KAFKA_VERSION}"
_PARALLEL_DOWNLOADS = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar: `coordinate` is `group:artifact:version`, `sha256` its hex digest."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in the cache, as Maven names it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def kafka_jars(
    cache: Path = DEFAULT_CACHE, *, lock: Path = LOCK_FILE, say: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Every locked jar as a file in `cache`, in the lock's order (a class path), fetching what is missing or damaged.

    Two processes at once are safe: one fetches, the other waits. `say` gets one line when something is fetched.

    Raises:
        ArtifactError: the network is away and the cache is not complete, or a fetched jar is not the locked one.
    """
    cache = cache.expanduser()
    jars = read_lock(lock)
    if _missing(cache, jars):
        with one_at_a_time(cache):
            missing = _missing(cache, jars)
            if missing:
                say(f"fetching {len(missing)} of {len(jars)} Kafka jars from Maven Central into {cache}")
                _fetch(cache, missing)
    return [cache / jar.file_name for jar in jars]


def read_lock(lock: Path = LOCK_FILE) -> list[Jar]:
    """The jars that `lock` names, in its order."""
    table = tomllib.loads(lock.read_text("utf-8"))
    return [Jar(coordinate, sha256) for coordinate, sha256 in table["jars"].items()]


def write_lock(lock: Path = LOCK_FILE, endpoint: str = ENDPOINT) -> list[Jar]:
    """Resolve `endpoint` with its dependencies on Maven Central and write what came as the new lock.

    For whoever raises Kafka's version; the difference is then read in review. Needs the network.
    """
    # jgo imports slowly and is needed only where something is fetched.
    import jgo

    with tempfile.TemporaryDirectory(prefix="imageledger-lock-") as scratch:
        try:
            resolved = [str(artifact.component) for artifact in jgo.resolve(endpoint)]
            jars = [Jar(name, _sha256(_download(name, Path(scratch)))) for name in dict.fromkeys(resolved)]
        except (OSError, RuntimeError) as error:
            raise ArtifactError(f"cannot resolve {endpoint}: {_in_short(error)}") from error
    lines = [
        "# The jars of the local Kafka and their SHA-256; written by servers.kafka.artifacts.write_lock.",
        f'endpoint = "{endpoint}"',
        "",
        "[jars]",
        *(f'"{jar.coordinate}" = "{jar.sha256}"' for jar in jars),
    ]
    lock.write_text("\n".join(lines) + "\n", "utf-8")
    return jars


def _missing(cache: Path, jars: list[Jar]) -> list[Jar]:
    # Hashing all 46 MB takes 0.05 s, so a damaged jar is found at every start and not only at set-up.
    return [jar for jar in jars if not _is_whole(cache / jar.file_name, jar)]


def _is_whole(path: Path, jar: Jar) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def one_at_a_time(cache: Path) -> Iterator[None]:
    """While it holds, no other process changes `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, jars: list[Jar]) -> None:
    # The scratch folder lies in the cache so that the rename stays on one file system.
    scratch = Path(tempfile.mkdtemp(prefix=".fetch-", dir=cache))
    try:
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            for _ in pool.map(lambda jar: _fetch_one(jar, cache, scratch), jars):
                pass
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fetch_one(jar: Jar, cache: Path, scratch: Path) -> None:
    try:
        fetched = _download(jar.coordinate, scratch)
    except (OSError, RuntimeError) as error:
        raise ArtifactError(
            f"cannot fetch {jar.coordinate} from Maven Central: {_in_short(error)}. The first set-up needs the "
            "network: connect (or name a mirror under [repositories] in jgo.conf) and run again, or copy a filled "
            f"{cache} from another machine"
        ) from error
    found = _sha256(fetched)
    if found != jar.sha256:
        raise ArtifactError(
            f"{jar.coordinate} as fetched has SHA-256 {found}, the lock says {jar.sha256}: it is not used. Something "
            "between this machine and Maven Central changed it; check the proxy or mirror and run again"
        )
    fetched.replace(cache / jar.file_name)


def _download(coordinate: str, scratch: Path) -> Path:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    group, artifact, version = coordinate.split(":")
    repositories = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(repo_cache=scratch, remote_repos=repositories)
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())


def _in_short(error: BaseException) -> str:
    """The innermost cause in one line: requests wraps a name that does not resolve five deep."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error).splitlines()[0] if str(error) else type(error).__name__
