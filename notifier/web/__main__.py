"""Prints the API's description: `python -m notifier.web > docs/openapi.json`."""

import json

import click
from flask import Flask

from notifier.web.description import describe
from notifier.web.server import routes

app = Flask("notifier")
routes(app)
click.echo(json.dumps(describe(app), indent=2, ensure_ascii=False))
