"""Controlled delay: refuse what waited too long when the queue doesn't empty. Pure.

After Nichols and Jacobson (Controlling Queue Delay, 2012), as overload control uses it: while in each interval some
request waits less than the target, the queue is a burst, and good. An interval in which even the least wait was over
the target has a standing queue: in the next, what waited more than twice the target is refused, since its caller has
most likely gone, and the time is better spent on those who haven't.
"""


class Codel:
    """The delays of one class.

    Args:
        target_s: Longest wait that a standing queue may cause.
        interval_s: How long it may take a burst to go by.

    """

    def __init__(self, target_s: float, interval_s: float) -> None:
        self.target_s = target_s
        self.interval_s = interval_s
        self.overloaded = False
        self._least_s: float | None = None
        self._end_s = 0.0

    def drops(self, waited_s: float, now_s: float) -> bool:
        """Return whether a request whose turn has come is to be refused, having waited so long."""
        if now_s >= self._end_s:
            stood = now_s - waited_s <= self._end_s  # else the queue has been empty since
            self.overloaded = stood and self._least_s is not None and self._least_s > self.target_s
            self._least_s, self._end_s = None, now_s + self.interval_s
        self._least_s = waited_s if self._least_s is None else min(self._least_s, waited_s)
        return self.overloaded and waited_s > 2 * self.target_s
