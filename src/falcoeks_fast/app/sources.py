"""Which event sources are on.

In: `--enable-source`, `--disable-source`. Out: nothing, or an error. Called before rules are loaded. There is one
source here, k8s_audit; `syscall` is known, since the Helm chart's command line switches it off.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcoeks_fast.config import ConfigError

AUDIT_SOURCE = "k8s_audit"
KNOWN = ("syscall", AUDIT_SOURCE)


def check_sources(enabled: Sequence[str], disabled: Sequence[str]) -> None:
    """Raises ConfigError unless k8s_audit stays on."""
    if enabled and disabled:
        raise ConfigError("You can not mix --enable-source and --disable-source")
    for name in (*enabled, *disabled):
        if name not in KNOWN:
            raise ConfigError(f"Attempted switching an unknown event source '{name}'; known are {', '.join(KNOWN)}")
    if AUDIT_SOURCE in disabled or (enabled and AUDIT_SOURCE not in enabled):
        raise ConfigError(f"Must enable at least one event source: {AUDIT_SOURCE} is the only one here")
