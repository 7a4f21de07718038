# syntax=docker/dockerfile:1
# build: what pip installs, and the index, built once.
FROM python:3.11-slim AS build
WORKDIR /srv/tiaowen
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/tiaowen
COPY requirements.lock .
RUN /opt/tiaowen/bin/pip install -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY qa qa
RUN /opt/tiaowen/bin/pip install --no-deps .
COPY corpus corpus
RUN /opt/tiaowen/bin/tiaowen index && /opt/tiaowen/bin/tiaowen doctor

# run: no compiler, no pip cache, no root.
FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /srv/tiaowen tiaowen
WORKDIR /srv/tiaowen
COPY --from=build /opt/tiaowen /opt/tiaowen
COPY --from=build --chown=tiaowen /srv/tiaowen/corpus corpus
COPY --from=build --chown=tiaowen /srv/tiaowen/index index
ENV PATH=/opt/tiaowen/bin:$PATH PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE \
    TIAOWEN_HOST=0.0.0.0 TIAOWEN_PORT=8000
USER tiaowen
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["tiaowen", "serve"]
