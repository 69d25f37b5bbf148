"""Activation: file and rows together, two people at once, and what a process that died left behind."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

import tiers
from mosaic_admin.audit.actor import ActorMiddleware
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.people.models import User
from tiers import activation, services
from tiers.activation import StaleConfigError, digest_of, file_digest
from tiers.config import ConfigFileError
from tiers.models import PendingActivation, TierConfig
from tiers.writing import ActivationBusyError, folder_lock

LOCAL = tiers.DEFAULT_LOCAL_CONFIG


def local(folder: str) -> dict[str, Any]:
    return {**LOCAL, "storage": {"type": "pglite", "dataDir": folder}}


def intent(config: TierConfig, path: Path, **other: Any) -> PendingActivation:
    """What a process leaves that died between the intent and the rows."""
    here = {"host": activation.socket.gethostname(), "path": str(path), "digest": digest_of(config.document)}
    return PendingActivation.objects.create(**{"config": config, **here, "after": config.document, **other})


def file_and_row() -> tuple[str, str]:
    active = TierConfig.objects.get(is_active=True)
    return json.loads(services.config_path().read_text())["storage"]["dataDir"], active.name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_of_two_people_who_saw_the_same_file_one_activates_and_one_is_told(config_file: Path, round_: int) -> None:
    services.activate(config_id=services.create_config(name="first", document=local("first")).pk)
    configs = [services.create_config(name=name, document=local(name)) for name in ("a", "b")]
    seen, together, ended = file_digest(config_file), threading.Barrier(2), []

    def activate(config: TierConfig) -> None:
        together.wait()
        try:
            services.activate(config_id=config.pk, expected_revision=1, expected_file=seen)
            ended.append("done")
        except StaleConfigError:
            ended.append("told")
        finally:
            connection.close()

    threads = [threading.Thread(target=activate, args=[config]) for config in configs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["done", "told"]
    on_disk, row = file_and_row()
    assert on_disk == row
    assert not PendingActivation.objects.exists()


@pytest.mark.django_db
def test_the_intent_of_a_killed_process_is_completed_when_the_file_is_the_new_one(
    config_file: Path, person: User
) -> None:
    services.activate(config_id=services.create_config(name="old", document=local("old")).pk)
    new = services.create_config(name="new", document=local("new"))
    config_file.write_text(json.dumps(local("new")))
    intent(new, config_file, person=person, why="move")
    assert services.active_config() == new
    assert services.drift() is None
    revision = new.revisions.first()
    assert revision is not None
    assert (revision.who, revision.why, revision.before, revision.after) == ("olga", "move", local("old"), local("new"))
    noted = AuditEvent.objects.filter(action="configuration.activate", subject="new").get()
    assert (noted.who, noted.why) == ("olga", "move (completed after it was cut short)")


@pytest.mark.django_db
@pytest.mark.parametrize("content", [json.dumps(local("old")), json.dumps(local("by hand")), "{", None])
def test_the_intent_of_a_killed_process_is_dropped_when_the_file_is_another(
    config_file: Path, content: str | None
) -> None:
    old = services.activate(config_id=services.create_config(name="old", document=local("old")).pk)
    intent(services.create_config(name="new", document=local("new")), config_file)
    leftover = config_file.with_name(f".{config_file.name}.abc123.new")
    leftover.write_text("half")
    config_file.unlink() if content is None else config_file.write_text(content)
    assert services.active_config() == old
    assert not PendingActivation.objects.exists()
    assert not leftover.exists()
    assert AuditEvent.objects.filter(action="configuration.recover", subject="new").count() == 1


@pytest.mark.django_db
def test_an_activation_that_is_under_way_is_left_alone(config_file: Path) -> None:
    intent(services.create_config(name="new", document=local("new")), config_file)
    with folder_lock(config_file):
        assert services.active_config() is None
        assert PendingActivation.objects.exists()
        with pytest.raises(ActivationBusyError), folder_lock(config_file, wait_s=0.05):
            pass
    services.active_config()
    assert not PendingActivation.objects.exists()


@pytest.mark.django_db
def test_the_intent_of_another_host_is_left_to_that_host(config_file: Path) -> None:
    intent(services.create_config(name="new", document=local("new")), config_file, host="elsewhere")
    assert services.active_config() is None
    assert PendingActivation.objects.exists()


@pytest.mark.django_db
def test_a_container_that_was_made_again_completes_what_the_old_one_began(config_file: Path) -> None:
    new = services.create_config(name="new", document=local("new"))
    begun = intent(new, config_file, host="old-container")
    config_file.write_text(json.dumps(local("new")))
    assert services.active_config() is None  # it may still be at work
    PendingActivation.objects.filter(pk=begun.pk).update(at=timezone.now() - activation.FOREIGN_AFTER)
    assert services.active_config() == new
    assert not PendingActivation.objects.exists()


@pytest.mark.django_db
def test_a_folder_that_cannot_be_synced_after_the_rename_still_ends_new(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiers import writing

    def refuse(_: Path) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(writing, "_sync_folder", refuse)
    services.activate(config_id=services.create_config(name="new", document=local("new")).pk)
    assert file_and_row() == ("new", "new")


@pytest.mark.django_db
def test_an_edit_after_activation_is_a_revision_to_activate_and_no_change_by_hand(config_file: Path) -> None:
    config = services.activate(config_id=services.create_config(name="a", document=local("a")).pk)
    services.edit_config(config_id=config.pk, expected_revision=2, document=local("b"))
    drift = services.drift()
    assert drift is not None
    assert not drift.is_by_hand
    config_file.write_text(json.dumps(local("c")))
    drift = services.drift()
    assert drift is not None
    assert drift.is_by_hand


@pytest.mark.django_db
def test_every_change_of_a_configuration_is_in_the_audit_log(config_file: Path, person: User) -> None:
    config = services.create_config(name="home", document=local("a"), person=person, why="first")
    services.edit_config(config_id=config.pk, expected_revision=1, document=local("b"), person=person, why="moved")
    services.activate(config_id=config.pk, person=person, why="go")
    config_file.write_text(json.dumps(local("c")))
    services.import_file(person=person, why="by hand")
    noted = list(AuditEvent.objects.order_by("id").values_list("action", "who", "why", "link"))
    link = f"/tiers/{config.pk}/"
    assert noted == [
        (f"configuration.{action}", "olga", why, link)
        for action, why in [("create", "first"), ("edit", "moved"), ("activate", "go"), ("import", "by hand")]
    ]
    edit = AuditEvent.objects.get(action="configuration.edit")
    assert (edit.before, edit.after) == (local("a"), local("b"))


@pytest.mark.django_db
def test_a_folder_that_cannot_be_locked_is_not_written(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiers import writing

    def refuse(*_: Any) -> None:
        raise OSError(37, "no locks available")

    config = services.create_config(name="a", document=local("a"))
    monkeypatch.setattr(writing.fcntl, "flock", refuse)
    with pytest.raises(ConfigFileError, match="cannot be locked"):
        services.activate(config_id=config.pk)
    assert not config_file.exists()
    assert not PendingActivation.objects.exists()


@pytest.mark.django_db
def test_an_older_intent_of_another_host_is_superseded_by_a_new_activation(config_file: Path) -> None:
    new = services.create_config(name="new", document=local("new"))
    begun = intent(new, config_file, host="old-container")
    PendingActivation.objects.filter(pk=begun.pk).update(at=timezone.now() - activation.FOREIGN_AFTER)
    services.activate(config_id=new.pk)
    new.refresh_from_db()
    assert not PendingActivation.objects.exists()
    assert services.active_config() == new
    assert TierConfig.objects.get(pk=new.pk).revision == new.revision, "it was completed a second time"


@pytest.mark.django_db
def test_who_finishes_a_cut_activation_by_looking_did_not_do_it(config_file: Path, person: User) -> None:
    new = services.create_config(name="new", document=local("new"))
    intent(new, config_file)
    config_file.write_text(json.dumps(local("new")))
    looking = RequestFactory().get("/tiers/", REMOTE_ADDR="10.9.9.9")
    looking.user = person
    ActorMiddleware(lambda request: HttpResponse(str(services.active_config())))(looking)
    event = AuditEvent.objects.get(action="configuration.activate")
    assert (event.who, event.channel, event.address) == ("mosaic", "system", "")
