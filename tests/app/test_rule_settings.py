"""The sections of falco.yaml about rules: what is taken for an entry of a list, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcoeks_fast.config import Config, ConfigError, load_config
from falcoeks_fast.config.model import Level

from .tools import write


def load(tmp_path: Path, text: str) -> Config:
    return load_config(write(tmp_path / "falco.yaml", text), (), {"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("x", (1, 17)),
        ("~", (1, 17)),
        ("{extra_fields: ka.verb}", (1, 32)),
        ("{extra_fields: {a: b}}", (1, 32)),
        ("{extra_fields: ~}", (1, 32)),
        ("{extra_fields: [{a: b, c: d}]}", (1, 33)),
        ("{extra_fields: [{a: b, c: [d]}]}", (1, 33)),
        ("{extra_fields: [~]}", (1, 33)),
        ("{extra_fields: [[a]]}", (1, 33)),
        ("{extra_output: [x]}", (1, 32)),
        ("{extra_output: {x: 1}}", (1, 32)),
        ("{match: {rule: [x]}}", (1, 32)),
        ("{match: {source: [x]}}", (1, 34)),
        ("{match: {tags: [[x]]}}", (1, 33)),
        ("{match: {tags: [~]}}", (1, 33)),
        ("{suggested_output: x}", (1, 36)),
        ("{suggested_output: [x]}", (1, 36)),
    ],
)
def test_entries_of_append_output_that_cannot_be_read(tmp_path: Path, entry: str, place: tuple[int, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"append_output: [{entry}]\n")
    line, column = place
    assert str(caught.value).startswith(f"yaml-cpp: error at line {line}, column {column}: bad conversion (")


@pytest.mark.parametrize(
    "entry", ["{}", "{match: ~}", "{match: []}", "{extra_fields: []}", "{extra_output: ~}", "{suggested_output: no}"]
)
def test_entries_of_append_output_that_say_little(tmp_path: Path, entry: str) -> None:
    assert len(load(tmp_path, f"append_output: [{entry}]\n").append_output) == 1


@pytest.mark.parametrize("tags", ["t1", "{a: b}"])
def test_tags_that_are_no_list_ask_for_nothing_and_get_a_warning(tmp_path: Path, tags: str) -> None:
    config = load(tmp_path, f"append_output: [{{match: {{tags: {tags}}}, extra_output: z}}]\n")
    assert config.append_output[0].tags == ()
    warnings = [notice.text for notice in config.notices if notice.level is Level.WARNING]
    assert any("'match.tags' is no list and asks for nothing" in text for text in warnings)


@pytest.mark.parametrize("entry", ["x", "~", "{}", "{enable: x}", "{enable: {}}", "{enable: {rule: [x]}}",
                                   "{disable: {rule: x, tag: [y]}}"])  # fmt: skip
def test_entries_of_rules_that_cannot_be_read(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ConfigError, match=r"^yaml-cpp: error at line 1, column \d+: bad conversion "):
        load(tmp_path, f"rules: [{entry}]\n")
