"""What a worker had to say in English is on record when its chunk is done, and is not lost with the database away."""

from datetime import timedelta

from notifier.channels.email import EmailChannel, EmailSettings
from notifier.channels.wording import Writer
from notifier.languages import Languages, Missing
from notifier.pipeline.missing import keep_missing
from notifier.pipeline.record import Recorder
from notifier.pipeline.send import Sender, SendSettings
from notifier.store.database import Database
from notifier.store.fallbacks import Fallbacks, Lack
from notifier.store.people import People
from tests.pipeline.line import LEASE, Line
from tests.smtp_server import SmtpServer


def kept(database: Database) -> list[Lack]:
    with database.read() as connection:
        return Fallbacks(connection).most_frequent(9)


def test_a_person_whose_language_we_lack_is_written_to_in_english_and_it_is_counted(line: Line):
    ids = line.planned(2)
    with line.database.write() as connection:
        People(connection).save("bob", {"locale": "fr-CA"}, line.clock())
    writer = Writer(Languages())
    settings = SendSettings(LEASE, 1, "http://x.example", b"k" * 32, writer.languages.missing)
    recorder = Recorder(line.database, worker="w", lease=timedelta(seconds=60), clock=line.clock)
    with SmtpServer() as server:
        relay = EmailSettings(server="127.0.0.1", port=server.port, sender="Acme <news@acme.example>")
        channel = EmailChannel(relay, line.clock, writer)
        Sender(line.database, {"email": channel}, line.catalogue, recorder, settings, line.clock).send(ids)
        channel.close()
    assert kept(line.database) == [Lack("fr", "", 2)]


def test_while_the_database_is_away_the_counts_stay_with_the_process(database: Database):
    missing, nowhere = Missing(), Database("sqlite:////nowhere/at/all.db")
    missing.add("de", "Poke back", 3)
    keep_missing(nowhere, missing)
    nowhere.close()
    keep_missing(database, missing)
    keep_missing(database, missing)
    assert kept(database) == [Lack("de", "Poke back", 3)]
