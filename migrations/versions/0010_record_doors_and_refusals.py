"""Record how events came in, what was refused at the door, and when keys and secrets were last used."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'rejected_requests',
        sa.Column('id', Key('rej'), nullable=False),
        sa.Column('at', Utc(), nullable=False),
        sa.Column('door', sa.String(16), nullable=False),
        sa.Column('app_id', Key('app'), nullable=True),
        sa.Column('proven', sa.Boolean(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('reason', sa.String(32), nullable=False),
        sa.Column('detail', sa.String(512), nullable=False),
        sa.Column('body_hash', sa.LargeBinary(32), nullable=True),
        sa.Column('octets', sa.Integer(), nullable=True),
        sa.Column('passed_over', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('rejected_requests_pkey')),
    )
    op.add_column('app_secrets', sa.Column('last_used_at', Utc(), nullable=True))
    op.add_column('events', sa.Column('door', sa.String(16), server_default='', nullable=False))
    op.create_index('events_actor_id', 'events', ['actor', 'id'])
