"""Address everyone: an event may be for all people, and for each at a time on their own clock."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Utc

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('events', sa.Column('everyone', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('events', sa.Column('wall_at', sa.String(19), server_default='', nullable=False))
    op.add_column('events', sa.Column('wave_at', Utc(), nullable=True))
