"""Run by Alembic: the migrations on the connection that was handed in."""

import os

from alembic import context
from sqlalchemy import create_engine

from notifier.store.models import Base

connection = context.config.attributes.get("connection")


def run(on) -> None:
    context.configure(
        connection=on, target_metadata=Base.metadata, render_as_batch=True, compare_type=True, user_module_prefix=""
    )
    context.run_migrations()


if connection is not None:
    run(connection)
else:  # `alembic revision --autogenerate`, by a developer
    with create_engine(os.environ["DATABASE_URL"]).begin() as made:
        run(made)
