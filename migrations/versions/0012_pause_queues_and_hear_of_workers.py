"""Pause queues, and hear of workers."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Utc

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

PAUSED = sa.text("state = 'waiting' AND reason = 'paused' AND due_at IS NULL")


def upgrade() -> None:
    op.create_table(
        'queue_pauses',
        sa.Column('queue', sa.String(16), nullable=False),
        sa.Column('paused_at', Utc(), nullable=False),
        sa.Column('paused_by', sa.String(255), nullable=False),
        sa.Column('why', sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint('queue', name=op.f('queue_pauses_pkey')),
    )
    op.create_table(
        'workers',
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('queues', sa.String(255), nullable=False),
        sa.Column('threads', sa.Integer(), nullable=False),
        sa.Column('version', sa.String(32), nullable=False),
        sa.Column('started_at', Utc(), nullable=False),
        sa.Column('seen_at', Utc(), nullable=False),
        sa.Column('doing', sa.String(64), server_default='', nullable=False),
        sa.Column('doing_since', Utc(), nullable=True),
        sa.Column('busy', sa.Integer(), server_default='0', nullable=False),
        sa.Column('done', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('failed', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('memory', sa.BigInteger(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('workers_pkey')),
    )
    op.create_index('deliveries_paused', 'deliveries', ['queue', 'id'], postgresql_where=PAUSED, sqlite_where=PAUSED)
