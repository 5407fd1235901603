"""Environment of the handler outside Lambda; import before `handler.app`."""

import os

# The log and the metrics are for CloudWatch; what the terminal shows is the server's own business.
_DEFAULTS = {
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
}


def prepare() -> None:
    """Sets what is not set yet."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
