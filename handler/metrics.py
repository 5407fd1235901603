"""Figures for CloudWatch, in its embedded metric format: what was transcribed, how fast, and what was refused and why.

Metrics with a dimension of their own, the stage or the kind of refusal, are lines of their own in the log.
Source: AWS, "Embedded metric format specification".
"""

import os

from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled

from hark.pipeline import Timings

NAMESPACE = "Hark"
# The stack's name on AWS, by which the dashboards of two stacks are told apart.
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME") or "hark"


def collector() -> Metrics:
    """Returns what collects the metrics of one invocation; a module that handles events has one."""
    return Metrics(namespace=NAMESPACE, service=SERVICE)


def processing_ms(timings: Timings) -> float:
    """Returns what all stages took but waiting for S3, which is no measure of the model."""
    return timings.total_ms - timings.stages_ms.get("download", 0.0)


def transcribed(metrics: Metrics, duration_s: float, timings: Timings) -> None:
    """Measures a recording that was transcribed."""
    metrics.add_metric("AudioDuration", MetricUnit.Seconds, duration_s)
    metrics.add_metric("ProcessingTime", MetricUnit.Milliseconds, processing_ms(timings))
    metrics.add_metric("RealTimeFactor", MetricUnit.NoUnit, processing_ms(timings) / 1000 / duration_s)
    for stage, ms in timings.stages_ms.items():
        _alone("StageTime", MetricUnit.Milliseconds, ms, stage=stage)


def used_by_key(name: str, duration_s: float) -> None:
    """Measures what a key was used for, under its name; never the key."""
    _alone("KeyAudioDuration", MetricUnit.Seconds, duration_s, key=name)


def refused(metrics: Metrics, code: str) -> None:
    """Measures a request that was refused, by the code its caller read."""
    metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
    _alone("Rejections", MetricUnit.Count, 1, kind=code)


def _alone(name: str, unit: MetricUnit, value: float, **dimensions: str) -> None:
    if is_metrics_disabled():  # which single metrics do not heed
        return
    with single_metric(
        name=name, unit=unit, value=value, namespace=NAMESPACE, default_dimensions={"service": SERVICE, **dimensions}
    ):
        pass
