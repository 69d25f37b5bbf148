"""The audit log. A row is written once: the model refuses to change or to delete one."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone

from mosaic_admin.audit import codes
from mosaic_admin.errors import MosaicError


class Action(models.TextChoices):
    """What can be done to an install. The part before the dot is the area."""

    CONFIG_CREATE = "configuration.create", "Created a configuration"
    CONFIG_EDIT = "configuration.edit", "Edited a configuration"
    CONFIG_IMPORT = "configuration.import", "Imported the configuration file"
    CONFIG_ACTIVATE = "configuration.activate", "Activated a configuration"
    CONFIG_UPGRADE = "configuration.upgrade", "Rewrote old words in the configuration file"
    CONFIG_RECOVER = "configuration.recover", "Settled an activation that was cut short"
    MIGRATION_PLAN = "migration.plan", "Made a dry run"
    MIGRATION_DECIDE = "migration.decide", "Changed the decisions of a run"
    MIGRATION_START = "migration.start", "Started a run"
    MIGRATION_PAUSE = "migration.pause", "Paused a run"
    MIGRATION_CONTINUE = "migration.continue", "Let a paused run go on"
    MIGRATION_RESUME = "migration.resume", "Resumed a run"
    MIGRATION_CANCEL = "migration.cancel", "Cancelled a run"
    MIGRATION_THROTTLE = "migration.throttle", "Changed the speed of a run"
    MIGRATION_REHEARSE = "migration.rehearse", "Rehearsed a migration"
    MIGRATION_DISCARD = "migration.discard", "Discarded a run's rows in the target"
    MIGRATION_FORGET = "migration.forget", "Removed old runs from the history"
    MIGRATION_EXPORT = "migration.export", "Exported runs"
    MIGRATION_CUTOVER = "migration.cutover", "Cut over to the federated tier"
    MIGRATION_ROLLBACK = "migration.rollback", "Rolled a cutover back"
    MIGRATION_BUNDLE = "migration.bundle", "Downloaded a support bundle"
    TOKEN_CREATE = "token.create", "Made an API token"
    TOKEN_REVOKE = "token.revoke", "Revoked an API token"
    PERSON_INVITE = "person.invite", "Invited a person"
    PERSON_JOIN = "person.join", "Accepted an invitation"
    PERSON_CREATE = "person.create", "Added a person"
    PERSON_ROLE = "person.role", "Changed a role"
    PERSON_DISABLE = "person.disable", "Closed an account"
    PERSON_ENABLE = "person.enable", "Reopened an account"
    PERSON_RESET = "person.reset", "Reset a password"
    PERSON_PASSWORD = "person.password", "Changed their own password"
    SIGN_IN = "session.sign-in", "Signed in"
    SIGN_IN_PAUSED = "session.paused", "Sign-in paused after wrong passwords"
    SIGN_OUT = "session.sign-out", "Signed out"
    GATEWAY_PAUSE = "gateway.pause", "Paused the gateway"
    GATEWAY_RESUME = "gateway.resume", "Resumed the gateway"
    STACK_UP = "stack.up", "Started the stack"
    STACK_DOWN = "stack.down", "Stopped the stack"
    STACK_RESTART = "stack.restart", "Restarted a service of the stack"
    STACK_ROTATE = "stack.rotate", "Changed a password of the stack"
    DOCTOR_SUPPRESS = "doctor.suppress", "Put a finding aside"
    DOCTOR_UNSUPPRESS = "doctor.unsuppress", "Let a finding count again"
    DOCTOR_BUNDLE = "doctor.bundle", "Downloaded the doctor's support bundle"
    WEBHOOK_CREATE = "webhook.create", "Added a webhook"
    WEBHOOK_TEST = "webhook.test", "Sent a test to a webhook"
    WEBHOOK_DELETE = "webhook.delete", "Removed a webhook"
    BACKUP_CREATE = "backup.create", "Made a backup of the dashboard"
    BACKUP_RESTORE = "backup.restore", "Restored the dashboard from a backup"
    AUDIT_EXPORT = "audit.export", "Exported the audit log"

    @property
    def area(self) -> str:
        return self.value.partition(".")[0]


class Channel(models.TextChoices):
    """The way in."""

    WEB = "web", "Browser"
    API = "api", "API"
    COMMAND = "command", "Command line"
    SYSTEM = "system", "Mosaic itself"


class AppendOnlyError(MosaicError):
    """Somebody tried to change or delete an audit event."""

    code = codes.APPEND_ONLY


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise AppendOnlyError(
        "The audit log only grows: an event is neither changed nor deleted.",
        remediation="Record a new event that says what is right.",
    )


class AppendOnlyQuerySet(models.QuerySet["AuditEvent"]):
    update = _refuse
    delete = _refuse
    bulk_update = _refuse
    update_or_create = _refuse

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **options: Any) -> list[AuditEvent]:
        events = list(objs)
        if update_conflicts or any(event.pk is not None for event in events):
            _refuse()
        return super().bulk_create(events, *args, **options)


class AuditEvent(models.Model):
    """One thing that somebody did. `before` and `after` are masked before they get here."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    action = models.CharField(max_length=40)  # an `Action`; without choices, so that a new one needs no migration
    # The name at that time, and no more than a hint to the account: the log outlives the account.
    who = models.CharField(max_length=150)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    role = models.CharField(max_length=16, blank=True)
    channel = models.CharField(max_length=16, choices=Channel.choices)
    address = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=200)
    link = models.CharField(max_length=200, blank=True)
    why = models.TextField(blank=True)
    error_code = models.CharField(max_length=20, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    objects: ClassVar[models.Manager[AuditEvent]] = AppendOnlyQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"  # else `_base_manager` would be a way round
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            # Each filter of the page ends in the order of the page: a page is read off an index, whatever the size.
            models.Index(fields=["at", "id"], name="audit_time"),
            models.Index(fields=["who", "at", "id"], name="audit_who"),
            models.Index(fields=["action", "at", "id"], name="audit_action"),
            models.Index(fields=["who", "action", "at", "id"], name="audit_who_action"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.who} {self.action} {self.subject}"

    @property
    def words(self) -> str:
        """Return what was done; an action that a newer version knew shows as its own word."""
        return Action(self.action).label if self.action in Action else self.action

    @property
    def is_session(self) -> bool:
        return self.action.startswith("session.")

    def save(self, *args: Any, **options: Any) -> None:
        """Insert; an event that is there already is never written again."""
        if not self._state.adding or self.pk is not None:
            _refuse()
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        _refuse()
