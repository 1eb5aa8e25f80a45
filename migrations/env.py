"""Run by Alembic: the migrations on the connection that was handed in."""

import os

from alembic import context
from sqlalchemy import create_engine

from notifier.store.models import Base
from notifier.store.types import Key

connection = context.config.attributes.get("connection")


def differs(around, _found_column, _column, _found, wanted) -> bool | None:
    """Whether the type has changed; None leaves that to Alembic. SQLite tells BINARY(16) back as NUMERIC(16)."""
    return False if isinstance(wanted, Key) and around.dialect.name == "sqlite" else None


def run(on) -> None:
    context.configure(
        connection=on, target_metadata=Base.metadata, render_as_batch=True, compare_type=differs, user_module_prefix=""
    )
    context.run_migrations()


if connection is not None:
    run(connection)
else:  # `alembic revision --autogenerate`, by a developer
    with create_engine(os.environ["DATABASE_URL"]).begin() as made:
        run(made)
