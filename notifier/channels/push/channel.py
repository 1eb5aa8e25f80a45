"""The push channel: reaches browsers through their makers' push services (RFC 8030), encrypted for each one."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue

from notifier.channels import Address, Answer, Notice, Report
from notifier.channels.push.addresses import Resolve, resolve
from notifier.channels.push.loop import LoopThread
from notifier.channels.push.messages import Push, rendered
from notifier.channels.push.sender import Sender
from notifier.channels.push.settings import PushSettings
from notifier.channels.push.subscriptions import masked_endpoint, read_stored
from notifier.channels.wording import BUILT_IN, Writer
from notifier.policy.endpoints import origin_of


@dataclass(frozen=True, slots=True)
class _Engine:
    loop: LoopThread
    sender: Sender


class PushChannel:
    """Keeps the `Channel` protocol for addresses that are browser subscriptions.

    May be used from many threads, and before and after a fork: all pushes of a process share one event loop in its
    own thread, with its kept connections. `resolve` asks the DNS; `writer` words the notices.
    """

    name = "push"
    perishable = True
    replaces = True

    def __init__(
        self,
        settings: PushSettings,
        clock: Callable[[], datetime],
        resolve: Resolve = resolve,
        writer: Writer = BUILT_IN,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._clock = clock
        self._resolve = resolve
        # By process id: threads and connections do not survive a fork, and neither does a lock that was held.
        self._engines: dict[int, _Engine] = {}

    def render(self, notice: Notice, now: datetime) -> Push:
        """Word the notice for a browser at this moment (aware UTC). Raises `TemplateFault`."""
        return rendered(notice, now, self._writer)

    def send(self, messages: Iterable[Push], report: Report) -> None:
        """Send each push once and report each answer, in this thread, as it comes.

        Returns when all are reported, after three deadlines at most. Where `report` raises, the rest is given up.
        """
        pushes = list(messages)
        answers: SimpleQueue[Answer | None] = SimpleQueue()
        engine = self._engine()
        work = engine.loop.submit(engine.sender.send(pushes, answers.put))
        work.add_done_callback(lambda _: answers.put(None))
        try:
            for answer in iter(answers.get, None):
                report(answer)
        finally:
            work.cancel()
        work.result()

    def origin(self, address: Address) -> str:
        """The push service's scheme, host and port."""
        return origin_of(read_stored(address.value).endpoint)

    @staticmethod
    def masked(address: Address) -> str:
        """The host and a piece of the endpoint's hash: `fcm.googleapis.com/…a1b2c3d4`."""
        return masked_endpoint(read_stored(address.value).endpoint)

    @staticmethod
    def named(address: Address) -> str:
        """No more than others see: whoever knows a subscription may send to it."""
        return PushChannel.masked(address)

    def warm(self) -> None:
        """Load the templates; the encoder, with its 30 MB, waits for the first push."""
        self._writer.load()

    def close(self) -> None:
        """Cancel what is under way in this process and close its connections. Sending again starts anew."""
        engine = self._engines.pop(os.getpid(), None)
        if engine:
            engine.loop.submit(engine.sender.close()).result()
            engine.loop.close()

    def _engine(self) -> _Engine:
        here = os.getpid()
        if here not in self._engines:
            sender = Sender(self._settings, self._clock, resolve=self._resolve)
            # Two threads may come here at once; setdefault keeps the first, and the other has started nothing.
            return self._engines.setdefault(here, _Engine(LoopThread("push"), sender))
        return self._engines[here]
