# The operator. `docker build .` needs nothing but a package index. A machine whose builds cannot
# reach one hands in a base image (PYTHON_IMAGE) and, as build context `wheels`, a directory of
# wheels: python -m hack.images build rocksteady. Hashes are checked in both cases.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# Empty, so that the same instructions work without wheels: --build-context wheels=DIR fills it.
FROM scratch AS wheels

FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Before the sources: these layers are reused until a lock changes.
COPY requirements.lock hack/images/build-backend.lock ./
RUN --mount=type=bind,from=wheels,target=/wheels \
    if ls /wheels/*.whl >/dev/null 2>&1; then offline="--no-index --find-links=/wheels"; fi \
    && python3 -m venv /opt/venv && python3 -m venv /opt/build \
    && /opt/build/bin/pip install --only-binary :all: --require-hashes ${offline} \
        -r build-backend.lock \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --only-binary :all: \
        --require-hashes ${offline} -r requirements.lock \
    && /opt/venv/bin/python -m pip uninstall --yes --quiet setuptools pip

FROM dependencies AS package
COPY pyproject.toml README.md LICENSE ./
COPY operator ./operator
# No index is needed for this: the back end is there, the dependencies are locked.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --no-deps --no-index \
        --root /package dist/*.whl

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rocksteady" \
      org.opencontainers.image.description="Kubernetes operator for serving language models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /
ENTRYPOINT ["python", "-m", "rocksteady"]
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=package /package/opt/venv /opt/venv
