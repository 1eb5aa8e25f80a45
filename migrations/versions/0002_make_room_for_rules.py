"""Make room for rules: relations, quiet hours, caps, rounds of telling, taking back, and numbered outcomes."""

import json

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

BATCH = 1_000  # events read at once


def upgrade() -> None:
    _new_tables()
    _widen_events()
    _widen_notifications()
    _widen_deliveries()
    op.add_column('apps', sa.Column('lenient', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('users', sa.Column('digest_time', sa.String(5), server_default='', nullable=False))
    op.add_column('users', sa.Column('digest_weekday', sa.Integer(), nullable=True))
    op.add_column('users', sa.Column('quiet_start', sa.String(5), server_default='', nullable=False))
    op.add_column('users', sa.Column('quiet_end', sa.String(5), server_default='', nullable=False))
    op.add_column('users', sa.Column('caps', sa.String(255), server_default='', nullable=False))


def _new_tables() -> None:
    counters = op.create_table(
        'counters',
        sa.Column('name', sa.String(32), nullable=False),
        sa.Column('value', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('counters_pkey')),
    )
    op.bulk_insert(counters, [{'name': 'changes', 'value': 0}])
    op.create_table(
        'fallbacks',
        sa.Column('language', sa.String(35), nullable=False),
        sa.Column('message', sa.String(255), nullable=False),
        sa.Column('count', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('language', 'message', name=op.f('fallbacks_pkey')),
    )
    op.create_table(
        'preference_changes',
        sa.Column('id', Key('chg'), nullable=False),
        sa.Column('user_id', sa.String(255), nullable=False),
        sa.Column('at', Utc(), nullable=False),
        sa.Column('by', sa.String(255), nullable=False),
        sa.Column('through', sa.String(16), nullable=False),
        sa.Column('what', sa.String(96), nullable=False),
        sa.Column('before', sa.String(320), nullable=False),
        sa.Column('after', sa.String(320), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('preference_changes_pkey')),
    )
    op.create_index('preference_changes_user_id_id', 'preference_changes', ['user_id', 'id'])


def _widen_events() -> None:
    for name in ('actor', 'object', 'target'):
        op.add_column('events', sa.Column(name, sa.String(255), server_default='', nullable=False))
    op.add_column('events', sa.Column('plan_after', sa.String(320), server_default='', nullable=False))
    op.add_column('events', sa.Column('undone_by', Key('evt'), nullable=True))
    op.add_column('events', sa.Column('change', sa.BigInteger(), nullable=True))
    _name_things(op.get_bind())
    op.create_index('events_object_type_actor', 'events', ['object', 'type', 'actor'])
    _partial('events_target', 'events', ['target'], "target <> ''")
    _partial('events_undone_by', 'events', ['undone_by'], 'undone_by IS NOT NULL')
    _partial('events_change', 'events', ['app_id', 'change'], 'change IS NOT NULL')


def _name_things(connection: sa.Connection) -> None:
    """Copy the ids of actor, object and target from the bodies, so that they can be searched for."""
    names = [sa.column(name) for name in ('actor', 'object', 'target')]
    events = sa.table('events', sa.column('id', Key('evt')), sa.column('body', sa.LargeBinary()), *names)
    query = sa.select(events.c.id, events.c.body).order_by(events.c.id).limit(BATCH)
    rows = connection.execute(query).all()
    while rows:
        connection.execute(
            sa.update(events)
            .where(events.c.id == sa.bindparam('event'))
            .values({name.name: sa.bindparam(f'new_{name.name}') for name in names}),
            [
                {'event': row.id} | {f'new_{name.name}': _id(row.body, name.name) for name in names} for row in rows
            ],
        )
        rows = connection.execute(query.where(events.c.id > rows[-1].id)).all()


def _id(body: bytes, name: str) -> str:
    return (json.loads(body).get(name) or {}).get('id', '')


def _widen_notifications() -> None:
    # A notification lives on after it was told, until it is read; those from before have ended.
    op.alter_column('notifications', 'closed_at', new_column_name='ended_at')
    op.alter_column('notifications', 'closes_at', new_column_name='changed_at')
    op.add_column('notifications', sa.Column('round', sa.Integer(), server_default='1', nullable=False))
    op.add_column('notifications', sa.Column('total', sa.Integer(), server_default='0', nullable=False))
    for name in ('feed_at', 'seen_at', 'read_at', 'undone_at'):
        op.add_column('notifications', sa.Column(name, Utc(), nullable=True))
    op.add_column('notification_events', sa.Column('round', sa.Integer(), server_default='1', nullable=False))
    op.add_column('notification_events', sa.Column('undone_at', Utc(), nullable=True))
    op.execute(
        "UPDATE notifications SET changed_at = opened_at, ended_at = coalesce(ended_at, opened_at), "
        "total = (SELECT count(*) FROM notification_events e WHERE e.notification_id = notifications.id)"
    )
    op.execute(
        "UPDATE notifications SET feed_at = opened_at "
        "WHERE id IN (SELECT notification_id FROM deliveries WHERE channel = 'feed' AND state = 'sent')"
    )
    op.create_index('notifications_user_id_feed_at', 'notifications', ['user_id', 'feed_at'])
    op.create_index('notifications_user_id_changed_at', 'notifications', ['user_id', 'changed_at'])
    unread = 'feed_at IS NOT NULL AND undone_at IS NULL AND read_at IS NULL'
    _partial('notifications_unread', 'notifications', ['user_id', 'feed_at'], unread)


def _widen_deliveries() -> None:
    op.add_column('deliveries', sa.Column('rule', sa.String(24), server_default='', nullable=False))
    op.add_column('deliveries', sa.Column('value', sa.String(320), server_default='', nullable=False))
    op.add_column('deliveries', sa.Column('first_round', sa.Integer(), server_default='1', nullable=False))
    op.add_column('deliveries', sa.Column('last_round', sa.Integer(), nullable=True))
    op.add_column('deliveries', sa.Column('carried_by', Key('dlv'), nullable=True))
    op.add_column('deliveries', sa.Column('change', sa.BigInteger(), nullable=True))
    _partial('deliveries_waiting', 'deliveries', ['user_id', 'channel'], "state = 'waiting'")
    _partial('deliveries_carried_by', 'deliveries', ['carried_by'], 'carried_by IS NOT NULL')
    _partial('deliveries_change', 'deliveries', ['app_id', 'change'], 'change IS NOT NULL')


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
