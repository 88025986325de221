"""The log: Falco's form, and nothing of foreign origin that could pass for a line of ours."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.config.model import LogSettings
from falcoeks_fast.engine.escaping import escape_lines, escape_text
from falcoeks_fast.engine.internal_alerts import CRITICAL, InternalFormat, internal_alert
from falcoeks_fast.log import NOTICE, ROOT, Lines, set_up_log

LOG = logging.getLogger("falcoeks_fast.test")
CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = ROOT.handlers, ROOT.level, ROOT.propagate
    yield
    ROOT.handlers, ROOT.level, ROOT.propagate = before[0], before[1], before[2]


def test_falcos_line(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_log(LogSettings())
    LOG.info("hello %s", "you")
    LOG.debug("not this")
    assert re.fullmatch(
        r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: hello you\n", capfd.readouterr().err
    )


def test_iso_times_levels_and_json(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_log(LogSettings(iso8601=True, level="notice"))
    LOG.info("not this")
    LOG.log(NOTICE, "this")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000: this\n", capfd.readouterr().err)
    set_up_log(LogSettings(json=True))
    LOG.warning("%s", 'a "b"\n')
    line = json.loads(capfd.readouterr().err)
    assert (line["level"], line["message"]) == ("warning", 'a "b"\\n')


def test_nobody_can_forge_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_log(LogSettings())
    LOG.warning("rule %s: %s", "x\nMon Jan  1: all is well\x1b[2K", Lines("one\ntwo\r\x1b"))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in "".join(lines)
    assert "x\\nMon Jan  1: all is well\\u001b[2K: one" in lines[0]


def test_no_log_at_all(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_log(LogSettings(stderr=False))
    LOG.critical("unheard")
    assert capfd.readouterr() == ("", "")


@given(st.text())
def test_escaping_leaves_no_control_character(text: str) -> None:
    assert not CONTROLS.search(escape_text(text))
    assert not CONTROLS.search(escape_lines(text).replace("\n", ""))
    escape_text(text).encode()


@given(st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_escaping_leaves_ordinary_text_alone(text: str) -> None:
    assert escape_text(text) == text


def test_internal_alerts_as_text_and_json() -> None:
    fields = {"b": 1, "a": "x\ny", "c": None}
    text = internal_alert(InternalFormat(False, True, "h"), "R", CRITICAL, "bad\nthing", fields, 1_500_000_000)
    assert text.body == b'1970-01-01T00:00:01.500000000+0000: Critical bad\\nthing (a="x\\ny" b=1 c=null)'
    as_json = internal_alert(InternalFormat(True, False, "h"), "R", CRITICAL, "bad\nthing", fields, 1_500_000_000)
    record = json.loads(as_json.body)
    assert list(record) == ["hostname", "output", "output_fields", "priority", "rule", "source", "time"]
    assert (record["output"], record["source"], record["time"]) == (
        "bad\nthing",
        "internal",
        "1970-01-01T00:00:01.500000000Z",
    )
    assert len(as_json.id) == 32
