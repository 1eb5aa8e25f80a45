"""Keep schedules, their runs, and who leads the schedulers."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

COMES = sa.text("next_run_at IS NOT NULL")
OPEN = sa.text("outcome IN ('asked', 'running')")


def upgrade() -> None:
    op.create_table(
        'leases',
        sa.Column('name', sa.String(32), nullable=False),
        sa.Column('holder', sa.String(255), nullable=False),
        sa.Column('until', Utc(), nullable=False),
        sa.Column('taken_at', Utc(), nullable=False),
        sa.Column('beat_at', Utc(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('leases_pkey')),
    )
    op.create_table(
        'schedules',
        sa.Column('id', Key('sch'), nullable=False),
        sa.Column('name', sa.String(64), nullable=False),
        sa.Column('kind', sa.String(32), nullable=False),
        sa.Column('arguments', sa.Text(), nullable=False),
        sa.Column('cron', sa.String(255), nullable=False),
        sa.Column('interval_seconds', sa.Integer(), nullable=True),
        sa.Column('at', sa.String(19), nullable=False),
        sa.Column('timezone', sa.String(64), nullable=False),
        sa.Column('local', sa.Boolean(), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('built_in', sa.Boolean(), nullable=False),
        sa.Column('next_run_at', Utc(), nullable=True),
        sa.Column('run_id', Key('run'), nullable=True),
        sa.Column('last_run_at', Utc(), nullable=True),
        sa.Column('last_outcome', sa.String(16), server_default='', nullable=False),
        sa.Column('last_text', sa.Text(), server_default='', nullable=False),
        sa.Column('last_ms', sa.Integer(), nullable=True),
        sa.Column('created_at', Utc(), nullable=False),
        sa.Column('created_by', sa.String(255), nullable=False),
        sa.Column('changed_at', Utc(), nullable=False),
        sa.Column('changed_by', sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('schedules_pkey')),
        sa.UniqueConstraint('name', name=op.f('schedules_name_key')),
    )
    op.create_index('schedules_next_run_at', 'schedules', ['next_run_at'], postgresql_where=COMES, sqlite_where=COMES)
    op.create_table(
        'schedule_runs',
        sa.Column('id', Key('run'), nullable=False),
        sa.Column('schedule_id', Key('sch'), nullable=False),
        sa.Column('moment', Utc(), nullable=False),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.Column('triggered_by', sa.String(255), nullable=False),
        sa.Column('outcome', sa.String(16), nullable=False),
        sa.Column('text', sa.Text(), server_default='', nullable=False),
        sa.Column('holder', sa.String(255), server_default='', nullable=False),
        sa.Column('until', Utc(), nullable=True),
        sa.Column('started_at', Utc(), nullable=True),
        sa.Column('ended_at', Utc(), nullable=True),
        sa.Column('ms', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ['schedule_id'], ['schedules.id'], name=op.f('schedule_runs_schedule_id_fkey'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('schedule_runs_pkey')),
        sa.UniqueConstraint(
            'schedule_id', 'moment', 'tries', name=op.f('schedule_runs_schedule_id_moment_tries_key')
        ),
    )
    op.create_index('schedule_runs_schedule_id_id', 'schedule_runs', ['schedule_id', 'id'])
    op.create_index('schedule_runs_open', 'schedule_runs', ['until'], postgresql_where=OPEN, sqlite_where=OPEN)
