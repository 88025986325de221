"""`falcoeks-fast compile`: rules to a bundle that `run --compiled` uses without a compiler."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from falcoeks_fast.cli.arguments import add_rules_options, command_parser, configured, loaded_rules
from falcoeks_fast.cli.errors import fail, guarded
from falcoeks_fast.rules.code.build import BuildError
from falcoeks_fast.rules.code.bundle import BundleError, compile_bundle
from falcoeks_fast.rules.code.emit import EmitError, emit

SUMMARY = "Compile rules ahead of time into one file."
_STAGES = {"cython": "translating with Cython", "c": "running the C compiler"}


def run(arguments: Sequence[str]) -> int:
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = command_parser("compile", SUMMARY)
    parser.add_argument("-O", "--output", metavar="BUNDLE", default="", help="the file to write")
    parser.add_argument("--emit-cython", metavar="FILE", default="", help="write the generated source; `-`: print it")
    add_rules_options(parser)
    parser.epilog = "As with `-o BUNDLE`: an -o without `=` names the output too."
    parsed = parser.parse_args(arguments)
    outputs = [text for text in parsed.overrides if "=" not in text]
    parsed.overrides = [text for text in parsed.overrides if "=" in text]
    output = parsed.output or (outputs[-1] if outputs else "")
    if not output and not parsed.emit_cython:
        parser.error("name the file to write: -o BUNDLE")
    began = time.monotonic()
    result = loaded_rules(configured(parsed), parsed.rules)
    if not result.successful or result.plan is None:
        return fail(result.error_text)
    plan = result.plan
    rules, macros, lists = result.counts
    _say(f"{rules} rules, {macros} macros, {lists} lists, {len(plan.slots)} fields read, {len(plan.atoms)} comparisons")
    try:
        if parsed.emit_cython:
            _write_source(parsed.emit_cython, emit(plan).pyx)
        if output:
            Path(output).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = compile_bundle(
                plan, Path(output), progress=lambda stage: _say(f"{_STAGES.get(stage, stage)} ...")
            )
            seconds = time.monotonic() - began
            _say(f"{written.path}: {written.size_bytes / 1000:.0f} kB in {seconds:.1f} s, sha256:{written.sha256}")
    except (BuildError, BundleError, EmitError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or parsed.emit_cython} cannot be written: {error.strerror}")
    return 0


def _write_source(target: str, source: str) -> None:
    if target == "-":
        print(source, end="")
    else:
        Path(target).write_text(source, encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
