"""The image that Lambda runs zips in, for `sam local`: AWS's own where BASE_IMAGE is that, else a stand-in of it.

The stand-in has what AWS documents of it: Python in the version of the base, the runtime client outside the code's
folder, /var/runtime/bootstrap to start it, and nothing else that the code could import.
"""

from .engine import Engine

_NAME = "hark-lambda-python:local"
_RECIPE = """
FROM {image}
RUN mkdir -p /var/runtime \\
    && cp -r awslambdaric simplejson snapshot_restore_py.py runtime_client*.so /var/runtime/ \\
    && printf '#!/bin/sh\\nPYTHONPATH=/var/runtime exec python3 -m awslambdaric "$_HANDLER"\\n' \\
        > /var/runtime/bootstrap \\
    && chmod 755 /var/runtime/bootstrap && rm -rf /var/task/*
ENV PYTHONPATH="" LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
ENTRYPOINT []
CMD []
"""
_LOOK = "import os; print(os.access('/var/runtime/bootstrap', os.X_OK))"


def provide(engine: Engine, base: str, image: str) -> str:
    """Returns the name of an image to give to `sam local invoke --invoke-image`.

    Args:
        engine: that has the others, and gets this one.
        base: what ours is built on.
        image: ours, which has the runtime client.

    Raises:
        CommandError: it cannot be made.
    """
    options = ["--rm", "--pull=never", "--network=none", "--entrypoint", "python3"]
    if engine.docker("run", *options, base, "-c", _LOOK).stdout.strip() == "True":
        return base
    engine.docker("build", "--quiet", "--tag", _NAME, "-", stdin=_RECIPE.format(image=image))
    return _NAME
