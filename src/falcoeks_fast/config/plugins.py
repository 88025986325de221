"""The plugins section: which plugins are loaded, and their init_config (spec: config 2.6).

In: the merged tree. Out: `Plugin` values in load order. Called by `load`. There are no libraries to load: the names
k8saudit-eks, k8saudit and json are built in. What is wrong with an init_config is kept until somebody wants to use the
plugins: versions and lists of plugins are printed all the same (spec: cli 3.2).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection

from .errors import ConfigError, PluginError
from .model import AuditSettings, ClusterSettings, EksSettings, Plugin
from .tree import Mapping, Node, Place, Scalar, Sequence, null_scalar
from .values import bad_conversion, get_nodes, get_text, get_texts, has, is_absent, to_bool, to_int

PLUGIN_VERSIONS = {"k8saudit-eks": "0.12.0", "k8saudit": "0.18.0", "json": "0.7.4"}
_HARMLESS = ("container",)  # packages ship `load_plugins: [container]`; it adds nothing to audit events
_CLUSTER_KEYS = ("name", "region", "account", "profile", "role_arn", "external_id", "endpoint_url")


def read_plugins(tree: Mapping) -> tuple[tuple[Plugin, ...], list[str]]:
    """The plugins to use, and lines for the log. Raises ConfigError."""
    configured: dict[str, Mapping] = {}
    names: list[str] = []
    for item in get_nodes(tree, "plugins"):
        if not isinstance(item, Mapping):
            raise bad_conversion(item, "an entry of 'plugins' must be a mapping with name and library_path")
        name = get_text(item, "name")
        if not name:
            raise bad_conversion(item, "an entry of 'plugins' has no name")
        configured.setdefault(name, item)
        names.append(name)
    if has(tree, "load_plugins"):
        names = get_texts(tree, "load_plugins")
    plugins: list[Plugin] = []
    notes: list[str] = []
    for name in names:
        if name in _HARMLESS:
            notes.append(f"Plugin '{name}' is left out: it adds nothing to k8s_audit events")
            continue
        if name not in configured:
            raise ConfigError(f"Cannot load plugin '{name}': plugin config not found for given name")
        if name not in PLUGIN_VERSIONS:
            close = difflib.get_close_matches(name, PLUGIN_VERSIONS, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; built in are {', '.join(PLUGIN_VERSIONS)}"
            raise ConfigError(
                f"{configured[name].place}: plugin '{name}' is not built in, and this program loads no libraries{hint}"
            )
        plugins.append(_read_plugin(name, configured[name]))
    return tuple(plugins), notes


def check_plugins(plugins: Collection[Plugin]) -> None:
    """Raises PluginError for the first one that cannot be initialised, ConfigError for two that exclude each other."""
    check_names(plugins)
    for plugin in plugins:
        if plugin.problem:
            raise PluginError(plugin.problem)
    if {"k8saudit", "k8saudit-eks"} <= {plugin.name for plugin in plugins}:
        raise ConfigError(
            "Plugin 'k8saudit-eks' supports extraction of field 'ka.auditid' that is overlapping for source 'k8s_audit'"
            " with 'k8saudit': load either k8saudit or k8saudit-eks"
        )


def check_names(plugins: Collection[Plugin]) -> None:
    """Raises PluginError for one that is there twice: Falco finds that out before it looks at their settings."""
    seen: set[str] = set()
    for plugin in plugins:
        if plugin.name in seen:
            raise PluginError(
                f"cannot register plugin {plugin.library_file or plugin.name} in inspector: found another plugin with "
                f"name {plugin.name}. Aborting."
            )
        seen.add(plugin.name)


def _read_plugin(name: str, node: Mapping) -> Plugin:
    library = get_text(node, "library_path")
    if not library.startswith("/") and ".." in library.split("/"):
        raise ConfigError(
            f"{node.place}: library_path of plugin '{name}' must not leave the plugins directory: '{library}'"
        )
    init = node.entries.get("init_config")
    if isinstance(init, Sequence):
        raise ConfigError(f"{init.place}: init_config of plugin '{name}' must be a mapping of settings, or JSON text")
    open_params = "" if is_absent(node, "open_params") else get_text(node, "open_params").strip()
    try:
        settings = _settings(name, _InitConfig(name, _init_mapping(name, init, node.place)), open_params)
    except PluginError as error:
        return Plugin(name, library, open_params, None, problem=str(error))
    return Plugin(name, library, open_params, settings)


def _settings(name: str, init: _InitConfig, open_params: str) -> EksSettings | AuditSettings | None:
    if name == "k8saudit-eks":
        init.check_switch("use_async")
        return _eks(init, open_params)
    init.check_switch("useAsync")
    return _audit(init, open_params) if name == "k8saudit" else None


def _init_mapping(plugin: str, node: Node | None, place: Place) -> Mapping:
    """init_config as a mapping; text in it is JSON."""
    if isinstance(node, Mapping):
        return node
    if not isinstance(node, Scalar) or node.is_null or not node.text.strip():
        return Mapping({}, place)
    try:
        value = json.loads(node.text)
    except ValueError as error:
        raise PluginError(
            f"error in plugin {plugin}: init config is not a valid json ({node.place}: {error})"
        ) from error
    converted = _from_json(value, node.place)
    if not isinstance(converted, Mapping):
        raise _wrong_type(plugin, "", node)
    return converted


def _from_json(value: object, place: Place) -> Node:
    if isinstance(value, dict):
        return Mapping({str(key): _from_json(item, place) for key, item in value.items()}, place)
    if isinstance(value, list):
        return Sequence([_from_json(item, place) for item in value], place)
    if value is None:
        return null_scalar(place)
    return Scalar(json.dumps(value) if isinstance(value, bool | int | float) else str(value), place)


def _wrong_type(plugin: str, where: str, node: Node) -> PluginError:
    return PluginError(
        f"error in plugin {plugin} init config: In <root>{where}, Value type not permitted by 'type' constraint. "
        f"({node.place})"
    )


class _InitConfig:
    """Typed access to one plugin's settings; strings may be any scalar, numbers must be whole and not negative, and
    null is not given."""

    def __init__(self, plugin: str, tree: Mapping) -> None:
        self.plugin = plugin
        self.tree = tree

    def text(self, key: str, default: str = "") -> str:
        if is_absent(self.tree, key):
            return default
        node = self.tree.entries[key]
        if not isinstance(node, Scalar):
            raise _wrong_type(self.plugin, f"[{key}]", node)
        return node.text

    def number(self, key: str, default: int, *, zero_is_default: bool = True) -> int:
        if is_absent(self.tree, key):
            return default
        node = self.tree.entries[key]
        value = to_int(node.text) if isinstance(node, Scalar) else None
        if value is None or value < 0:
            raise _wrong_type(self.plugin, f"[{key}]", node)
        return default if value == 0 and zero_is_default else value

    def check_switch(self, key: str) -> None:
        """A setting without effect here, which Falco refuses if it is no boolean."""
        node = self.tree.entries.get(key)
        if node is None or is_absent(self.tree, key):
            return
        if not isinstance(node, Scalar) or to_bool(node.text) is None:
            raise _wrong_type(self.plugin, f"[{key}]", node)


def _eks(settings: _InitConfig, open_params: str) -> EksSettings:
    """`clusters` is ours: names, or mappings; what an entry leaves out comes from the settings around it.

    No cluster at all is found out when the source is opened: rules can be checked without one.
    """
    clusters: list[ClusterSettings] = []
    nodes = get_nodes(settings.tree, "clusters")
    if open_params:
        nodes.insert(0, Scalar(open_params, settings.tree.place))
    for node in nodes:
        clusters.append(_cluster(settings, node))
    keys = [(cluster.name, cluster.region, cluster.account) for cluster in clusters]
    for key in keys:
        if keys.count(key) > 1:
            raise PluginError(f"plugin 'k8saudit-eks' names cluster '{key[0]}' twice ({settings.tree.place})")
    return EksSettings(
        clusters=tuple(clusters),
        shift_s=settings.number("shift", 1),
        polling_interval_s=settings.number("polling_interval", 5),
        buffer_size=settings.number("buffer_size", 200),
        max_event_size_bytes=settings.number("max_event_size", 0),
    )


def _cluster(settings: _InitConfig, node: Node) -> ClusterSettings:
    around = {key: settings.text(key) for key in _CLUSTER_KEYS if key != "name"}
    if isinstance(node, Scalar) and not node.is_null:
        return ClusterSettings(name=node.text, **around)
    if not isinstance(node, Mapping):
        raise PluginError(f"{node.place}: an entry of 'clusters' must be a name or a mapping with 'name'")
    for key in node.entries:
        if key not in _CLUSTER_KEYS:
            close = difflib.get_close_matches(key, _CLUSTER_KEYS, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(_CLUSTER_KEYS)}"
            raise PluginError(f"{node.place_of(key)}: unknown setting '{key}' of a cluster{hint}")
    own = {key: get_text(node, key) for key in _CLUSTER_KEYS if not is_absent(node, key)}
    if not own.get("name"):
        raise PluginError(f"{node.place}: an entry of 'clusters' has no name")
    return ClusterSettings(**(around | own))


def _audit(settings: _InitConfig, open_params: str) -> AuditSettings:
    return AuditSettings(
        open_params=open_params,
        ssl_certificate=settings.text("sslCertificate", "/etc/falco/falco.pem"),
        max_event_size_bytes=settings.number("maxEventSize", 0),
        webhook_max_batch_bytes=settings.number("webhookMaxBatchSize", 12_582_912),
    )
