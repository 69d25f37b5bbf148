"""Migration jobs: the row is the truth about a run, not the message and not the worker's memory."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tiers.models import TierConfig

CUTOVER_SILENCE_S = 20.0  # it gives a sign of life every 2 s; a busy machine may miss some


class JobState(models.TextChoices):
    """What is stored. `interrupted` is not among them: it is derived from the lease at read time."""

    PLANNING = "planning", "Planning"
    PLANNED = "planned", "Dry run"
    PLAN_FAILED = "plan_failed", "Dry run failed"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    VERIFIED = "verified", "Verified"
    REHEARSED = "rehearsed", "Rehearsed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class EffectiveState(models.TextChoices):
    """What people see: the stored states, and `interrupted` for a run whose worker stopped extending its lease."""

    PLANNING = "planning", "Planning"
    PLANNED = "planned", "Dry run"
    PLAN_FAILED = "plan_failed", "Dry run failed"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    INTERRUPTED = "interrupted", "Interrupted"
    VERIFIED = "verified", "Verified"
    REHEARSED = "rehearsed", "Rehearsed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class JobKind(models.TextChoices):
    """A rehearsal is a whole migration into a scratch database on the target's server, which is then dropped."""

    MIGRATION = "migration", "Migration"
    REHEARSAL = "rehearsal", "Rehearsal"


class ControlRequest(models.TextChoices):
    """What a person asked of a running job; its worker reads it every two seconds."""

    NONE = "none", "None"
    PAUSE = "pause", "Pause"
    CANCEL = "cancel", "Cancel"


ACTIVE_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
FINISHED_STATES = (JobState.VERIFIED, JobState.REHEARSED, JobState.FAILED, JobState.CANCELLED, JobState.PLAN_FAILED)


