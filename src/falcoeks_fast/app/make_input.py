"""Chooses the input by the loaded plugins.

In: the configuration. Out: an `Input`. Called when the program starts to run.
"""

from __future__ import annotations

from falcoeks_fast.config import Config
from falcoeks_fast.config.model import AuditSettings, EksSettings, Plugin
from falcoeks_fast.poller.settings import TimeRange

from .delivery import Delivery
from .evaluation import Evaluation
from .inputs import Input, InputError
from .line_sink import EngineLineSink
from .page_sink import EnginePageSink
from .unusable_input import UnusableInput


def make_input(config: Config, evaluation: Evaluation, delivery: Delivery, time_range: TimeRange | None) -> Input:
    """The input; one that can never work says so when it is started. Raises InputError if there is nothing to read."""
    for plugin in config.plugins:
        if plugin.settings is None:
            continue
        try:
            return _input(plugin, config, evaluation, delivery, time_range)
        except InputError as error:
            return UnusableInput(plugin.name, plugin.open_params, error)
    raise InputError(
        "nothing to read: configure plugin k8saudit-eks in falco.yaml, or give --cluster NAME --region REGION, or "
        "--events FILE"
    )


def _input(
    plugin: Plugin, config: Config, evaluation: Evaluation, delivery: Delivery, time_range: TimeRange | None
) -> Input:
    settings = plugin.settings
    if isinstance(settings, EksSettings):
        from .cloudwatch_input import CloudWatchInput

        names = [cluster.name for cluster in settings.clusters]
        sink = EnginePageSink(evaluation, delivery, ambiguous_names={n for n in names if names.count(n) > 1})
        return CloudWatchInput(settings, config.own, sink, time_range=time_range)
    from .line_input import line_input

    assert isinstance(settings, AuditSettings)
    return line_input(settings, EngineLineSink(evaluation, delivery, plugin.name))
