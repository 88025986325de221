"""The small fixed workload, run under callgrind.

In: a folder with `plan`, `digest`, `dummy`, `dummy-digest` and `page`; a case; how many passes more than one. Out: the
instruction set that was chosen, on standard output. Called by `instructions`, which counts. Imports nothing but the
native core, since everything that runs here is counted.
"""

import sys
from pathlib import Path

from falcoeks_fast.engine import _core

PADDING_BYTES = 64


def main(folder: Path, chosen: str, more_passes: int) -> None:
    """Every case once, so that all runs begin alike; then the chosen one again and again."""
    page = (folder / "page").read_bytes()
    body = memoryview(page)[:-PADDING_BYTES]
    origin = _core.Origin(cluster="bench")
    scanners = {
        "prefilter off": _scanner(folder, "plan", prefilter=False),
        "prefilter on": _scanner(folder, "plan", prefilter=True),
        "every event alerts": _scanner(folder, "dummy", prefilter=True),
    }
    for name, scanner in scanners.items():
        for _ in range(1 + (more_passes if name == chosen else 0)):
            scanner.scan_page(body, origin)
    for _ in range(1 + (more_passes if chosen == "floor" else 0)):
        _core.floor(page)
    print(_core.implementation())


def _scanner(folder: Path, name: str, *, prefilter: bool) -> _core.Scanner:
    wire = (folder / name).read_bytes()
    digest = (folder / f"{name}-digest").read_bytes()
    rules = _core.RuleSet(wire, digest, _core.Format(json_output=True, hostname="bench"))
    return _core.Scanner(rules, _core.Numbering(), prefilter=prefilter)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
