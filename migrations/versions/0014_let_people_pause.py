"""Let people pause everything until a moment of their choice."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Utc

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('users', sa.Column('paused_until', Utc(), nullable=True))
