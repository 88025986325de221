"""falco.yaml: from files, environment and options to one frozen `Config`."""

from .errors import ConfigError, ConfigFileError
from .load import default_path, load_config, require_outputs
from .model import Config

__all__ = ["Config", "ConfigError", "ConfigFileError", "default_path", "load_config", "require_outputs"]
