"""One loaded set of rules, ready to evaluate.

In: the configuration and the loader's plan. Out: `Generation`, immutable but for the compiled predicates that are
attached later. Called at start and at each reload.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

from falcoeks_fast.config.model import AlertFormat, Config
from falcoeks_fast.engine._core import Format, RuleSet
from falcoeks_fast.engine.statistics import RuleFacts
from falcoeks_fast.rules.plan import Plan

from .suppress import Suppressor
from .suppress_keys import key_style

_HOSTNAME_VARIABLE = "FALCO_HOSTNAME"


@dataclass(frozen=True, slots=True)
class Generation:
    """`facts` and `priorities` by rule index. `suppressor`: None where nothing is held back."""

    rules: RuleSet
    plan: Plan
    facts: tuple[RuleFacts, ...]
    priorities: tuple[int, ...] = field(default=())
    suppressor: Suppressor | None = None


def make_generation(config: Config, plan: Plan) -> Generation:
    """Raises PlanError if the core refuses the plan, which would be a defect of ours."""
    rules = RuleSet(
        plan.wire(),
        plan.predicate_digest(),
        alert_format(config),
        match_all=config.match_all,
    )
    facts = tuple(
        RuleFacts(
            rule.name.decode("utf-8", "replace"),
            rule.priority,
            rule.source.decode("utf-8", "replace"),
            tuple(tag.decode("utf-8", "replace") for tag in rule.tags),
        )
        for rule in plan.rules
    )
    suppressor = Suppressor(config.own.suppress, key_style(config)) if config.own.suppress else None
    return Generation(rules, plan, facts, tuple(rule.priority for rule in plan.rules), suppressor)


def alert_format(config: Config) -> Format:
    """How alerts are written under this configuration."""
    return make_format(config.alerts, len(cluster_names(config)) > 1, plugin_name(config))


def make_format(alerts: AlertFormat, several_clusters: bool, plugin: str) -> Format:
    return Format(
        json_output=alerts.json_output,
        include_output=alerts.include_output,
        include_message=alerts.include_message,
        include_output_fields=alerts.include_output_fields,
        include_tags=alerts.include_tags,
        iso8601=alerts.iso8601,
        raw_text=alerts.raw_text,
        alert_id=alerts.alert_id,
        origin_fields=several_clusters,
        host_info=alerts.host_info,
        hostname=host_name(),
        plugin=plugin,
    )


def host_name() -> str:
    """FALCO_HOSTNAME, even an empty one, else the machine's name."""
    return os.environ.get(_HOSTNAME_VARIABLE, "") if hostname_overridden() else socket.gethostname()


def event_host_name(config: Config) -> str:
    """The value of `evt.hostname`."""
    return host_name() if config.alerts.host_info else ""


def hostname_overridden() -> bool:
    return _HOSTNAME_VARIABLE in os.environ


def plugin_name(config: Config) -> str:
    """The plugin that provides events."""
    return next((plugin.name for plugin in config.plugins if plugin.settings is not None), "k8saudit-eks")


def cluster_names(config: Config) -> list[str]:
    """Names of the clusters to read; empty for other sources."""
    return [cluster.name for plugin in config.plugins for cluster in getattr(plugin.settings, "clusters", ())]
