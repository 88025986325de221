"""Outcomes of rule tests as JUnit XML, the form that CI systems read.

In: a run. Out: bytes, UTF-8. Called by the `test` command. One test suite for each file, one test case for each test.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from .runner import TestRun

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(run: TestRun) -> bytes:
    root = ET.Element("testsuites", name="falcoeks-fast test", tests=str(run.total), failures=str(run.failed))
    for file in run.files:
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_clean(file.file.path),
            tests=str(len(file.outcomes)),
            failures=str(file.failed),
            errors="0",
            skipped="0",
        )
        for outcome in file.outcomes:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=_clean(file.file.path),
                name=_clean(outcome.case.name),
                file=_clean(outcome.case.file),
                line=str(outcome.case.line),
            )
            for failure in outcome.failures:
                message = _clean(failure.partition("\n")[0])
                ET.SubElement(case, "failure", message=message).text = _clean(failure)
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _clean(text: str) -> str:
    """XML 1.0 has no way to write most control characters."""
    return _NOT_IN_XML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
