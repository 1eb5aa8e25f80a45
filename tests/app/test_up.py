"""What a start finds and makes: the default app, also in a database that is new to an old data folder."""

import json
from pathlib import Path

from config import load
from notifier.app.tools import Tools
from notifier.store.apps import Apps
from notifier.store.database import Database
from tests.stack import Stack, comment


def test_a_new_database_under_an_old_data_folder_gets_a_default_app_of_its_own(tmp_path: Path):
    with Stack(tmp_path) as stack:
        first = stack.ready["app"]
        stack.stop()
        stack.start()
        assert stack.ready["app"] == first
        stack.stop()
        (stack.data_dir / "notifier.db").unlink()
        stack.start()
        assert stack.ready["app"]["id"] != first["id"]
        assert stack.post_signed(comment()).status == 202


def test_a_default_app_that_is_older_than_a_scope_has_it_after_the_next_start(tmp_path: Path):
    with Stack(tmp_path) as stack:
        stack.stop()
        database = Database(stack.database_url)
        with database.write() as connection:
            Apps(connection).widen(stack.ready["app"]["id"], ("events", "log"))
        database.close()
        stack.start()
        assert stack.call("GET", "/v1/schedules").status == 200


def test_the_ready_file_tells_all_that_others_need_and_to_its_owner_alone(tmp_path: Path):
    with Stack(tmp_path):
        ready = tmp_path / "ready.json"
        assert ready.stat().st_mode & 0o077 == 0
        told = json.loads(ready.read_text())
        assert set(told) == {"url", "admin_url", "pids", "app"}
        assert set(told["pids"]) == {"web", "worker", "scheduler", "broker"}
        assert all(told["pids"].values())
        assert set(told["app"]) == {"id", "secret", "key"}


def test_the_local_push_service_is_where_we_serve_whatever_address_the_links_carry(tmp_path: Path):
    with Stack(tmp_path, PUBLIC_URL="https://notify.example.com", PUSH_ALLOW_LOOPBACK="") as stack:
        stack.person("bob")
        browser = Tools(load, stack.data_dir).catchers.browser("bob")
        assert browser["endpoint"].startswith(f"{stack.ready['url']}/dev/push/")
        assert stack.call("POST", "/v1/users/bob/push-subscriptions", browser).status == 201
        stack.post(comment())
        stack.at_rest()
        [push] = stack.deliveries(channel="push")
        assert push["state"] == "sent"


def test_a_service_in_another_folder_names_the_demo_that_finds_it(tmp_path: Path):
    (folder := tmp_path / "mit Umläuten").mkdir()
    with Stack(folder) as stack:
        assert f"make demo ARGS=\"--data-dir '{stack.data_dir}'\"" in stack.log()
