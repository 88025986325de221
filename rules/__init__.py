"""Rules: from rule files to a plan that the engine runs.

In: the bytes of rule files. Out: a `LoadResult` with the plan, the reports and the descriptions. No event ever passes
through this package, and it imports neither the engine nor the poller.
"""

from falcoeks_fast.rules.files.append_output import AppendOutput
from falcoeks_fast.rules.files.report import FileReport, results_json
from falcoeks_fast.rules.files.selection import Selection
from falcoeks_fast.rules.load import LoadResult, LoadSettings, RuleFile, RuleInfo, load_rules

__all__ = [
    "AppendOutput",
    "FileReport",
    "LoadResult",
    "LoadSettings",
    "RuleFile",
    "RuleInfo",
    "Selection",
    "load_rules",
    "results_json",
]
