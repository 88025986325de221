"""Chooses the input by the loaded plugins.

In: the configuration. Out: an `Input`. Called when the program starts to run.
"""

from __future__ import annotations

from falcoeks_fast.config import Config
from falcoeks_fast.config.model import AuditSettings, EksSettings
from falcoeks_fast.poller.settings import TimeRange

from .delivery import Delivery
from .evaluation import Evaluation
from .inputs import Input, InputError
from .line_sink import EngineLineSink
from .page_sink import EnginePageSink


def make_input(config: Config, evaluation: Evaluation, delivery: Delivery, time_range: TimeRange | None) -> Input:
    """Raises InputError if there is nothing to read, or it can never work."""
    for plugin in config.plugins:
        if isinstance(plugin.settings, EksSettings):
            from .cloudwatch_input import CloudWatchInput

            names = [cluster.name for cluster in plugin.settings.clusters]
            sink = EnginePageSink(evaluation, delivery, ambiguous_names={n for n in names if names.count(n) > 1})
            return CloudWatchInput(plugin.settings, config.own, sink, time_range=time_range)
        if isinstance(plugin.settings, AuditSettings):
            from .line_input import line_input

            return line_input(plugin.settings, EngineLineSink(evaluation, delivery, plugin.name))
    raise InputError(
        "nothing to read: configure plugin k8saudit-eks in falco.yaml, or give --cluster NAME --region REGION, or "
        "--events FILE"
    )
