"""The web role for any WSGI server: `gunicorn wsgi:app`, `granian --interface wsgi wsgi:app`."""

from config import load
from notifier.app.roles import served
from notifier.app.tools import parts_of

app = served(parts_of(load()))
