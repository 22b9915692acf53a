# One image for migrate, worker, sink and api (docker-compose.yml). It speaks to Kafka and ClickHouse over the network, so the
# `servers` extra (a JVM, the ClickHouse engine) is not in it. Base images are pinned by tag: pin them by digest where you build.
FROM python:3.11.14-slim-trixie AS packages

WORKDIR /build
COPY pyproject.toml requirements.lock ./
# uv from the lock, by hash; then what the application itself asks for, each at the lock's version and with the lock's hash:
# a package that the lock does not know ends the build.
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
    && pip install --no-cache-dir --require-hashes --requirement uv.txt \
    && uv venv /opt/imageledger \
    && uv pip install --no-cache --require-hashes --python /opt/imageledger/bin/python --compile-bytecode \
        --requirement pyproject.toml --constraint requirements.lock

FROM python:3.11.14-slim-trixie

# A fixed id, so that a volume keeps its owner from one image to the next.
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin imageledger \
    && install --directory --owner imageledger --group imageledger --mode 0750 /data
COPY --from=packages /opt/imageledger /opt/imageledger
WORKDIR /app
COPY . .
RUN /opt/imageledger/bin/python -m compileall -q /app

ENV PATH=/opt/imageledger/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    IMAGELEDGER_DATA=/data
USER imageledger
VOLUME /data
EXPOSE 8400
# Python itself is process 1 and takes SIGTERM as its order to end.
ENTRYPOINT ["python", "-m", "imageledger"]
CMD ["--help"]
