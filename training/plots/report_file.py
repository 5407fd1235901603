"""Reports that `training.evaluate --json` wrote, read for drawing."""

import json
from pathlib import Path
from typing import Any

from training.plots.errors import PlotError


def read_json(path: Path) -> Any:
    """Reads a file of JSON.

    Raises:
        PlotError: it is missing or is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlotError(f"The report {path} cannot be read: {error}.") from error
    except ValueError as error:
        raise PlotError(f"The report {path} is not JSON: {error}.") from error
