"""falco.yaml: from files, environment and options to one frozen `Config`."""

from .errors import ConfigError, ConfigFileError, PluginError
from .load import default_path, load_config, require_metrics, require_outputs
from .model import Config
from .plugins import check_names, check_plugins

__all__ = [
    "Config",
    "ConfigError",
    "ConfigFileError",
    "PluginError",
    "check_names",
    "check_plugins",
    "default_path",
    "load_config",
    "require_metrics",
    "require_outputs",
]
