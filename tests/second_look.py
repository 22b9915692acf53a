"""After a run in which one or two tests failed: asks these once more, alone, and says their names (decision 0055).

What is wrong fails again. What only lost a race against a machine that was starved is printed as such, to be mended.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

AT_MOST = 2
FAILED = Path(__file__).parents[1] / ".pytest_cache" / "v" / "cache" / "lastfailed"


def again(failed: Sequence[str]) -> int:
    """The exit code: 0 only if every one of `failed`, at most AT_MOST, passes now."""
    if not 0 < len(failed) <= AT_MOST:
        return 1
    sys.stdout.write(f"\nonce more, alone: {' '.join(failed)}\n")
    sys.stdout.flush()
    code = subprocess.run([sys.executable, "-m", "pytest", *failed], check=False).returncode
    if code == 0:
        sys.stdout.write(f"FAILED ONCE, THEN PASSED ALONE: {' '.join(failed)}: find out why\n")
    return code


if __name__ == "__main__":
    sys.exit(again(list(msgspec.json.decode(FAILED.read_bytes(), type=dict[str, bool])) if FAILED.exists() else []))
