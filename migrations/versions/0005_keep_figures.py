"""Keep figures for good, and know what was purged: of each day, of an app's changes, and of an event's content."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'figures',
        sa.Column('day', sa.String(10), nullable=False),
        sa.Column('app_id', Key('app'), nullable=False),
        sa.Column('type', sa.String(64), nullable=False),
        sa.Column('channel', sa.String(16), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('reason', sa.String(24), nullable=False),
        sa.Column('counted', sa.Integer(), server_default='0', nullable=False),
        sa.Column('purged', sa.Integer(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('day', 'app_id', 'type', 'channel', 'state', 'reason', name=op.f('figures_pkey')),
    )
    op.add_column('apps', sa.Column('purged_change', sa.BigInteger(), server_default='0', nullable=False))
    op.add_column('events', sa.Column('blanked_at', Utc(), nullable=True))
    # What was purged before there was a purge is nothing; and no figure has been counted yet, not even of change 0.
    counters = sa.table('counters', sa.column('name', sa.String()), sa.column('value', sa.BigInteger()))
    op.bulk_insert(
        counters,
        [{'name': name, 'value': 0} for name in ('purged_events', 'purged_recipients', 'purged_told', 'blanked_to')]
        + [{'name': 'rolled', 'value': -1}],
    )
