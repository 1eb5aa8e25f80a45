"""Let admins sign in by a password and a second step, see their sessions, and search what was done."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ('password_hash', 'totp_offered', 'totp_secret'):
        length = 255 if name == 'password_hash' else 64
        op.add_column('admins', sa.Column(name, sa.String(length), server_default='', nullable=False))
    op.add_column('admins', sa.Column('totp_step', sa.BigInteger(), server_default=sa.text('0'), nullable=False))
    op.add_column('login_links', sa.Column('asks', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    # From now on an address is the same however it is written; of two that differ in that alone both stay as they are.
    op.execute(
        'UPDATE admins SET email = lower(email) WHERE email <> lower(email)'
        ' AND NOT EXISTS (SELECT 1 FROM admins AS other WHERE lower(other.email) = lower(admins.email)'
        ' AND other.id <> admins.id)'
    )
    op.create_table(
        'recovery_codes',
        sa.Column('admin_id', Key('adm'), nullable=False),
        sa.Column('code_hash', sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(['admin_id'], ['admins.id'], name='recovery_codes_admin_id_fkey', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('admin_id', 'code_hash', name='recovery_codes_pkey'),
    )
    op.create_table(
        'admin_sessions',
        sa.Column('id', Key('ses'), nullable=False),
        sa.Column('token_hash', sa.LargeBinary(32), nullable=False),
        sa.Column('admin_id', Key('adm'), nullable=False),
        sa.Column('began_at', Utc(), nullable=False),
        sa.Column('seen_at', Utc(), nullable=False),
        sa.Column('linked_at', Utc(), nullable=True),
        sa.Column('address', sa.String(64), nullable=False),
        sa.Column('browser', sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(['admin_id'], ['admins.id'], name='admin_sessions_admin_id_fkey', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='admin_sessions_pkey'),
        sa.UniqueConstraint('token_hash', name='admin_sessions_token_hash_key'),
    )
    op.create_index('admin_sessions_admin_id', 'admin_sessions', ['admin_id'])
    op.create_table(
        'signin_tries',
        sa.Column('id', Key('try'), nullable=False),
        sa.Column('at', Utc(), nullable=False),
        sa.Column('what', sa.String(16), nullable=False),
        sa.Column('email', sa.String(255), nullable=False),
        sa.Column('address', sa.String(64), nullable=False),
        sa.Column('taken_at', Utc(), nullable=True),
        sa.PrimaryKeyConstraint('id', name='signin_tries_pkey'),
    )
    op.create_index('signin_tries_email', 'signin_tries', ['email', 'at'])
    op.create_index('signin_tries_address', 'signin_tries', ['address', 'at'])
    op.create_index('signin_tries_at', 'signin_tries', ['at'])
    op.create_index('audit_who', 'audit', ['who', 'id'])
    op.create_index('audit_action', 'audit', ['action', 'id'])
