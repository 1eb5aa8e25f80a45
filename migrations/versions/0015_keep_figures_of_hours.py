"""Keep the recent figures by the hour as well."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'hourly_figures',
        sa.Column('hour', sa.String(13), nullable=False),
        sa.Column('channel', sa.String(16), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('pace', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('counted', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('hour', 'channel', 'state', 'pace', name=op.f('hourly_figures_pkey')),
    )
    op.execute(
        'INSERT INTO hourly_figures (hour, channel, state, pace, counted) '
        'SELECT substr(slot, 1, 13), channel, state, pace, sum(counted) FROM recent_figures GROUP BY 1, 2, 3, 4'
    )
