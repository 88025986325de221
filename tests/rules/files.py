"""Rule files for tests: short ways to write them, to load them and to look at what came out."""

from __future__ import annotations

import textwrap
from typing import Any

from falcoeks_fast.rules import LoadResult, LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.files.diagnostics import Diagnostic

RULE = """\
- rule: {name}
  desc: d
  condition: {condition}
  output: {output}
  priority: {priority}
  source: {source}
"""


def rule(
    name: str = "r",
    condition: str = "ka.verb = get",
    more: str = "",
    *,
    output: str = "v=%ka.verb",
    priority: str = "NOTICE",
    source: str = "k8s_audit",
) -> str:
    """A rule; `more` is further keys, at no indentation."""
    text = RULE.format(name=name, condition=condition, output=output, priority=priority, source=source)
    return text + textwrap.indent(textwrap.dedent(more), "  ") + ("\n" if more else "")


def load(*texts: str, **settings: Any) -> LoadResult:
    """Load texts as files f0.yaml, f1.yaml, ..."""
    files = [RuleFile(f"f{number}.yaml", textwrap.dedent(text).encode()) for number, text in enumerate(texts)]
    return load_rules(files, LoadSettings(**settings))


def good(*texts: str, **settings: Any) -> LoadResult:
    """As `load`; it must succeed."""
    result = load(*texts, **settings)
    assert result.successful, result.error_text
    return result


def failure(*texts: str, **settings: Any) -> Diagnostic:
    """The error of the last file; loading must fail there."""
    result = load(*texts, **settings)
    assert not result.successful
    (error,) = result.reports[-1].errors
    return error


def warnings(result: LoadResult, number: int = -1) -> list[str]:
    """The codes of a file's warnings, in order."""
    return [str(warning.code) for warning in result.reports[number].warnings]


def condition(result: LoadResult, name: str = "r") -> str:
    """What a rule's condition became."""
    text: str = result.describe(name)["rules"][0]["details"]["condition_compiled"]
    return text
