"""CloudWatch Logs as an input: configuration to poller settings.

In: the plugin's and our own settings, a page sink. Out: an `Input`. Called by the program when k8saudit-eks is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, NoRegionError

from falcoeks_fast.config.model import ClusterSettings, EksSettings, OwnSettings
from falcoeks_fast.poller.page import Cluster, PageSink
from falcoeks_fast.poller.session import chosen_profile, chosen_region
from falcoeks_fast.poller.settings import BudgetSettings, PollerSettings, TimeRange, TrailingPass
from falcoeks_fast.poller.source import CloudWatchSource, Progress
from falcoeks_fast.poller.status import SourceStatus

from .inputs import InputError
from .source_log import to_log

_log = logging.getLogger("falcoeks_fast.source")


class CloudWatchInput:
    """Implements `Input`. `time_range`: read it and end."""

    plugin = "k8saudit-eks"

    def __init__(
        self,
        eks: EksSettings,
        own: OwnSettings,
        sink: PageSink,
        *,
        on_status: Callable[[SourceStatus], None] | None = None,
        time_range: TimeRange | None = None,
    ) -> None:
        """Raises InputError."""
        clusters = tuple(resolve_cluster(cluster) for cluster in eks.clusters)
        self.description = ", ".join(f"{cluster.log_group} in {cluster.region}" for cluster in clusters)
        try:
            settings = poller_settings(eks, own, clusters, time_range)
        except ValueError as error:
            raise InputError(str(error)) from error
        self._source = CloudWatchSource(
            settings, sink, on_message=to_log, on_status=on_status, on_progress=_log_progress if time_range else None
        )

    def start(self) -> None:
        self._source.start()

    def stop(self) -> None:
        self._source.stop()

    def join(self, timeout_s: float | None) -> bool:
        return self._source.join(timeout_s)

    @property
    def error(self) -> str:
        return self._source.error

    def status(self) -> SourceStatus | None:
        return self._source.status()


def poller_settings(
    eks: EksSettings, own: OwnSettings, clusters: tuple[Cluster, ...], time_range: TimeRange | None
) -> PollerSettings:
    """Raises ValueError for what can never work."""
    defaults = PollerSettings(clusters)
    ceiling = own.ceiling_calls_per_second
    floor = min(defaults.budget.floor, ceiling)
    trailing = tuple(TrailingPass(entry.name, int(entry.lag_s * 1000)) for entry in own.passes)
    return PollerSettings(
        clusters=clusters,
        shift_ms=eks.shift_s * 1000,
        polling_interval_ms=eks.polling_interval_s * 1000,
        trailing=trailing or defaults.trailing,
        budget=BudgetSettings(start=min(defaults.budget.start, ceiling), ceiling=ceiling, floor=floor),
        max_catch_up_ms=int(own.max_catch_up_s * 1000),
        time_range=time_range,
        threads=own.fetch_threads,
        state_dir=Path(own.state_dir),
        status_every_s=own.status_interval_s,
    )


def resolve_cluster(settings: ClusterSettings) -> Cluster:
    """Region and profile as the plugin finds them. Raises InputError."""
    try:
        profile = chosen_profile(settings.profile or None)
        region = chosen_region(settings.region or None, profile)
    except NoRegionError as error:
        raise InputError(
            f"no AWS region for cluster '{settings.name}': set region in init_config of plugin k8saudit-eks, or the "
            "environment variable AWS_REGION"
        ) from error
    except BotoCoreError as error:
        raise InputError(f"cluster '{settings.name}': {error}") from error
    return Cluster(
        name=settings.name,
        region=region,
        account=settings.account,
        profile=profile,
        role_arn=settings.role_arn or None,
        external_id=settings.external_id or None,
        endpoint_url=settings.endpoint_url or None,
    )


def _log_progress(progress: Progress) -> None:
    _log.debug(
        "read %d of %d s of the log, %d events", progress.done_ms // 1000, progress.total_ms // 1000, progress.events
    )
