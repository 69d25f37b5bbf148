"""Change tier configurations: each change is one transaction, with its revision, and never half of the file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from mosaic_admin import env
from mosaic_admin.audit.actor import SYSTEM
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.errors import MosaicError, NotFoundError
from tiers import codes
from tiers.activation import activate_row, digest_of, file_digest, settle, stale
from tiers.config import (
    ConfigError,
    ConfigFileError,
    Problem,
    ResolvedConfig,
    Tier,
    read_document,
    resolve_document,
    split_problems,
)
from tiers.masking import diff_lines, mask_document, pretty, redact_text, unmask_document
from tiers.models import RevisionAction, TierConfig, TierConfigRevision
from tiers.reading import parse_document
from tiers.schema import TIER_WORDS
from tiers.secret_places import problems_of
from tiers.writing import write_atomically

if TYPE_CHECKING:
    from mosaic_admin.people.models import User

DOCUMENT = "The document"  # how a document from a form is called in messages


def config_path() -> Path:
    """Return the file the gateway boots from."""
    return env.load().config


def config_folder() -> Path:
    """Return the folder that secret files of a configuration are relative to."""
    return config_path().resolve().parent


def all_configs() -> QuerySet[TierConfig]:
    """Return every configuration, the active one first."""
    return TierConfig.objects.select_related("updated_by")


def get_config(config_id: int) -> TierConfig:
    """Return one configuration. Raises NotFoundError."""
    config = TierConfig.objects.select_related("created_by", "updated_by").filter(pk=config_id).first()
    if config is None:
        raise NotFoundError(
            f"No tier configuration has the number {config_id}.",
            remediation="Open the list of tiers: /tiers/",
            code=codes.NO_CONFIG,
        )
    return config


def active_config() -> TierConfig | None:
    """Return the configuration that was activated last; an activation that died half-way is settled first."""
    settle(config_path())
    return TierConfig.objects.filter(is_active=True).first()


def federated_target() -> TierConfig | None:
    """Return the configuration a migration goes to unless told otherwise: the oldest of the federated tier."""
    return TierConfig.objects.filter(tier=Tier.FEDERATED).order_by("pk").first()


def resolve_config(config: TierConfig) -> ResolvedConfig:
    """Return a row resolved on this host. Raises ConfigError."""
    return resolve_document(config.document, base_dir=config_folder(), source=config.name)


def create_config(*, name: str, document: dict[str, Any], person: User | None = None, why: str = "") -> TierConfig:
    """Keep a new configuration. A variable this host lacks is no obstacle. Raises ConfigError."""
    name = name.strip()
    problems = [*_name_problems(name), *split_problems(document, base_dir=config_folder())[0]]
    if problems:
        raise ConfigError(problems, source=DOCUMENT)
    try:
        with transaction.atomic():
            config = TierConfig.objects.create(
                name=name, tier=TIER_WORDS[document["tier"]], document=document, created_by=person, updated_by=person
            )
            _record(config, RevisionAction.CREATE, person, why, before=None, after=document)
    except IntegrityError:
        raise ConfigError([_NAME_TAKEN], source=DOCUMENT, code=codes.CONFIG_NAME_TAKEN) from None
    return config


def read_typed(text: str, stored: dict[str, Any]) -> dict[str, Any]:
    """Return the document that somebody typed; the mask ••• stands for what `stored` has there. Raises ConfigError."""
    return unmask_document(parse_document(text, source=DOCUMENT), stored)


def secret_problems(document: dict[str, Any], *, person: User) -> list[Problem]:
    """Return the secrets of a document that this person may not give to the servers it names."""
    known = [*TierConfig.objects.values_list("document", flat=True)]
    with suppress(ConfigError, ConfigFileError):
        known.append(read_document(config_path()))
    return problems_of(document, role=person.role, known=known, base_dir=config_folder())


def edit_config(
    *,
    config_id: int,
    expected_revision: int,
    document: dict[str, Any],
    person: User | None = None,
    why: str = "",
    action: RevisionAction = RevisionAction.EDIT,
) -> TierConfig:
    """Keep a new revision; the file stays as it is until it is activated. The same document again changes nothing.

    Raises: ConfigError, StaleConfigError, NotFoundError.
    """
    config = get_config(config_id)
    problems, _ = split_problems(document, base_dir=config_folder())
    if problems:
        raise ConfigError(problems, source=DOCUMENT)
    if config.revision == expected_revision and config.document == document:
        return config
    with transaction.atomic():
        imported = {"file_digest": digest_of(document)} if action is RevisionAction.IMPORT else {}
        _claim(
            config,
            expected_revision,
            document=document,
            tier=TIER_WORDS[document["tier"]],
            updated_by=person,
            **imported,
        )
        _record(get_config(config_id), action, person, why, before=config.document, after=document)
    return get_config(config_id)


def activate(
    *,
    config_id: int,
    person: User | None = None,
    why: str = "",
    path: Path | None = None,
    expected_revision: int | None = None,
    expected_file: str | None = None,
) -> TierConfig:
    """Write the file and make the row the active one; killed at any moment, both end up old or both new.

    `expected_file` is the digest of the file that the person saw. Raises: ConfigError (also for a variable or secret
    file this host lacks), ConfigFileError, StaleConfigError, ActivationBusyError.
    """
    config = get_config(config_id)
    revision = config.revision if expected_revision is None else expected_revision
    activate_row(config, path or config_path(), person=person, why=why, revision=revision, expected_file=expected_file)
    return get_config(config_id)


def ensure_document(*, name: str, document: dict[str, Any], person: User | None = None, why: str = "") -> TierConfig:
    """Return the configuration that holds exactly this document, made under `name` or the next free one if needed."""
    same = next((row for row in TierConfig.objects.order_by("pk") if row.document == document), None)
    return same or create_config(name=_free_name(name), document=document, person=person, why=why)


def import_file(*, person: User | None = None, why: str = "", path: Path | None = None) -> TierConfig:
    """Take a file that was changed by hand over into the active row, or into a new one when none is active.

    Raises: ConfigFileError, ConfigError.
    """
    document = read_document(path or config_path())
    active = active_config()
    if active is not None:
        return edit_config(
            config_id=active.pk,
            expected_revision=active.revision,
            document=document,
            person=person,
            why=why,
            action=RevisionAction.IMPORT,
        )
    with transaction.atomic():
        config = create_config(name=_free_name("imported"), document=document, person=person, why=why)
        TierConfig.objects.filter(pk=config.pk).update(is_active=True, file_digest=digest_of(document))
        config.revisions.update(action=RevisionAction.IMPORT)
    return get_config(config.pk)


def ensure_config(*, name: str, document: dict[str, Any], active: bool = False, path: Path | None = None) -> TierConfig:
    """Make a configuration unless one of this name exists; what people changed since is left alone.

    `active`: make it the active one when none is, writing the file when there is none.
    """
    config = TierConfig.objects.filter(name=name).first()
    config = config or create_config(name=name, document=document, why="Made with this install.")
    path = path or config_path()
    if active and active_config() is None:
        if not path.exists():
            write_atomically(path, pretty(config.document))
        TierConfig.objects.filter(pk=config.pk).update(is_active=True, file_digest=file_digest(path))
    return get_config(config.pk)


@dataclass(frozen=True)
class Drift:
    """How the file differs from the active row. `error` when the file cannot be read as a configuration."""

    config: TierConfig
    path: Path
    lines: list[str] = field(default_factory=list)
    error: MosaicError | None = None
    is_by_hand: bool = True  # else the file is as it was written, and the row has a newer revision

    @property
    def is_missing(self) -> bool:
        return self.error is not None and not self.path.exists()

    @property
    def is_secret_only(self) -> bool:
        """Say whether only a masked password differs."""
        return self.error is None and not any(line.startswith(("+", "-")) for line in self.lines)


def drift(path: Path | None = None) -> Drift | None:
    """Compare the file with the active row; None when they agree, or no row is active."""
    path, config = path or config_path(), active_config()
    if config is None:
        return None
    try:
        document = read_document(path)
    except (ConfigError, ConfigFileError) as exc:
        return Drift(config, path, error=exc)
    if document == config.document:
        return None
    is_by_hand = config.file_digest != digest_of(document)
    return Drift(config, path, diff_lines(config.document, document), is_by_hand=is_by_hand)


def file_change(config: TierConfig, path: Path | None = None) -> list[str]:
    """Return what activating would change in the file, as masked diff lines; all new when the file is unusable."""
    try:
        before = read_document(path or config_path())
    except (ConfigError, ConfigFileError):
        before = {}
    return diff_lines(before, config.document)


def _claim(config: TierConfig, expected_revision: int, **values: Any) -> None:
    """Take the next revision by conditional update. Raises StaleConfigError."""
    changed = TierConfig.objects.filter(pk=config.pk, revision=expected_revision).update(
        revision=F("revision") + 1, updated_at=timezone.now(), **values
    )
    if changed != 1:
        raise stale(get_config(config.pk), expected_revision)


def _record(
    config: TierConfig,
    action: RevisionAction,
    person: User | None,
    why: str,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    masked_before, masked_after = mask_document(before) if before else None, mask_document(after)
    TierConfigRevision.objects.create(
        config=config,
        number=config.revision,
        action=action,
        person=person,
        who=person.get_username() if person else SYSTEM,
        why=redact_text(why.strip()),
        before=masked_before,
        after=masked_after,
        has_new_secret=before is not None and before != after and masked_before == masked_after,
    )
    record(
        Action(f"configuration.{action}"),
        config.name,
        link=config.get_absolute_url(),
        before=masked_before,
        after=masked_after,
        why=why,
        person=person,
    )


_NAME_TAKEN = Problem("name", "another configuration has this name", "Choose another name.")


def _name_problems(name: str) -> list[Problem]:
    if not name or len(name) > 100 or not name.isprintable():
        return [Problem("name", "is empty, too long or not printable", "Write 1 to 100 characters.")]
    return [_NAME_TAKEN] if TierConfig.objects.filter(name=name).exists() else []


def _free_name(wanted: str) -> str:
    names = set(TierConfig.objects.values_list("name", flat=True))
    return next(
        name for number in range(len(names) + 1) if (name := f"{wanted}-{number}" if number else wanted) not in names
    )
