"""Webhooks in the tutorial way: a view, an ORM row, a commit, and one Celery task each; all in one module."""

import os
from datetime import UTC, datetime

import pywebpush  # noqa: F401 (the task that tells people needs it)
from celery import Celery
from flask import Flask, jsonify, request
from sqlalchemy import JSON, DateTime, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

from bench.tutorial.mails import mail, send_mail

app = Flask(__name__)
app.config.update(MAIL_SERVER="127.0.0.1", MAIL_DEFAULT_SENDER="news@acme.example")
mail.init_app(app)
celery = Celery("tutorial", broker=os.environ["BROKER_URL"])
celery.conf.beat_schedule = {"digests": {"task": "send_digests", "schedule": 60.0}}
engine = create_engine(os.environ["DATABASE_URL"])
session = scoped_session(sessionmaker(engine))


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(255), index=True)
    data: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


Base.metadata.create_all(engine)


@app.teardown_appcontext
def remove_session(_error: BaseException | None) -> None:
    session.remove()


@app.post("/webhooks")
def receive():
    body = request.get_json()
    event = Event(type=body["type"], actor=body["data"]["actor"]["id"], data=body["data"])
    session.add(event)
    session.commit()
    notify.delay(event.id)
    return jsonify({"id": event.id}), 202


@celery.task(name="notify")
def notify(event_id: int) -> None:
    with app.app_context():
        event = session.get(Event, event_id)
        if event is not None:
            send_mail("bob@app.example", event.data)


@celery.task(name="send_digests")
def send_digests() -> None:
    """Beat has something to ring for."""
