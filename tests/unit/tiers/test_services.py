"""Tier configurations in the dashboard: revisions, activation, drift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

import tiers
from mosaic_admin.errors import NotFoundError
from mosaic_admin.people.models import User
from tiers import codes, services
from tiers.activation import StaleConfigError
from tiers.config import ConfigError, ConfigFileError
from tiers.masking import mask_document
from tiers.models import RevisionAction, TierConfig

LOCAL = tiers.DEFAULT_LOCAL_CONFIG
CANARY = "canary-password-99"
INLINE: dict[str, Any] = {
    "version": 1,
    "tier": "standalone",
    "storage": {"type": "postgres", "url": f"postgresql://u:{CANARY}@h:5432/d", "enableVector": False},
    "queue": {"type": "local"},
    "memory": {"type": "keyword"},
}

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("config_file")]


def local(folder: str) -> dict[str, Any]:
    return {**LOCAL, "storage": {"type": "pglite", "dataDir": folder}}


def edit_typed(config: TierConfig, text: str) -> TierConfig:
    document = services.read_typed(text, config.document)
    return services.edit_config(config_id=config.pk, expected_revision=1, document=document)


def test_create_keeps_a_first_revision_with_who_and_why(person: User) -> None:
    config = services.create_config(name="home", document=LOCAL, person=person, why="laptop")
    (revision,) = config.revisions.all()
    assert (revision.number, revision.action, revision.who, revision.why) == (1, "create", "olga", "laptop")
    assert (revision.before, revision.after) == (None, LOCAL)


def test_create_refuses_a_bad_document_with_every_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        services.create_config(name="x", document={**LOCAL, "tier": "federated"})
    assert {problem.path for problem in caught.value.problems} == {
        "storage.type", "queue.type", "memory.type",
    }  # fmt: skip
    assert not TierConfig.objects.exists()


def test_a_variable_this_host_lacks_does_not_keep_a_configuration_from_being_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MOSAIC_PG_PASSWORD", raising=False)
    assert services.create_config(name="f", document=tiers.DEFAULT_FEDERATED_CONFIG).tier == "federated"


def test_a_name_can_be_used_once() -> None:
    services.create_config(name="home", document=LOCAL)
    with pytest.raises(ConfigError) as caught:
        services.create_config(name=" home ", document=LOCAL)
    assert caught.value.problems[0].path == "name"


def test_the_old_word_is_kept_in_the_document_and_counts_as_standalone() -> None:
    config = services.create_config(name="old", document={**INLINE, "tier": "team"})
    assert (config.tier, config.document["tier"]) == ("standalone", "team")


def test_edit_keeps_before_and_after_without_passwords(person: User) -> None:
    config = services.create_config(name="s", document=INLINE)
    changed = {**INLINE, "storage": {**INLINE["storage"], "url": f"postgresql://u:{CANARY}2@h:5432/d"}}
    services.edit_config(config_id=config.pk, expected_revision=1, document=changed, person=person)
    revision = config.revisions.get(number=2)
    assert CANARY not in json.dumps([revision.before, revision.after])
    assert revision.has_new_secret
    assert services.get_config(config.pk).document == changed


def test_edit_of_a_stale_revision_overwrites_nothing() -> None:
    config = services.create_config(name="s", document=LOCAL)
    services.edit_config(config_id=config.pk, expected_revision=1, document=local("a"))
    with pytest.raises(StaleConfigError) as caught:
        services.edit_config(config_id=config.pk, expected_revision=1, document=local("b"))
    assert caught.value.code is codes.CONFIG_STALE
    assert services.get_config(config.pk).document == local("a")
    assert config.revisions.count() == 2


def test_saving_the_same_document_makes_no_revision() -> None:
    config = services.create_config(name="s", document=LOCAL)
    assert services.edit_config(config_id=config.pk, expected_revision=1, document=dict(LOCAL)).revision == 1


def test_the_mask_stands_for_the_stored_password() -> None:
    config = services.create_config(name="s", document=INLINE)
    text = json.dumps(INLINE).replace(CANARY, "•••").replace("/d", "/other")
    edited = edit_typed(config, text)
    assert edited.document["storage"]["url"] == f"postgresql://u:{CANARY}@h:5432/other"


def test_the_mask_never_sends_the_stored_password_to_another_host() -> None:
    config = services.create_config(name="s", document=INLINE)
    text = json.dumps(INLINE).replace(CANARY, "•••").replace("@h:", "@evil:")
    with pytest.raises(ConfigError, match="mask"):
        edit_typed(config, text)


def test_activate_writes_the_file_privately_and_records_it(config_file: Path, person: User) -> None:
    first = services.create_config(name="a", document=local("a"))
    second = services.create_config(name="b", document=local("b"))
    services.activate(config_id=first.pk)
    services.activate(config_id=second.pk, person=person, why="try")
    assert json.loads(config_file.read_text()) == local("b")
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in config_file.parent.iterdir()] == ["mosaic.config.json"]
    assert list(TierConfig.objects.filter(is_active=True)) == [second]
    revision = second.revisions.get(action=RevisionAction.ACTIVATE)
    assert (revision.who, revision.why, revision.before, revision.after) == ("olga", "try", local("a"), local("b"))


def test_the_file_has_its_keys_in_the_order_people_expect(config_file: Path) -> None:
    shuffled = {key: LOCAL[key] for key in sorted(LOCAL, reverse=True)}
    services.activate(config_id=services.create_config(name="a", document=shuffled).pk)
    assert list(json.loads(config_file.read_text())) == ["version", "tier", "storage", "queue", "memory"]


def test_activate_through_a_link_replaces_what_it_points_at(config_file: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("{}")
    config_file.symlink_to(real)
    services.activate(config_id=services.create_config(name="a", document=LOCAL).pk)
    assert config_file.is_symlink()
    assert json.loads(real.read_text()) == LOCAL


def test_activate_refuses_what_this_host_cannot_resolve(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOSAIC_PG_PASSWORD", raising=False)
    config = services.create_config(name="f", document=tiers.DEFAULT_FEDERATED_CONFIG)
    with pytest.raises(ConfigError, match="MOSAIC_PG_PASSWORD is not set"):
        services.activate(config_id=config.pk)
    assert not config_file.exists()


def test_a_file_that_cannot_be_written_leaves_the_rows_as_they_were(tmp_path: Path) -> None:
    config = services.create_config(name="a", document=LOCAL)
    with pytest.raises(ConfigFileError) as caught:
        services.activate(config_id=config.pk, path=tmp_path / "nowhere" / "mosaic.config.json")
    assert caught.value.code is codes.CONFIG_NOT_WRITABLE
    assert services.active_config() is None
    assert config.revisions.count() == 1


def test_a_failed_replace_leaves_no_temporary_file_and_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "mosaic.config.json"
    target.mkdir()  # a rename over a folder fails on every system
    with pytest.raises(ConfigFileError):
        services.activate(config_id=services.create_config(name="a", document=LOCAL).pk, path=target)
    assert [path.name for path in tmp_path.iterdir()] == ["mosaic.config.json"]


def test_the_database_allows_one_active_configuration() -> None:
    first = services.create_config(name="a", document=LOCAL)
    second = services.create_config(name="b", document=LOCAL)
    TierConfig.objects.filter(pk=first.pk).update(is_active=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        TierConfig.objects.filter(pk=second.pk).update(is_active=True)


def test_no_drift_right_after_activation_and_none_without_an_active_row() -> None:
    assert services.drift() is None
    services.activate(config_id=services.create_config(name="a", document=LOCAL).pk)
    assert services.drift() is None


def test_drift_shows_what_was_changed_by_hand_and_import_takes_it_over(config_file: Path, person: User) -> None:
    config = services.activate(config_id=services.create_config(name="a", document=LOCAL).pk)
    config_file.write_text(json.dumps(local("elsewhere")))
    drift = services.drift()
    assert drift is not None
    assert '+     "dataDir": "elsewhere"' in drift.lines
    imported = services.import_file(person=person)
    assert (imported.pk, imported.document) == (config.pk, local("elsewhere"))
    assert imported.revisions.first().action == RevisionAction.IMPORT  # type: ignore[union-attr]
    assert services.drift() is None


def test_drift_of_a_password_shows_no_password(config_file: Path) -> None:
    services.activate(config_id=services.create_config(name="a", document=INLINE).pk)
    config_file.write_text(json.dumps(INLINE).replace(CANARY, "another-canary"))
    drift = services.drift()
    assert drift is not None
    assert drift.is_secret_only
    assert "canary" not in "".join(drift.lines)


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_a_missing_or_broken_file_is_drift_and_no_crash(config_file: Path, content: bytes | None) -> None:
    services.activate(config_id=services.create_config(name="a", document=LOCAL).pk)
    config_file.unlink() if content is None else config_file.write_bytes(content)
    drift = services.drift()
    assert drift is not None
    assert drift.error is not None
    assert drift.is_missing is (content is None)


def test_import_without_an_active_row_makes_one(config_file: Path) -> None:
    config_file.write_text(json.dumps(LOCAL))
    config = services.import_file()
    assert (config.name, config.is_active) == ("imported", True)


def test_ensure_makes_once_and_leaves_what_people_changed(config_file: Path) -> None:
    config = services.ensure_config(name="sample", document=LOCAL, active=True)
    assert json.loads(config_file.read_text()) == LOCAL
    services.edit_config(config_id=config.pk, expected_revision=1, document=local("mine"))
    again = services.ensure_config(name="sample", document=LOCAL, active=True)
    assert (again.pk, again.document, again.is_active) == (config.pk, local("mine"), True)


def test_ensure_does_not_overwrite_a_file_that_is_there(config_file: Path) -> None:
    config_file.write_text("{}")
    services.ensure_config(name="sample", document=LOCAL, active=True)
    assert config_file.read_text() == "{}"


def test_federated_target_is_the_federated_row() -> None:
    assert services.federated_target() is None
    services.ensure_config(name="here", document=LOCAL, active=True)
    target = services.ensure_config(name="federated", document=tiers.DEFAULT_FEDERATED_CONFIG)
    assert services.federated_target() == target


def test_an_unknown_number_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        services.get_config(4711)


def test_remarks_survive_editing_activation_and_import(config_file: Path) -> None:
    remarked = {**LOCAL, "$comment": "token=abcdefgh is what it was", "memory": {"type": "keyword", "$comment": "fast"}}
    config = services.create_config(name="a", document=remarked)
    shown = services.pretty(mask_document(config.document))
    assert "abcdefgh" not in shown
    text = shown.replace(".mosaic/pglite", "elsewhere")
    edit_typed(config, text)
    services.activate(config_id=config.pk)
    kept = json.loads(config_file.read_text())
    assert (kept["$comment"], kept["memory"]["$comment"]) == (remarked["$comment"], "fast")
    assert next(iter(kept)) == "$comment"
    config_file.write_text(config_file.read_text().replace("fast", "faster"))
    assert services.import_file().document["memory"]["$comment"] == "faster"
