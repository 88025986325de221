"""Scans ordinary, odd and mutated events, and prints the instruction set in use and a digest of all answers.

Run by test_implementations, once for each instruction set.
"""

from __future__ import annotations

import hashlib
import random

from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.engine import _core

from ..fuzz.mutate import mutate
from ..fuzz.pages import page
from ..fuzz.rulesets import PACK, plan_of
from ..fuzz.texts import seeds
from .tools import rule

MUTATED_PAGES = 150


def main() -> None:
    plan = plan_of(
        PACK.read_bytes(), rule("all", "ka.verb exists", "%ka.user.name %ka.uri %jevt.value[/user]").encode()
    )
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=True), match_all=True)
    chance = random.Random(5)
    texts = seeds()
    bodies = [*Mix(seed=4).pages(2_000), *(page([text], chance) for text in texts)]
    bodies += [page([mutate(chance, texts) for _ in range(5)], chance) for _ in range(MUTATED_PAGES)]
    digest = hashlib.sha256()
    for prefilter in (True, False):
        reader = _core.Scanner(rules, _core.Numbering(), prefilter=prefilter)
        for body in bodies:
            batch = reader.scan_page(body, _core.Origin())
            digest.update(batch.text + repr((batch.messages, batch.malformed, batch.truncated)).encode())
    print(_core.implementation(), "/", digest.hexdigest())


if __name__ == "__main__":
    main()
