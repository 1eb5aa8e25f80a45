"""Find dead letters by cause, keep what operators asked for, and figures of the last days for the first page."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

FAILED = sa.text("state = 'failed'")
RUNS = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_index(
        'deliveries_failed', 'deliveries', ['channel', 'reason', 'last_code', 'id'],
        postgresql_where=FAILED, sqlite_where=FAILED,
    )
    op.create_table(
        'jobs',
        sa.Column('id', Key('job'), nullable=False),
        sa.Column('act', sa.String(16), nullable=False),
        sa.Column('wanted', sa.LargeBinary(), nullable=False),
        sa.Column('who', sa.String(255), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('expected', sa.Integer(), nullable=False),
        sa.Column('done', sa.Integer(), nullable=False),
        sa.Column('place', Key('dlv'), nullable=True),
        sa.Column('upto', Key('dlv'), nullable=False),
        sa.Column('created_at', Utc(), nullable=False),
        sa.Column('due_at', Utc(), nullable=False),
        sa.Column('ended_at', Utc(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('jobs_pkey')),
    )
    op.create_index('jobs_due', 'jobs', ['due_at'], postgresql_where=RUNS, sqlite_where=RUNS)
    op.create_table(
        'put_away',
        sa.Column('channel', sa.String(16), nullable=False),
        sa.Column('reason', sa.String(24), nullable=False),
        sa.Column('code', sa.String(32), nullable=False),
        sa.Column('upto', Key('dlv'), nullable=False),
        sa.Column('who', sa.String(255), nullable=False),
        sa.Column('why', sa.String(512), nullable=False),
        sa.Column('at', Utc(), nullable=False),
        sa.PrimaryKeyConstraint('channel', 'reason', 'code', name=op.f('put_away_pkey')),
    )
    op.create_table(
        'recent_figures',
        sa.Column('slot', sa.String(16), nullable=False),
        sa.Column('channel', sa.String(16), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('pace', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('counted', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('slot', 'channel', 'state', 'pace', name=op.f('recent_figures_pkey')),
    )
    op.create_table(
        'snapshots',
        sa.Column('name', sa.String(32), nullable=False),
        sa.Column('at', Utc(), nullable=False),
        sa.Column('ms', sa.Integer(), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('snapshots_pkey')),
    )
    # Nothing has been counted yet, not even of change 0.
    counters = sa.table('counters', sa.column('name', sa.String()), sa.column('value', sa.BigInteger()))
    op.bulk_insert(counters, [{'name': 'pulsed', 'value': -1}])
