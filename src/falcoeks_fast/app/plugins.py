"""Which plugins are loaded, and what they bring: the event source, and fields.

In: the configuration. Out: names and versions, sources, the table of fields. Called wherever rules are loaded or fields
are listed.
"""

from __future__ import annotations

from falcoeks_fast.config import Config, ConfigError
from falcoeks_fast.config.plugins import PLUGIN_VERSIONS
from falcoeks_fast.rules.fields.lookup import Field, FieldClass, Fields

from .sources import AUDIT_SOURCE

_DEFAULT_PLUGINS = ("k8saudit-eks", "json")
_AUDIT_PLUGINS = ("k8saudit-eks", "k8saudit")


def loaded_plugins(config: Config) -> dict[str, str]:
    """Name to version; the usual two where the configuration says nothing, as for `compile` without a falco.yaml."""
    names = [plugin.name for plugin in config.plugins]
    if not config.names_plugins:
        names = list(_DEFAULT_PLUGINS)
    return {name: PLUGIN_VERSIONS[name] for name in names}


def audit_plugin(config: Config) -> str:
    """The loaded plugin that brings audit events and their fields; empty if there is none."""
    return next((name for name in loaded_plugins(config) if name in _AUDIT_PLUGINS), "")


def provided_sources(config: Config) -> frozenset[str]:
    return frozenset((AUDIT_SOURCE,)) if audit_plugin(config) else frozenset()


def known_fields(config: Config) -> Fields:
    """Raises ConfigError for an unknown name in field_fixes."""
    try:
        return Fields(config.own.field_fixes, dict(config.static_fields), loaded_plugins(config))
    except ValueError as error:
        raise ConfigError(f"falcoeks.field_fixes: {error}") from error


def fields_by_class(config: Config) -> dict[str, list[Field]]:
    """For listings; the class of the audit fields has the name of the plugin that is loaded. Raises ConfigError."""
    names = {FieldClass.AUDIT: f"{audit_plugin(config)} (plugin)"}
    return {names.get(group, group.value): fields for group, fields in known_fields(config).listing().items()}
