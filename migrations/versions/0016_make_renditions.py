"""Make renditions of pictures and videos."""

import sqlalchemy as sa
from alembic import op

from notifier.store.types import Key, Utc

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

TO_FETCH = sa.text("state = 'waiting'")
UNMADE = sa.text("state IN ('waiting', 'working')")
FAILED = sa.text("state = 'failed'")


def upgrade() -> None:
    op.create_table(
        'assets',
        sa.Column('id', Key('ast'), nullable=False),
        sa.Column('app_id', Key('app'), nullable=False),
        sa.Column('url', sa.String(2048), server_default='', nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('cause', sa.String(24), nullable=True),
        sa.Column('said', sa.String(512), server_default='', nullable=False),
        sa.Column('format', sa.String(8), server_default='', nullable=False),
        sa.Column('file', sa.String(80), server_default='', nullable=False),
        sa.Column('octets', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('width', sa.Integer(), nullable=True),
        sa.Column('height', sa.Integer(), nullable=True),
        sa.Column('ms', sa.Integer(), nullable=True),
        sa.Column('blurhash', sa.String(64), server_default='', nullable=False),
        sa.Column('created_at', Utc(), nullable=False),
        sa.Column('stored_at', Utc(), nullable=True),
        sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
        sa.Column('claim_token', Key('clm'), nullable=True),
        sa.Column('due_at', Utc(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('assets_pkey')),
    )
    op.create_index('assets_due', 'assets', ['due_at'], postgresql_where=TO_FETCH, sqlite_where=TO_FETCH)
    op.create_index(op.f('assets_file'), 'assets', ['file'])

    op.create_table(
        'dropped_files',
        sa.Column('file', sa.String(80), nullable=False),
        sa.Column('at', Utc(), nullable=False),
        sa.PrimaryKeyConstraint('file', name=op.f('dropped_files_pkey')),
    )
    op.create_table(
        'post_media',
        sa.Column('event_id', Key('evt'), nullable=False),
        sa.Column('place', sa.Integer(), nullable=False),
        sa.Column('app_id', Key('app'), nullable=False),
        sa.Column('type', sa.String(64), nullable=False),
        sa.Column('actor', sa.String(255), nullable=False),
        sa.Column('object', sa.String(255), nullable=False),
        sa.Column('asset_id', Key('ast'), nullable=False),
        sa.Column('alt', sa.String(512), server_default='', nullable=False),
        sa.PrimaryKeyConstraint('event_id', 'place', name=op.f('post_media_pkey')),
    )
    op.create_index(op.f('post_media_actor'), 'post_media', ['actor'])
    op.create_index(op.f('post_media_asset_id'), 'post_media', ['asset_id'])
    op.create_index(op.f('post_media_object'), 'post_media', ['object'])

    op.create_table(
        'renditions',
        sa.Column('id', Key('rdn'), nullable=False),
        sa.Column('asset_id', Key('ast'), nullable=False),
        sa.Column('spec', sa.String(32), nullable=False),
        sa.Column('version', sa.String(16), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('cause', sa.String(24), nullable=True),
        sa.Column('said', sa.String(512), server_default='', nullable=False),
        sa.Column('file', sa.String(80), server_default='', nullable=False),
        sa.Column('octets', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('width', sa.Integer(), nullable=True),
        sa.Column('height', sa.Integer(), nullable=True),
        sa.Column('progress', sa.Integer(), server_default='0', nullable=False),
        sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
        sa.Column('worker', sa.String(255), server_default='', nullable=False),
        sa.Column('claim_token', Key('clm'), nullable=True),
        sa.Column('due_at', Utc(), nullable=True),
        sa.Column('created_at', Utc(), nullable=False),
        sa.Column('started_at', Utc(), nullable=True),
        sa.Column('ended_at', Utc(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('renditions_pkey')),
        sa.UniqueConstraint('asset_id', 'spec', 'version', name=op.f('renditions_asset_id_spec_version_key')),
    )
    op.create_index('renditions_due', 'renditions', ['due_at'], postgresql_where=UNMADE, sqlite_where=UNMADE)
    op.create_index('renditions_failed', 'renditions', ['id'], postgresql_where=FAILED, sqlite_where=FAILED)
    op.create_index(op.f('renditions_file'), 'renditions', ['file'])
