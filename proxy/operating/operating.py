"""What operators may change while the proxy runs, put together: keys, and the audit log of all changes."""

import os
import socket
from pathlib import Path

from proxy.config import ProxySettings
from proxy.live import Live
from proxy.operating.audit import MAX_ENTRIES, Audit
from proxy.operating.issuer import KeyIssuer
from proxy.operating.key_file import KeyFile
from proxy.shared.clock import FleetClock
from proxy.shared.fleet import Fleet
from proxy.shared.journal import SharedJournal
from proxy.shared.keys import SharedKeys


class Operating:
    """Keys and the audit log of one proxy; `start` before use.

    Args:
        settings: The configuration to begin with.
        instance: Names this proxy for the time that it runs.
        live: Has the records of keys.
        clock: The fleet's time.
        fleet: What is shared with others; None without a store.

    """

    def __init__(
        self, settings: ProxySettings, instance: str, *, live: Live, clock: FleetClock, fleet: Fleet | None
    ) -> None:
        self._live = live
        self._file = None if settings.keys.file is None else KeyFile(Path(settings.keys.file))
        self.audit = Audit(f"{socket.gethostname()}:{os.getpid()}", instance, clock.now_s)
        if fleet is None:
            self.keys = KeyIssuer(live, None, self._file)
            return
        shared = SharedKeys(fleet.store, live.records, clock)
        self.keys = KeyIssuer(live, shared, self._file)
        shared.on_change = self.keys.save_or_log
        self.audit.journal = SharedJournal(fleet.store, MAX_ENTRIES)
        self.audit.on_entry = fleet.upkeep.wake
        fleet.upkeep.parts += [shared.sync, self.audit.send]

    def start(self) -> None:
        """Read the file of keys, if there is one.

        Raises:
            ConfigError: It can't be used.

        """
        if self._file is not None:
            self._file.open(self._live.records)
