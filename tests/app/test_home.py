"""The data folder: what the first start makes, and who may read it."""

import stat
from pathlib import Path

import pytest

from notifier.app.home import Home


def test_the_first_start_makes_secrets_for_the_owner_alone_and_later_ones_find_them(tmp_path: Path):
    home = Home(tmp_path / "data", makes=True).open()
    secret, key = home.secret_key, home.vapid_private_key
    assert len(secret) >= 32
    assert "PRIVATE KEY" in key
    later = Home(tmp_path / "data")
    assert (later.secret_key, later.vapid_private_key) == (secret, key)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in home.folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700


def test_two_installations_share_no_secret(tmp_path: Path):
    one, two = (Home(tmp_path / name, makes=True).open() for name in ("one", "two"))
    assert one.secret_key != two.secret_key
    assert one.vapid_private_key != two.vapid_private_key


def test_a_role_of_its_own_makes_no_secret_silently(tmp_path: Path):
    home = Home(tmp_path)
    with pytest.raises(SystemExit, match="SECRET_KEY is not set"):
        _ = home.secret_key
    with pytest.raises(SystemExit, match="VAPID_PRIVATE_KEY is not set"):
        _ = home.vapid_private_key
    assert not list(tmp_path.iterdir())
