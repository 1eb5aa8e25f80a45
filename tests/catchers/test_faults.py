"""A switch strikes as often as it was told to, whoever meets it."""

from pathlib import Path

import pytest

from notifier.catchers.faults import Faults, MailFault, PushFault, Switch
from tests.catchers.conftest import SPAWN

AT_RECIPIENT = (MailFault.BUSY, MailFault.NO_MAILBOX)


def count_strikes(folder: Path, tries: int, met: "SPAWN.Queue[int]") -> None:
    faults = Faults(folder)
    met.put(sum(faults.take_push() is PushFault.THROTTLED for _ in range(tries)))


def test_a_counted_fault_strikes_exactly_so_often_in_two_processes(tmp_path: Path, faults: Faults) -> None:
    faults.set_push(Switch(PushFault.THROTTLED, left=300))
    met = SPAWN.Queue()
    processes = [SPAWN.Process(target=count_strikes, args=(tmp_path, 250, met)) for _ in range(2)]
    for process in processes:
        process.start()
    strikes = [met.get(timeout=20) for _ in processes]
    for process in processes:
        process.join()
    assert sum(strikes) == 300
    assert not faults.switches().push.armed


def test_a_lasting_fault_strikes_until_it_is_switched_off(faults: Faults) -> None:
    faults.set_push(Switch(PushFault.BROKEN, left=None))
    assert [faults.take_push() for _ in range(5)] == [PushFault.BROKEN] * 5
    faults.set_push(Switch())
    assert faults.take_push() is None


def test_a_fault_of_the_recipient_is_not_used_up_at_the_end_of_the_data(faults: Faults) -> None:
    faults.set_mail(Switch(MailFault.BUSY, left=1))
    assert faults.take_mail((MailFault.REJECTED,)) is None
    assert faults.take_mail(AT_RECIPIENT) is MailFault.BUSY
    assert faults.take_mail(AT_RECIPIENT) is None


def test_the_switches_of_mail_and_push_do_not_touch_each_other(faults: Faults) -> None:
    faults.set_mail(Switch(MailFault.BUSY, left=7, delay=1.5))
    faults.set_push(Switch(PushFault.GONE, left=1, retry_after=9))
    faults.take_push()
    assert faults.switches().mail == Switch(MailFault.BUSY, left=7, delay=1.5)


@pytest.mark.parametrize(
    ("switch", "on"),
    [
        (Switch(), False),
        (Switch(PushFault.GONE, left=0), False),
        (Switch(delay=1), True),
        (Switch("410", left=None), True),
    ],
)
def test_a_switch_knows_whether_it_is_on(switch: Switch, on: bool) -> None:
    assert switch.on is on
