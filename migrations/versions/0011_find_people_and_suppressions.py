"""Find people by their address and the newest first; and addresses that are gone."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

MAILBOX = sa.text("channel = 'email'")
GONE = sa.text('gone_at IS NOT NULL')


def upgrade() -> None:
    op.create_index('users_created_at_id', 'users', ['created_at', 'id'])
    op.create_index('addresses_mailbox', 'addresses', ['value'], postgresql_where=MAILBOX, sqlite_where=MAILBOX)
    gone = ['gone_at', 'id', 'channel', 'gone_why']
    op.create_index('addresses_gone', 'addresses', gone, postgresql_where=GONE, sqlite_where=GONE)
