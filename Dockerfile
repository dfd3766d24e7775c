# By digest, so that each build starts from the same files. docs/decisions/093-base-image-by-digest.md describes how to update it.
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

# The version that the Makefile uses.
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9

ENV UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_COMPILE_BYTECODE=1

WORKDIR /app

# Dependencies come first, so that their layer is reused until the lock file changes.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra tracing --extra expander --no-install-project

COPY README.md LICENSE hatch_build.py ./
COPY app ./app
COPY examples ./examples
RUN uv sync --frozen --no-dev --extra tracing --extra expander --no-editable


FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="dra-extender" \
      org.opencontainers.image.description="A kube-scheduler extender that does Dynamic Resource Allocation" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A virtual environment contains absolute paths, so its location stays the same.
COPY --from=build /app/.venv /app/.venv

# Nothing is written outside /tmp, so the root file system can be read-only.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# A number, so that Kubernetes can verify that it is not root.
USER 65532:65532
WORKDIR /tmp
EXPOSE 8888

# For container engines; Kubernetes has its own probes. The certificate is not verified, because it is this container's.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, ssl, urllib.request as web\nplace = f\"127.0.0.1:{os.environ.get('DRA_PORT', 8888)}/livez\"\ntry: web.urlopen(f'http://{place}', timeout=2)\nexcept Exception: web.urlopen(f'https://{place}', timeout=2, context=ssl._create_unverified_context())"]

ENTRYPOINT ["dra-extender"]
CMD ["serve"]