class MigrationJob(models.Model):
    """One migration from its dry run to its certificate; `attempt` grows with every replan and every resume.

    Documents are configuration documents as they were chosen: with `${VARIABLE}`s and secret files by name, never
    shown on a page. `version` grows with every write and is the polling tag.
    """

    number = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=16, choices=JobKind, default=JobKind.MIGRATION)
    rehearsal_of: Any = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="rehearsals")
    scratch_database = models.TextField(default="", blank=True)  # a rehearsal's own, "" once it is dropped
    state = models.CharField(max_length=16, choices=JobState, default=JobState.PLANNING)
    phase = models.CharField(max_length=16, default="")
    version = models.PositiveBigIntegerField(default=1)
    attempt = models.PositiveIntegerField(default=1)
    resumes = models.PositiveIntegerField(default=0)  # how often people had it go on after it stopped
    lost_workers = models.PositiveIntegerField(default=0)  # workers that stopped during this one dry run
    run_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    source_document = models.JSONField()
    source_base_dir = models.TextField(default="")
    source_label = models.TextField()
    source_tier = models.CharField(max_length=16, default="")
    target_document = models.JSONField()
    target_base_dir = models.TextField(default="")
    target_label = models.TextField()
    target_key = models.TextField(default="")  # system identifier and database, known once the plan has asked them
    target_name = models.TextField(default="")  # what a person types to confirm: database@host:port

    decisions = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    max_mb_s = models.FloatField(null=True, default=None)  # 10^6 bytes per second; None for as fast as it goes
    plan = models.JSONField(null=True, default=None)
    plan_hash = models.CharField(max_length=64, default="")
    progress = models.JSONField(null=True, default=None)
    rows_done = models.BigIntegerField(default=0)
    rows_total = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    result = models.JSONField(null=True, default=None)

    lease_owner = models.TextField(default="")
    lease_expires_at = models.DateTimeField(null=True, default=None)
    heartbeat_at = models.DateTimeField(null=True, default=None)
    control = models.CharField(max_length=8, choices=ControlRequest, default=ControlRequest.NONE)

    error_code = models.CharField(max_length=16, default="")
    error_message = models.TextField(default="")
    error_remediation = models.TextField(default="")
    is_error_final = models.BooleanField(default=False)

    created_by: Any = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by_name = models.TextField(default="")  # outlives the person's account
    started_by_name = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)
    planned_at = models.DateTimeField(null=True, default=None)
    enqueued_at = models.DateTimeField(null=True, default=None)
    started_at = models.DateTimeField(null=True, default=None)
    finished_at = models.DateTimeField(null=True, default=None)
    discarded_at = models.DateTimeField(null=True, default=None)  # what it wrote is out of the target again
    noticed = models.CharField(max_length=40, default="", blank=True)  # attempt and state that people were told of
    search_text = models.TextField(default="")  # lower case; written with the plan and with an error

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["target_key"],
                condition=Q(state__in=ACTIVE_STATES),
                name="migration_one_active_job_per_target",
            ),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="migration_job_state_known"),
            models.CheckConstraint(
                condition=Q(max_mb_s=None) | Q(max_mb_s__gt=0), name="migration_job_throttle_positive"
            ),
            models.CheckConstraint(condition=Q(control__in=ControlRequest.values), name="migration_job_control_known"),
            models.CheckConstraint(
                condition=~Q(state__in=ACTIVE_STATES) | (~Q(plan_hash="") & ~Q(target_key="")),
                name="migration_active_job_has_plan",
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.RUNNING) | (~Q(lease_owner="") & Q(lease_expires_at__isnull=False)),
                name="migration_running_job_has_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_expires_at"], name="migration_job_state_lease"),
            # All that the list filters by: it is read off this index, a run's row is as large as its plan.
            models.Index(
                fields=[
                    "-number", "created_at", "state", "lease_expires_at", "source_tier", "plan_hash",
                    "created_by_name", "started_by_name",
                ],
                name="migration_job_list",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"run #{self.number}"

    def effective_state(self, now: datetime | None = None) -> EffectiveState:
        """Return what is true now: a run whose lease ran out is interrupted, whatever its last worker stored."""
        if self.state in (JobState.RUNNING, JobState.PAUSED) and self.is_lease_expired(now):
            return EffectiveState.INTERRUPTED
        return EffectiveState(self.state)

    def is_lease_expired(self, now: datetime | None = None) -> bool:
        return self.lease_expires_at is not None and self.lease_expires_at < (now or timezone.now())

    @property
    def can_discard(self) -> bool:
        """Say whether what the run wrote can be taken out of its target: it stopped, and was not brought to its end."""
        has_stopped = self.state in (JobState.CANCELLED, JobState.FAILED) and self.started_at is not None
        return has_stopped and not self.is_rehearsal and self.discarded_at is None

    @property
    def is_rehearsal(self) -> bool:
        return self.kind == JobKind.REHEARSAL

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def is_resumable(self) -> bool:
        """Say whether Resume is on offer: paused, interrupted, or failed with an error that can be repaired."""
        if self.is_rehearsal:  # its scratch database is dropped as soon as it stops
            return False
        state = self.effective_state()
        if state in (EffectiveState.PAUSED, EffectiveState.INTERRUPTED):
            return True
        return state is EffectiveState.FAILED and not self.is_error_final

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first start to the end, or to the last sign of life."""
        end = self.finished_at or self.heartbeat_at
        if self.started_at is None or end is None:
            return None
        return max(0.0, (end - self.started_at).total_seconds())


class RunWords(models.Model):
    """What a run is found by, lower case, in a narrow table: a search reads all of it (`migration.jobs.note_words`)."""

    job = models.OneToOneField(
        MigrationJob, to_field="number", primary_key=True, on_delete=models.CASCADE, related_name="words"
    )
    text = models.TextField()

    def __str__(self) -> str:
        return self.text


class MigrationEvent(models.Model):
    """One line of a job's history: state changes with their actor, and what the engine found worth a line."""

    class Level(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    job = models.ForeignKey(MigrationJob, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=8, choices=Level, default=Level.INFO)
    actor = models.TextField(default="")  # a person's name; "" for the worker
    message = models.TextField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["job", "at", "id"], name="migration_event_job_at_id")]
        constraints = [
            models.CheckConstraint(
                condition=Q(level__in=["info", "warning", "error"]), name="migration_event_level_known"
            )
        ]

    def __str__(self) -> str:
        return self.message


