"""`make bench`: every benchmark in turn, one JSON document on stdout. Ratios within one run are what counts."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__)
BENCHMARKS = sorted(path.stem for path in HERE.parent.glob("*.py") if path != HERE and "def main" in path.read_text())


def main() -> None:
    """Run each in a process of its own, so that none measures another's leftovers."""
    found = {}
    for name in BENCHMARKS:
        print(f"benchmark {name} …", file=sys.stderr)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout)
    json.dump(found, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
