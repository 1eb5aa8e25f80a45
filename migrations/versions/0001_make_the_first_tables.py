"""Make the first tables."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('addresses',
    sa.Column('id', Key('sub'), nullable=False),
    sa.Column('user_id', sa.String(length=255), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('key_id', sa.String(length=32), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('last_sent_at', Utc(), nullable=True),
    sa.Column('gone_at', Utc(), nullable=True),
    sa.Column('gone_why', sa.String(length=255), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('addresses_pkey')),
    sa.UniqueConstraint('channel', 'fingerprint', name=op.f('addresses_channel_fingerprint_key'))
    )
    with op.batch_alter_table('addresses', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('addresses_user_id_channel'), ['user_id', 'channel'], unique=False)

    op.create_table('admins',
    sa.Column('id', Key('adm'), nullable=False),
    sa.Column('email', sa.String(length=255), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('admins_pkey')),
    sa.UniqueConstraint('email', name=op.f('admins_email_key'))
    )
    op.create_table('apps',
    sa.Column('id', Key('app'), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('revoked_at', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('apps_pkey'))
    )
    op.create_table('attempts',
    sa.Column('id', Key('att'), nullable=False),
    sa.Column('delivery_id', Key('dlv'), nullable=False),
    sa.Column('started_at', Utc(), nullable=False),
    sa.Column('ms', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('text', sa.String(length=512), nullable=False),
    sa.Column('worker', sa.String(length=128), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('attempts_pkey'))
    )
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('attempts_delivery_id_id'), ['delivery_id', 'id'], unique=False)

    op.create_table('audit',
    sa.Column('id', Key('aud'), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.Column('who', sa.String(length=255), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.String(length=512), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('audit_pkey'))
    )
    op.create_table('deliveries',
    sa.Column('id', Key('dlv'), nullable=False),
    sa.Column('notification_id', Key('ntf'), nullable=False),
    sa.Column('app_id', Key('app'), nullable=False),
    sa.Column('user_id', sa.String(length=255), nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('address_id', Key('sub'), nullable=True),
    sa.Column('queue', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=True),
    sa.Column('due_at', Utc(), nullable=True),
    sa.Column('wanted_at', Utc(), nullable=False),
    sa.Column('claim_token', Key('clm'), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('last_code', sa.String(length=32), nullable=False),
    sa.Column('retry_of', Key('dlv'), nullable=True),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('sent_at', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('deliveries_pkey'))
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index('deliveries_due', ['queue', 'due_at'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'queued', 'sending')"), sqlite_where=sa.text("state IN ('waiting', 'queued', 'sending')"))
        batch_op.create_index('deliveries_not_sent', ['state', 'id'], unique=False, postgresql_where=sa.text("state <> 'sent'"), sqlite_where=sa.text("state <> 'sent'"))
        batch_op.create_index(batch_op.f('deliveries_notification_id'), ['notification_id'], unique=False)
        batch_op.create_index('deliveries_retry_of', ['retry_of'], unique=True, postgresql_where=sa.text('retry_of IS NOT NULL'), sqlite_where=sa.text('retry_of IS NOT NULL'))
        batch_op.create_index(batch_op.f('deliveries_user_id_id'), ['user_id', 'id'], unique=False)

    op.create_table('events',
    sa.Column('id', Key('evt'), nullable=False),
    sa.Column('app_id', Key('app'), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('body_hash', sa.LargeBinary(length=32), nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('occurred_at', Utc(), nullable=False),
    sa.Column('accepted_at', Utc(), nullable=False),
    sa.Column('due_at', Utc(), nullable=False),
    sa.Column('plan_cursor', sa.Integer(), nullable=False),
    sa.Column('planned_at', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('events_pkey')),
    sa.UniqueConstraint('app_id', 'key', name=op.f('events_app_id_key_key'))
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.create_index('events_unplanned', ['due_at'], unique=False, postgresql_where=sa.text('planned_at IS NULL'), sqlite_where=sa.text('planned_at IS NULL'))

    op.create_table('notification_events',
    sa.Column('event_id', Key('evt'), nullable=False),
    sa.Column('user_id', sa.String(length=255), nullable=False),
    sa.Column('notification_id', Key('ntf'), nullable=False),
    sa.PrimaryKeyConstraint('event_id', 'user_id', name=op.f('notification_events_pkey'))
    )
    with op.batch_alter_table('notification_events', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('notification_events_notification_id'), ['notification_id'], unique=False)

    op.create_table('notifications',
    sa.Column('id', Key('ntf'), nullable=False),
    sa.Column('user_id', sa.String(length=255), nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('fold', sa.String(length=320), nullable=False),
    sa.Column('opened_at', Utc(), nullable=False),
    sa.Column('closes_at', Utc(), nullable=False),
    sa.Column('closed_at', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('notifications_pkey'))
    )
    with op.batch_alter_table('notifications', schema=None) as batch_op:
        batch_op.create_index('notifications_open', ['user_id', 'fold'], unique=True, postgresql_where=sa.text('closed_at IS NULL'), sqlite_where=sa.text('closed_at IS NULL'))

    op.create_table('pauses',
    sa.Column('origin', sa.String(length=320), nullable=False),
    sa.Column('until', Utc(), nullable=False),
    sa.Column('why', sa.String(length=512), nullable=False),
    sa.PrimaryKeyConstraint('origin', name=op.f('pauses_pkey'))
    )
    op.create_table('preferences',
    sa.Column('user_id', sa.String(length=255), nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('cadence', sa.String(length=16), nullable=False),
    sa.Column('changed_at', Utc(), nullable=False),
    sa.Column('changed_by', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'type', 'channel', name=op.f('preferences_pkey'))
    )
    op.create_table('relations',
    sa.Column('user_id', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('other', sa.String(length=255), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'kind', 'other', name=op.f('relations_pkey'))
    )
    with op.batch_alter_table('relations', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('relations_other_kind_user_id'), ['other', 'kind', 'user_id'], unique=False)

    op.create_table('tallies',
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('planned', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'channel', name=op.f('tallies_pkey'))
    )
    op.create_table('users',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=512), nullable=False),
    sa.Column('locale', sa.String(length=35), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('updated_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('users_pkey'))
    )
    op.create_table('app_secrets',
    sa.Column('id', Key('sec'), nullable=False),
    sa.Column('app_id', Key('app'), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('value', sa.String(length=128), nullable=False),
    sa.Column('scopes', sa.String(length=255), nullable=False),
    sa.Column('hint', sa.String(length=16), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('expires_at', Utc(), nullable=True),
    sa.ForeignKeyConstraint(['app_id'], ['apps.id'], name=op.f('app_secrets_app_id_fkey')),
    sa.PrimaryKeyConstraint('id', name=op.f('app_secrets_pkey')),
    sa.UniqueConstraint('value', name=op.f('app_secrets_value_key'))
    )
    with op.batch_alter_table('app_secrets', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('app_secrets_app_id'), ['app_id'], unique=False)

    op.create_table('login_links',
    sa.Column('token_hash', sa.LargeBinary(length=32), nullable=False),
    sa.Column('admin_id', Key('adm'), nullable=False),
    sa.Column('expires_at', Utc(), nullable=False),
    sa.ForeignKeyConstraint(['admin_id'], ['admins.id'], name=op.f('login_links_admin_id_fkey')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('login_links_pkey'))
    )
