"""The long fuzz: `python -m tests.fuzz.run --inputs 1000000 --sanitize`, or `make fuzz`.

In: how many inputs, and a seed. Out: exit status 0, or 1 with the number of the step that failed, which is all that is
needed to see it again. `--sanitize` builds the core with AddressSanitizer and UBSan into build/sanitize and uses that.

The work is done in a child process: a sanitizer ends the process that it finds fault with.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import os
import random
import subprocess
import sys
import time
import traceback
from collections import Counter
from itertools import accumulate
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SANITIZED = ROOT / "build" / "sanitize"
CORE = "falcoeks_fast.engine._core"


def build_sanitized() -> Path:
    """The core with sanitizers, apart from the one in use. Raises CalledProcessError."""
    arguments = ["-q", "build_ext", "--build-lib", str(SANITIZED / "lib"), "--build-temp", str(SANITIZED / "temp")]
    subprocess.run([sys.executable, "setup.py", *arguments], cwd=ROOT, env=os.environ | {"SANITIZE": "1"}, check=True)
    (core,) = (SANITIZED / "lib").rglob("_core*.so")
    return core


def sanitizer_environment() -> dict[str, str]:
    """What a process needs that loads the sanitized core."""
    libraries = []
    for name in ("libasan.so", "libstdc++.so"):
        asked = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        libraries.append(asked.stdout.strip())
    return {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=32:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        # Each object of Python by itself, so that a byte read behind one is noticed.
        "PYTHONMALLOC": "malloc",
    }


def use_core(path: str) -> None:
    """Let `import falcoeks_fast.engine._core` give this shared object."""
    loader = importlib.machinery.ExtensionFileLoader(CORE, path)
    spec = importlib.util.spec_from_file_location(CORE, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[CORE] = module
    loader.exec_module(module)
    import falcoeks_fast.engine

    falcoeks_fast.engine._core = module  # type: ignore[attr-defined]


def fuzz(options: argparse.Namespace) -> int:
    """The child: runs steps, noting the number of the one at work in a file."""
    if options.core:
        use_core(options.core)
    from falcoeks_fast.engine import _core

    from .targets import Targets

    targets = Targets(compiled=options.compiled)
    chosen = [(weight, work) for weight, work in targets.all() if options.only in ("", work.__name__)]
    weights = list(accumulate(weight for weight, _ in chosen))
    print(f"core: {_core.__file__}, {_core.implementation()}", flush=True)
    if options.compiled:
        targets.hostile.compiled(random.Random(options.seed))
    tried: Counter[str] = Counter()
    started = time.monotonic()
    at_work = os.open(options.step_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    step = options.first_step
    failed = 0
    while sum(tried.values()) < options.inputs and time.monotonic() - started < options.seconds:
        os.pwrite(at_work, b"%020d" % step, 0)
        chance = random.Random(f"{options.seed}/{step}")
        (_, work) = chance.choices(chosen, cum_weights=weights)[0]
        try:
            tried[work.__name__] += work(chance)
        except (AssertionError, UnicodeDecodeError, ValueError, RuntimeError, MemoryError):
            failed += 1
            traceback.print_exc(limit=-4)
            print(f"step {step} of seed {options.seed} ({work.__name__}) failed", flush=True)
            if failed == options.failures:
                break
        step += 1
    seconds = time.monotonic() - started
    shown = ", ".join(f"{name} {count}" for name, count in sorted(tried.items()))
    print(f"{sum(tried.values())} inputs in {seconds:.0f} s: {shown}; {failed} failures", flush=True)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="Fuzz the native core.")
    made.add_argument("--inputs", type=int, default=1_000_000)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--seconds", type=float, default=86_400, help="end after this time, with whatever was tried")
    made.add_argument("--first-step", type=int, default=0, help="to see a failure again, with --inputs 1")
    made.add_argument("--only", default="", help="the name of a target")
    made.add_argument("--failures", type=int, default=1, help="end after so many failures")
    made.add_argument("--sanitize", action="store_true", help="with AddressSanitizer and UBSan")
    made.add_argument("--compiled", action="store_true", help="hold compiled rules against the interpreter, too")
    made.add_argument("--core", default="", help=argparse.SUPPRESS)
    made.add_argument("--step-file", default="", help=argparse.SUPPRESS)
    return made


def main() -> int:
    options = parser().parse_args()
    if options.step_file:
        return fuzz(options)
    arguments = [*sys.argv[1:]]
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT / "src")}
    if options.sanitize:
        arguments.append(f"--core={build_sanitized()}")
        environment |= sanitizer_environment()
    (ROOT / "build").mkdir(exist_ok=True)
    step_file = ROOT / "build" / f"fuzz-step-{os.getpid()}"
    command = [sys.executable, "-m", "tests.fuzz.run", *arguments, f"--step-file={step_file}"]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if status not in (0, 1):
        step = step_file.read_text() if step_file.exists() else "unknown"
        print(f"the process ended with status {status} at step {step} of seed {options.seed}")
    step_file.unlink(missing_ok=True)
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
