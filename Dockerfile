# The image that Lambda runs: handler, model and serving packages; no torch, no compiler, no pip cache.
# Any base with Python 3.13 as python3 (and, for the build stage, pip) will do.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13

FROM ${BASE_IMAGE} AS build
WORKDIR /build
# The packages come before the code, so that a change in hark/, handler/ or a newly trained model leaves this layer, the large
# one, as it is in every cache and registry. Each is a file whose hash `make lock` wrote down: whatever else an index may
# offer under the same name and version, this image is built of these or not at all.
COPY requirements-image.txt ./
# --no-compile: compiled below, once, in the way the image needs it.
RUN python3 -m pip install --no-cache-dir --no-compile --disable-pip-version-check --no-warn-script-location \
        --root-user-action=ignore --only-binary=:all: --no-deps --require-hashes \
        --target packages --requirement requirements-image.txt \
    # What nothing here calls: command-line tools, tests, headers and stubs, ONNX Runtime's tools for making models and the
    # protobuf that only they read, and the descriptions of AWS's services but S3 and Secrets Manager, which the functions speak to, and STS, from which
    # botocore may get its credentials.
    && rm -rf packages/bin packages/numpy/_core/include packages/numpy/f2py \
        packages/onnxruntime/backend packages/onnxruntime/datasets packages/onnxruntime/quantization \
        packages/onnxruntime/tools packages/onnxruntime/transformers packages/google \
    && find packages -type d -name tests -prune -exec rm -rf {} + \
    && find packages -name '*.pyi' -delete \
    && find packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name secretsmanager ! -name sts -exec rm -rf {} + \
    # Lambda runs as a user of its own, whatever umask files were made under.
    && chmod -R a+rX packages \
    # Importing from source takes three times as long as from bytecode, and Lambda cannot write bytecode back. Unchecked:
    # nothing edits these files, so no start spends time on comparing dates.
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s packages -p /var/task packages
# A C compiler that is a package like any other, so that every base has the same one; it stays behind in this stage.
COPY requirements-build.txt ./
RUN python3 -m pip install --no-cache-dir --no-compile --disable-pip-version-check --no-warn-script-location \
        --root-user-action=ignore --only-binary=:all: --no-deps --require-hashes \
        --target tools --requirement requirements-build.txt
COPY hark code/hark
COPY handler code/handler
# What is slow in NumPy, in C (see hark/compiled.py), for any processor of the kind that builds it and the C library of
# Amazon Linux 2023 or newer.
RUN PYTHONPATH=tools ZIG_GLOBAL_CACHE_DIR=/tmp/zig ZIG_LOCAL_CACHE_DIR=/tmp/zig python3 -m ziglang cc \
        -target "$(uname -m)-linux-gnu.2.34" -std=c11 -O3 -ffp-contract=off -Wall -Wextra -Werror -shared -fPIC -s \
        -o code/hark/native/libhark.so code/hark/native/filterbank.c code/hark/native/beam.c code/hark/native/align.c -lm \
    && rm code/hark/native/*.c
# lm.bin, the language model, need not be there: without it the endpoint decodes greedily. Nor need punctuation.onnx:
# without it text stays as it was spoken. Nor asr.attention.onnx, the attention decoder: without it nothing is decoded
# jointly. Nor small.onnx, the smaller recogniser, nor the .json files beside the recognisers, with the weights of their
# searches. Files whose names begin with a language of two letters are models of it, such as it.onnx and it.lm.bin, or
# pt-BR.onnx, for HARK_MODELS.
COPY models/asr.* models/small.* models/keywords.onnx models/lm.* models/punctuation.* \
    models/[a-z][a-z].* models/[a-z][a-z]-* code/models/
# What ONNX Runtime does to a graph at every start, done here, once (see export/fuse.py).
COPY export/__init__.py export/fuse.py tools/export/
RUN PYTHONPATH=packages:code:tools PYTHONDONTWRITEBYTECODE=1 python3 -m export.fuse \
        $(for model in code/models/*.onnx; do case $model in \
            *keywords.onnx | *punctuation.onnx | *attention.onnx) ;; *) echo "$model" ;; esac; done) \
    && chmod -R a+rX code \
    && python3 -m compileall -q --invalidation-mode unchecked-hash -s code -p /var/task code

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="hark" \
      org.opencontainers.image.description="Speech to text on AWS Lambda" \
      org.opencontainers.image.licenses="MIT"
# LAMBDA_TASK_ROOT of AWS's bases; other bases get the same place.
WORKDIR /var/task
COPY --from=build /build/packages/ ./
COPY --from=build /build/code/ ./
# One thread: a function of 1769 MB has one vCPU, on which threads only wait for each other.
ENV PYTHONPATH=/var/task \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    HARK_MODEL=/var/task/models/asr.onnx
# No USER: Lambda ignores it and runs as its own unprivileged user, and sam's emulator has to be added as root. The
# image itself writes nothing and runs as any user, on a read-only file system.
# The runtime client that was installed above, in place of the base's own, so that every base runs the same one.
ENTRYPOINT ["python3", "-m", "awslambdaric"]
CMD ["handler.app.lambda_handler"]
