# The portal's web, worker and beat, one image; docker-compose.yml says which of them a container is.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN groupadd --system --gid 7723 zikra \
    && useradd --system --uid 7723 --gid zikra --home-dir /data --create-home --shell /usr/sbin/nologin zikra

WORKDIR /portal
COPY requirements.txt .
RUN pip install --require-hashes --no-deps -r requirements.txt && python -m compileall -q /usr/local/lib/python3.13/site-packages

COPY . .
# Settings are read to collect static files; nothing connects, and the key is gone with the command.
RUN SECRET_KEY=only-while-static-files-are-collected ZIKRA_DATA_DIR=/data python manage.py collectstatic --noinput

USER zikra
# The first owner's token is written here.
VOLUME /data
ENV ZIKRA_DATA_DIR=/data ZIKRA_BIND=0.0.0.0:7723
EXPOSE 7723
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7723/ready', timeout=4)"]

CMD ["gunicorn", "-c", "python:zikra_portal.web_server"]
