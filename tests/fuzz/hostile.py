"""Rules whose names, constants and outputs are chosen to confuse: YAML, a C compiler, Cython, terminals, JSON.

In: a source of chance. Out: nothing, or an AssertionError. Called by `run` and the short fuzz. A rule of a name watches
for a user of that very name, so that what it means shows in which events it fires on.
"""

from __future__ import annotations

import json
import random
import re

from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, build
from falcoeks_fast.rules.code.emit import emit
from falcoeks_fast.rules.code.module import load_module
from falcoeks_fast.rules.language.ast import escape
from falcoeks_fast.rules.plan import Plan

from .mutate import flip
from .rulesets import PACK, rule
from .texts import AUDIT

MARK = "fuzzmark"
LONGEST_BYTES = 255  # of a constant; what is longer is refused
PIECES = (
    '"', "'", "\\", '"""', "'''", "*/", "/*", "//", "#", "??/", "??)", "??=", "\n", "\r\n", "\t", "\x00", "\x01",
    "\x1b[31m",
    "\x7f", "%", "%s%n", "{", "}", "{0}", "$(id)", "`id`", ";", "#include", "__import__('os').abort()", "\\x41",
    "\\u0041",
    "\\N{BULLET}", "\\\n", "\u202e", "\u2028", "\ufeff", "\x85", "\U0001f600", "é", "cdef ", "abort();", "&#34;",
    "<NA>",
    "%ka.verb", "%%", "- rule: x", ": ", "&a", "*a", "!!python/object", " ", "a" * 500, MARK,
)  # fmt: skip
PAIR = re.compile(r"\\u(d[89ab]..)\\u(d[c-f]..)")
SOURCE_BYTES = re.compile(rb"[\x20-\x7e\n]*")


def hostile_text(chance: random.Random) -> str:
    made = "".join(chance.choice(PIECES) for _ in range(chance.choice((1, 2, 3, 6, 20))))
    text = (MARK + made).replace("\0", "")  # at which Falco ends a text
    return text if chance.random() < 0.05 else text.encode()[:LONGEST_BYTES].decode(errors="ignore")


class HostileRules:
    def rules(self, chance: random.Random) -> int:
        """Loading refuses with a message, or the rules mean what they say; the source made of them holds no text."""
        texts = sorted({hostile_text(chance) for _ in range(chance.choice((1, 3, 8)))})
        plan = self._plan(texts)
        if plan is None:
            return 1
        source = emit(plan)
        assert MARK not in source.pyx
        assert SOURCE_BYTES.fullmatch(source.pyx.encode())
        check_meaning(plan, texts, None)
        return len(texts)

    def compiled(self, chance: random.Random) -> int:
        """The same, compiled: seconds for each."""
        texts = sorted({hostile_text(chance) for _ in range(200)})
        plan = self._plan([text for text in texts if self._plan([text]) is not None])
        assert plan is not None
        source = emit(plan)
        module = load_module(build(source, limits=SOMEBODY_WAITS), source.digest)
        check_meaning(plan, [made.name.decode() for made in plan.rules], module)
        return len(plan.rules)

    def rules_file(self, chance: random.Random) -> int:
        """Any bytes as a rules file: an answer, and a message that can be shown where it is a refusal."""
        lines = PACK.read_bytes().split(b"\n- ")
        piece = b"\n- ".join([lines[0], *chance.sample(lines[1:], 3)])
        result = load_rules([RuleFile("f.yaml", flip(chance, piece))], LoadSettings())
        assert result.successful or result.error_text
        return 1

    def _plan(self, texts: list[str]) -> Plan | None:
        rules = []
        for text in texts:
            condition = f"ka.user.name = {escape(text.encode()).decode()}"
            rules.append(rule(text, condition, "user=%ka.user.name") | {"desc": text})
        result = load_rules([RuleFile("hostile.yaml", as_yaml(rules))], LoadSettings())
        if not result.successful:
            assert result.error_text
            return None
        return result.plan


def as_yaml(value: object) -> bytes:
    """JSON, but for pairs of surrogates, which YAML writes as one."""
    text = json.dumps(value)
    return PAIR.sub(lambda pair: f"\\U{_code_point(pair):08x}", text).encode()


def _code_point(pair: re.Match[str]) -> int:
    high, low = (int(half, 16) for half in pair.groups())
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)


def check_meaning(plan: Plan, texts: list[str], module: object | None) -> None:
    """Each rule fires on the user of its name and on nobody else."""
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=True), match_all=True)
    if module is not None:
        rules.attach(module)
    users = [user for text in texts for user in (text, text + "x")]
    lines = b"".join(json.dumps({**AUDIT, "user": {"username": user}}).encode() + b"\n" for user in users)
    batch = _core.Scanner(rules, _core.Numbering()).scan_lines(lines, _core.Origin(), last=True)
    fired = [json.loads(line) for line in batch.text.splitlines()]
    expected = [text for text in texts if text]
    expected += [text + "x" for text in texts if text + "x" in texts]
    assert sorted(alert["rule"] for alert in fired) == sorted(expected)
    for alert in fired:
        assert alert["output_fields"]["ka.user.name"] == alert["rule"]
