"""What the cutover's page shows, computed from rows alone."""

from __future__ import annotations

from dataclasses import dataclass

from migration.models import Cutover, CutoverStatus, CutoverStep, MigrationJob
from migration.switch_words import restart_words
from tiers import services as tiers

STEPS = {
    CutoverStep.CHECK: "Hold both stores, compare every row once more, try the federated store",
    CutoverStep.RECORD: "Write the cutover record",
    CutoverStep.ACTIVATE: "Activate the federated configuration",
    CutoverStep.TEST: "Read, write and search in the store that the file now names",
}
ICONS = {"done": "check", "now": "circle-dot", "stopped": "circle-x-filled", "later": "circle-dashed"}


@dataclass(frozen=True)
class StepLine:
    words: str
    status: str  # done, now, stopped, later

    @property
    def icon(self) -> str:
        return ICONS[self.status]


@dataclass(frozen=True)
class CutoverPage:
    """`cutover` is the run's newest one, None before the first."""

    cutover: Cutover | None

    @classmethod
    def of(cls, job: MigrationJob) -> CutoverPage:
        return cls(job.cutovers.select_related("previous", "target").first())

    @property
    def state(self) -> str:
        """Return none, working, stalled, failed, done or rolled_back."""
        if self.cutover is None:
            return "none"
        return "stalled" if self.cutover.is_stalled else str(self.cutover.status)

    @property
    def tag(self) -> str:
        return f"{self.state}-{self.cutover.step if self.cutover else ''}"

    @property
    def can_begin(self) -> bool:
        return self.state in ("none", "failed", "stalled", "rolled_back")

    @property
    def is_half_done(self) -> bool:
        """Say whether the files are between two stores: the gateway refuses to start until one way is taken."""
        return self.state in ("failed", "stalled") and bool(self.cutover and self.cutover.has_changed_files)

    @property
    def restart(self) -> str:
        return restart_words()

    @property
    def folder(self) -> str:
        return str(tiers.config_folder())

    @property
    def steps(self) -> list[StepLine]:
        names = list(STEPS)
        if self.cutover is None or self.state == "rolled_back":
            return [StepLine(words, "later") for words in STEPS.values()]
        if self.cutover.status == CutoverStatus.DONE:
            return [StepLine(words, "done") for words in STEPS.values()]
        at = names.index(CutoverStep(self.cutover.step)) if self.cutover.step else 0
        here = "now" if self.state == "working" else "stopped"
        return [
            StepLine(STEPS[name], "done" if place < at else here if place == at else "later")
            for place, name in enumerate(names)
        ]