class MigrationSample(models.Model):
    """One throughput point, about one a second while a job runs."""

    job = models.ForeignKey(MigrationJob, on_delete=models.CASCADE, related_name="samples")
    at = models.DateTimeField()
    bytes_done = models.BigIntegerField()
    rows_done = models.BigIntegerField()
    rate = models.FloatField()  # bytes per second

    class Meta:
        ordering = ["at"]
        indexes = [models.Index(fields=["job", "at"], name="migration_sample_job_at")]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.rate:.0f} B/s"


class CutoverStatus(models.TextChoices):
    """How far a cutover is. FAILED stops before anything changed or can be finished; ROLLED_BACK is its end."""

    WORKING = "working", "Working"
    FAILED = "failed", "Stopped"
    DONE = "done", "Cut over"
    ROLLED_BACK = "rolled_back", "Rolled back"


class CutoverStep(models.TextChoices):
    """What a cutover does, in order; each step can be repeated, so that a killed one is finished by the next try."""

    CHECK = "check", "Compare both stores"
    RECORD = "record", "Write the cutover record"
    ACTIVATE = "activate", "Activate the federated configuration"
    TEST = "test", "Smoke test"
    NONE = "", "Done"


class Cutover(models.Model):
    """One move of the install to a verified run's target, and the way back. One that is not rolled back per run."""

    job = models.ForeignKey(MigrationJob, on_delete=models.PROTECT, related_name="cutovers")
    status = models.CharField(max_length=16, choices=CutoverStatus, default=CutoverStatus.WORKING)
    step = models.CharField(max_length=16, choices=CutoverStep, default=CutoverStep.CHECK, blank=True)
    previous: Any = models.ForeignKey(TierConfig, null=True, on_delete=models.SET_NULL, related_name="+")
    target: Any = models.ForeignKey(TierConfig, null=True, on_delete=models.SET_NULL, related_name="+")
    store_at = models.DateTimeField(null=True, default=None)  # by the target's clock: its gains count from here
    smoke = models.TextField(default="", blank=True)
    gained = models.JSONField(null=True, default=None)  # what a rollback left behind
    heartbeat_at = models.DateTimeField(default=timezone.now)
    error_code = models.CharField(max_length=16, default="", blank=True)
    error_message = models.TextField(default="", blank=True)
    error_remediation = models.TextField(default="", blank=True)
    by_name = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, default=None)
    rolled_back_by_name = models.TextField(default="", blank=True)
    rolled_back_at = models.DateTimeField(null=True, default=None)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["job"], condition=~Q(status="rolled_back"), name="migration_one_open_cutover_per_job"
            ),
            models.CheckConstraint(condition=Q(status__in=CutoverStatus.values), name="migration_cutover_status_known"),
        ]

    def __str__(self) -> str:
        return f"cutover of run #{self.job.number}"

    @property
    def is_stalled(self) -> bool:
        """Say whether its process stopped in the middle; the same command or button finishes it."""
        silent = timezone.now() - self.heartbeat_at > timedelta(seconds=CUTOVER_SILENCE_S)
        return self.status == CutoverStatus.WORKING and silent

    @property
    def is_working(self) -> bool:
        return self.status == CutoverStatus.WORKING and not self.is_stalled

    @property
    def has_changed_files(self) -> bool:
        """Say whether the record, and maybe the configuration, are no longer as they were."""
        return self.status == CutoverStatus.DONE or self.step in (CutoverStep.ACTIVATE, CutoverStep.TEST)
