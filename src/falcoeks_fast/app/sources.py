"""Which event sources are on.

In: `--enable-source`, `--disable-source`, the sources that plugins provide. Out: nothing, or an error. Called before
rules are loaded. There is one source here, k8s_audit; `syscall` is known, since the Helm chart's command line switches
it off.
"""

from __future__ import annotations

from collections.abc import Collection

from falcoeks_fast.config import ConfigError

AUDIT_SOURCE = "k8s_audit"
_SYSCALL_SOURCE = "syscall"


def check_sources(enabled: Collection[str], disabled: Collection[str], provided: Collection[str]) -> None:
    """Raises ConfigError unless k8s_audit stays on.

    Where no plugin provides it, only who chooses among sources hears of it here: rules can be checked without one.
    """
    known = (_SYSCALL_SOURCE, *provided)
    if enabled and disabled:
        raise ConfigError("You can not mix --enable-source and --disable-source")
    for names, verb in ((enabled, "enabling"), (disabled, "disabling")):
        for name in names:
            if name not in known:
                raise ConfigError(f"Attempted {verb} an unknown event source: {name}; known are {', '.join(known)}")
    if not (enabled or disabled):
        return
    if AUDIT_SOURCE not in provided:
        raise ConfigError(f"Must enable at least one event source: no loaded plugin provides {AUDIT_SOURCE}")
    if AUDIT_SOURCE in disabled or (enabled and AUDIT_SOURCE not in enabled):
        raise ConfigError(f"Must enable at least one event source: {AUDIT_SOURCE} is the only one here")
