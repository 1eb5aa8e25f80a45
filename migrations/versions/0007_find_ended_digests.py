"""Find the digests that ended last."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

ENDED = sa.text('ended_at IS NOT NULL')


def upgrade() -> None:
    op.create_index('digests_ended', 'digests', ['ended_at', 'id'], postgresql_where=ENDED, sqlite_where=ENDED)
