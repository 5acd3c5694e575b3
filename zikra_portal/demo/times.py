"""Believable moments: in working hours, mostly on weekdays, in the past month."""

from datetime import datetime, timedelta
from random import Random

DAYS = 30
WORK_BEGINS, WORK_ENDS = 8, 18
# Of ten moments that fall on a weekend, so many stay there.
WEEKEND_SHARE = 0.2
MARGIN = timedelta(minutes=3)


class Calendar:
    """Moments before `now`, drawn from one source of chance, so that the same now gives the same moments."""

    def __init__(self, now: datetime, seed: str) -> None:
        self.now = now
        self.chance = Random(seed)  # noqa: S311 - a story, no secret

    def day(self, days_ago: float) -> datetime:
        """A moment in working hours about so many days ago."""
        moment = self.now - timedelta(days=days_ago)
        if moment.weekday() >= 5 and self.chance.random() > WEEKEND_SHARE:
            moment -= timedelta(days=moment.weekday() - 4)
        minutes = self.chance.randrange(WORK_BEGINS * 60, WORK_ENDS * 60)
        at_work = moment.replace(hour=minutes // 60, minute=minutes % 60, second=self.chance.randrange(60))
        return self.past(at_work)

    def past(self, moment: datetime) -> datetime:
        """The moment, or a little before now where it would lie in the future."""
        if moment < self.now - MARGIN:
            return moment
        return self.now - MARGIN - timedelta(seconds=self.chance.randrange(3600))

    def at_work(self, moment: datetime) -> datetime:
        """The moment, or soon after people come to work again."""
        morning = moment.replace(hour=WORK_BEGINS, minute=self.chance.randrange(50))
        if moment.hour < WORK_BEGINS:
            return morning
        return morning + timedelta(days=1) if moment.hour > WORK_ENDS else moment

    def after(self, moment: datetime, hours: float, *, least: float = 0.1) -> datetime:
        """Some time after a moment, between so many hours, or the next morning; never before it, nor in the future."""
        wanted = self.at_work(moment + timedelta(hours=self.chance.uniform(min(least, hours), hours)))
        if wanted < self.now - MARGIN:
            return wanted
        left = max(self.now - moment, timedelta())
        return moment + left * self.chance.uniform(0.3, 0.9)
