"""What the clients know for themselves: what was acknowledged, what they cannot know, what went wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from soak.crash.instances import Instance


@dataclass(slots=True)
class Ledger:
    """The clients' own book. `sent` are digests by SOP Instance UID, of all that was ever sent."""

    sent: dict[str, bytes] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    by_series: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    stores: Counter[str] = field(default_factory=Counter)
    retrievals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def send(self, instances: Iterable[Instance]) -> None:
        """These are about to be sent."""
        for each in instances:
            self.sent[each.uid], self.paths[each.uid] = each.digest, each.path

    def acknowledge(self, instances: Iterable[Instance]) -> None:
        """These were acknowledged: from now on they may never be missing."""
        for each in instances:
            self.acknowledged.add(each.uid)
            self.by_series[each.study, each.series].add(each.uid)

    @property
    def doubtful(self) -> set[str]:
        """Sent and never acknowledged: there or not, but whole."""
        return self.sent.keys() - self.acknowledged
