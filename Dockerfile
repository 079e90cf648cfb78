# Reading Room as a container. It listens on all addresses, so it needs a sign-in:
#   docker run -p 8080:8080 -v readingroom:/data -e READINGROOM_OWNER_TOKEN=... readingroom
# deploy/compose.yaml runs several of them, with all that they share.

FROM python:3.11.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/readingroom
WORKDIR /src
# The dependencies change seldom and the code often: they have a layer of their own.
COPY requirements.lock ./
RUN /opt/readingroom/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY app app
RUN /opt/readingroom/bin/pip install --no-deps --no-build-isolation .

# The viewer is served from the image too: nothing is fetched when it starts.
FROM build AS viewer
RUN apt-get update && apt-get install --yes --no-install-recommends npm
RUN /opt/readingroom/bin/readingroom viewer --viewer /opt/viewer

FROM python:3.11.13-slim-bookworm
# pg_dump and pg_restore for `readingroom backup` and `restore`: as new as the server in deploy/compose.yaml.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-client-15 \
 && rm -rf /var/lib/apt/lists/*
# A volume that is new takes over whose its folder is.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin readingroom \
 && install --directory --owner=readingroom --group=readingroom --mode=0750 /data /keys /backups
COPY --from=build /opt/readingroom /opt/readingroom
COPY --from=viewer /opt/viewer /opt/viewer
ENV PATH=/opt/readingroom/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    READINGROOM_DATA=/data \
    READINGROOM_HOST=0.0.0.0 \
    READINGROOM_PORT=8080 \
    READINGROOM_VIEWER=/opt/viewer
USER readingroom
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"READINGROOM_PORT\"]}/readyz', timeout=8)"]
ENTRYPOINT ["readingroom"]
CMD ["serve"]
