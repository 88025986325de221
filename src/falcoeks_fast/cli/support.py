"""`--support`: one JSON object with what a bug report needs. Credentials in it are blacked out.

In: the configuration, the rules files. Out: JSON on one line. Called by `run`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from falcoeks_fast.app.plugins import loaded_plugins
from falcoeks_fast.app.rule_loading import LoadedRules
from falcoeks_fast.config import Config
from falcoeks_fast.config.tree import render_flow
from falcoeks_fast.rules import RuleFile
from falcoeks_fast.versions import FALCO_VERSION, version_fields

_URL_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'@]*@")
_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|api_?key|access_?key|authorization|credential")
_SECRET_SETTING = re.compile(
    rf"(?i)((?:{_SECRET_NAME.pattern[4:]})[\w-]*[\"']?\s*[:=]\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,}}\]]+)"
)
_SECRET_HEADER = re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{6,}")
_BLACK = "[redacted]"


def support_json(config: Config, loaded: LoadedRules, contents: Sequence[RuleFile], command: Sequence[str]) -> str:
    system = os.uname()
    document = {
        "version": FALCO_VERSION,
        "engine_info": version_fields(loaded_plugins(config)),
        "cmdline": " ".join(map(_shown_argument, command)),
        "config": render_flow(config.tree, _shown_setting),
        "rules_files": [
            {"name": file.name, "variants": [{"content": file.content.decode("utf-8", "replace")}]} for file in contents
        ],
        "system_info": {
            "sysname": system.sysname,
            "nodename": system.nodename,
            "release": system.release,
            "version": system.version,
            "machine": system.machine,
        },
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def redacted(text: str) -> str:
    """Credentials of URLs, values of settings named like secrets, and authorization headers blacked out."""
    text = _URL_CREDENTIALS.sub(rf"\1{_BLACK}@", text)
    text = _SECRET_HEADER.sub(rf"\1{_BLACK}", text)
    return _SECRET_SETTING.sub(rf'\1"{_BLACK}"', text)


def _shown_setting(key: str, text: str) -> str:
    return _BLACK if _SECRET_NAME.search(key) else redacted(text)


def _shown_argument(argument: str) -> str:
    """An option is blacked out whole behind its first `=` if its name is that of a secret."""
    key, equals, _ = argument.partition("=")
    return f"{key}={_BLACK}" if equals and _SECRET_NAME.search(key) else redacted(argument)
