"""What all tables share: names of keys and indexes, and how Python's types are stored."""

from datetime import datetime

from sqlalchemy import LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase

from notifier.policy.words import Reason, State
from notifier.store.types import Utc


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {datetime: Utc(), State: String(16), Reason: String(24), bytes: LargeBinary()}  # noqa: RUF012 (SQLAlchemy reads it so)
