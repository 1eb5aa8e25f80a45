"""The worker role for Celery's own command: `celery -A celery_worker worker`."""

from config import load
from notifier.app.tools import parts_of

celery = parts_of(load()).celery
