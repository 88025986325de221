"""What can be wrong with a configuration."""


class ConfigError(ValueError):
    """The configuration cannot be used. The message says what, where (file, line, column) and what to do."""


class SettingError(ConfigError):
    """A section cannot be used. `load` puts the name of the main file in front, where Falco does."""


class ConfigFileError(ConfigError):
    """A configuration file cannot be read, or is not YAML. The message says which one, where and why."""


class PluginError(ConfigError):
    """A plugin cannot be initialised as it is configured. Falco finds that out when it loads the plugin."""
