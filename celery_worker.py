"""The worker role for Celery's own command: `celery -A celery_worker worker`."""

from config import load
from notifier.app.tools import parts_of

settings = load()
celery = parts_of(settings).celery
celery.conf.worker_concurrency = settings.WORKER_THREADS
