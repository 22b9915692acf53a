"""Every number that the pages can explain, by key."""

from dashboard.definitions.definition import Definition
from dashboard.definitions.history import HISTORY
from dashboard.definitions.live import LIVE
from dashboard.definitions.run import RUN
from dashboard.definitions.single import SINGLE

DEFINITIONS: dict[str, Definition] = {**LIVE, **RUN, **HISTORY, **SINGLE}
