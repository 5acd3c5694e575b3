# The portal's web, worker and beat, one image; docker-compose.yml says which of them a container is.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN groupadd --system --gid 7723 zikra \
    && useradd --system --uid 7723 --gid zikra --home-dir /data --create-home --shell /usr/sbin/nologin zikra

WORKDIR /portal
COPY requirements.txt .
RUN pip install --require-hashes --no-deps -r requirements.txt

COPY . .
# Settings are read to collect static files; nothing connects, and the key is gone with the command.
RUN COLLECT_STATIC=True SECRET_KEY=only-while-static-files-are-collected ZIKRA_DATA_DIR=/data python manage.py collectstatic --noinput \
    && python -m compileall -q .

USER zikra
# The first owner's token is written here.
VOLUME /data
ENV ZIKRA_DATA_DIR=/data ZIKRA_BIND=0.0.0.0:7723
EXPOSE 7723
STOPSIGNAL SIGTERM

# GET /ready, asked under a name that ALLOWED_HOSTS lets pass.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=3s --retries=3 \
    CMD ["python", "-c", "import os, sys; from zikra_portal.starting import web_answers; sys.exit(not web_answers('127.0.0.1', 7723, os.environ.get('ALLOWED_HOSTS', '')))"]

CMD ["gunicorn", "-c", "python:zikra_portal.web_server"]
