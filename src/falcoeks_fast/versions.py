"""Which Falco this program stands in for, and what it says about versions.

In: nothing. Out: the texts of `--version`, `/versions` and `--support`. Called by the command line and the web server.
falcoctl compares the requirements of rules artifacts with these.
"""

from __future__ import annotations

import platform

from . import __version__

FALCO_VERSION = "0.44.1"
LIBS_VERSION = "0.25.4"
PLUGIN_API_VERSION = "3.12.0"
ENGINE_VERSION = "0.62.0"
DRIVER_API_VERSION = "10.0.0"
DRIVER_SCHEMA_VERSION = "4.3.0"
DRIVER_VERSION = "10.2.0+driver"


def version_text() -> str:
    return (
        f"Falco version: {FALCO_VERSION}\n"
        f"Libs version:  {LIBS_VERSION}\n"
        f"Plugin API:    {PLUGIN_API_VERSION}\n"
        f"Engine:        {ENGINE_VERSION}\n"
        "Driver:\n"
        f"  API version:    {DRIVER_API_VERSION}\n"
        f"  Schema version: {DRIVER_SCHEMA_VERSION}\n"
        f"  Default driver: {DRIVER_VERSION}\n"
        f"falcoeks-fast: {__version__}"
    )


def version_fields(plugins: dict[str, str] | None = None) -> dict[str, object]:
    """The object of `--version` in JSON; with `plugins` (name to version) that of `/versions`."""
    fields: dict[str, object] = {
        "default_driver_version": DRIVER_VERSION,
        "driver_api_version": DRIVER_API_VERSION,
        "driver_schema_version": DRIVER_SCHEMA_VERSION,
        "engine_version": ENGINE_VERSION.split(".")[1],
        "engine_version_semver": ENGINE_VERSION,
        "falco_version": FALCO_VERSION,
        "falcoeks_fast_version": __version__,
        "libs_version": LIBS_VERSION,
        "plugin_api_version": PLUGIN_API_VERSION,
    }
    if plugins is not None:
        fields["plugin_versions"] = dict(sorted(plugins.items()))
    return dict(sorted(fields.items()))


def machine() -> str:
    return platform.machine()
