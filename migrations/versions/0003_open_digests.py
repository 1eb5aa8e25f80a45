"""Open digests: each is a row of its own from the first thing that waits for it; what waits now is put into one."""

from datetime import timezone
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc, new_id

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
UNBUILT = sa.text("state IN ('open', 'due')")
BATCH = 1_000  # groups read at once


def upgrade() -> None:
    digests = op.create_table(
        'digests',
        sa.Column('id', Key('dig'), nullable=False),
        sa.Column('user_id', sa.String(255), nullable=False),
        sa.Column('channel', sa.String(16), nullable=False),
        sa.Column('cadence', sa.String(16), nullable=False),
        sa.Column('period', sa.String(32), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('due_at', Utc(), nullable=True),
        sa.Column('wanted_at', Utc(), nullable=False),
        sa.Column('items', sa.Text(), server_default='', nullable=False),
        sa.Column('opened_at', Utc(), nullable=False),
        sa.Column('ended_at', Utc(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('digests_pkey')),
        sa.UniqueConstraint(
            'user_id', 'period', 'channel', 'cadence', name=op.f('digests_user_id_period_channel_cadence_key')
        ),
    )
    op.create_index(
        'digests_open', 'digests', ['user_id', 'channel', 'cadence'],
        unique=True, postgresql_where=OPEN, sqlite_where=OPEN,
    )
    op.create_index('digests_due', 'digests', ['due_at'], postgresql_where=UNBUILT, sqlite_where=UNBUILT)
    op.add_column('deliveries', sa.Column('digest_id', Key('dig'), nullable=True))
    _open_for_what_waits(digests)


def _open_for_what_waits(digests: sa.Table) -> None:
    """Until now a delivery that waited for a digest had a timer of its own."""
    deliveries = sa.table(
        'deliveries',
        sa.column('user_id'), sa.column('channel'), sa.column('state'), sa.column('reason'), sa.column('value'),
        sa.column('carried_by', Key('dlv')), sa.column('digest_id', Key('dig')), sa.column('due_at', Utc()),
        sa.column('wanted_at', Utc()), sa.column('created_at', Utc()),
    )
    users = sa.table('users', sa.column('id'), sa.column('timezone'))
    waits = sa.and_(
        deliveries.c.state == 'waiting', deliveries.c.reason == 'digest',
        deliveries.c.carried_by.is_(None), deliveries.c.due_at.is_not(None),
    )
    cadence = sa.case(
        (deliveries.c.value.startswith('hourly'), 'hourly'), (deliveries.c.value.startswith('weekly'), 'weekly'),
        else_='daily',
    )
    groups = (
        sa.select(
            deliveries.c.user_id, deliveries.c.channel, cadence.label('cadence'),
            sa.func.min(deliveries.c.due_at, type_=Utc()).label('due_at'),
            sa.func.min(deliveries.c.created_at, type_=Utc()).label('opened_at'),
            sa.func.min(users.c.timezone).label('timezone'),
        )
        .join(users, users.c.id == deliveries.c.user_id, isouter=True)
        .where(waits)
        .group_by(deliveries.c.user_id, deliveries.c.channel, cadence)
    )
    connection = op.get_bind()
    for rows in connection.execute(groups).partitions(BATCH):
        made = [
            {
                'id': new_id('dig'), 'user_id': row.user_id, 'channel': row.channel, 'cadence': row.cadence,
                'period': _period(row), 'state': 'open', 'due_at': row.due_at, 'wanted_at': row.due_at,
                'items': '', 'opened_at': row.opened_at, 'ended_at': None,
            }
            for row in rows
        ]
        op.bulk_insert(digests, made)
    its = (
        sa.select(digests.c.id)
        .where(
            digests.c.user_id == deliveries.c.user_id, digests.c.channel == deliveries.c.channel,
            digests.c.cadence == cadence,
        )
        .scalar_subquery()
    )
    connection.execute(sa.update(deliveries).where(waits).values(digest_id=its, wanted_at=deliveries.c.due_at))
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.digest_id.is_not(None), deliveries.c.state == 'waiting')
        .values(due_at=None)
    )


def _period(row: sa.Row) -> str:
    if row.cadence == 'hourly':
        return row.due_at.astimezone(timezone.utc).strftime('%Y-%m-%dT%H:%M')
    try:
        zone = ZoneInfo(row.timezone or 'UTC')
    except (KeyError, ValueError):
        zone = ZoneInfo('UTC')
    return row.due_at.astimezone(zone).date().isoformat()
