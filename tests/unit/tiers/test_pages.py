"""The tier pages as people of each role see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

import tiers
from mosaic_admin.access import Role
from tests.unit.tiers.conftest import ClientOf
from tiers import services
from tiers.masking import pretty
from tiers.models import TierConfig

LOCAL = tiers.DEFAULT_LOCAL_CONFIG
CANARY = "canary-password-99"
INLINE: dict[str, Any] = {
    **tiers.DEFAULT_STANDALONE_CONFIG,
    "storage": {"type": "postgres", "url": f"postgresql://u:{CANARY}@h:5432/d"},
    "queue": {"type": "bullmq", "url": f"redis://:{CANARY}@h:6379/0"},
}

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("config_file")]


@pytest.fixture
def operator(client_of: ClientOf) -> Client:
    return client_of(Role.OPERATOR)


def moved(folder: str) -> str:
    return pretty({**LOCAL, "storage": {"type": "pglite", "dataDir": folder}})


@pytest.mark.parametrize("path", ["/tiers/", "/tiers/1/", "/tiers/new/", "/tiers/1/edit/", "/tiers/1/activate/"])
def test_nobody_sees_a_page_without_signing_in(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_support_reads_everything_and_changes_nothing(client_of: ClientOf) -> None:
    config = services.create_config(name="home", document=LOCAL)
    client = client_of(Role.SUPPORT)
    assert client.get("/tiers/").status_code == 200
    page = client.get(f"/tiers/{config.pk}/").content.decode()
    assert "Activate…" not in page
    assert "Your role reads." in page
    for path in ("new/", f"{config.pk}/edit/", f"{config.pk}/activate/"):
        assert client.get(f"/tiers/{path}").status_code == 403
        assert client.post(f"/tiers/{path}", {"document": moved("x"), "revision": 1}).status_code == 403
    assert client.post("/tiers/import/").status_code == 403
    assert services.get_config(config.pk).document == LOCAL


def test_an_operator_makes_edits_and_activates_a_configuration(operator: Client, config_file: Path) -> None:
    response = operator.post("/tiers/new/", {"name": "home", "document": pretty(LOCAL), "why": "first"})
    assert response.status_code == 303
    address = response["Location"]
    assert operator.post(f"{address}edit/", {"document": moved("b"), "revision": 1}).status_code == 303
    question = operator.get(f"{address}activate/").content.decode()
    assert "Activate home?" in question
    assert "<ins>" in question
    assert operator.post(f"{address}activate/", {"revision": 2, "why": "go", "confirm": "home"}).status_code == 303
    assert config_file.read_text() == moved("b")
    page = operator.get(address).content.decode()
    assert "is written. The gateway reads it at its next start." in page
    assert "operator-person" in page


def test_a_bad_document_comes_back_with_every_problem_beside_it(operator: Client) -> None:
    text = '{"version": 1, "tier": "lokal", "storage": {"type": "pglite", "dir": "d"}, "queue": {"type": "local"}}'
    response = operator.post("/tiers/new/", {"name": "x", "document": text})
    page = response.content.decode()
    assert response.status_code == 422
    for words in ("storage.dir", "storage.dataDir", "memory", "Did you mean &quot;local&quot;?", "Not saved", "lokal"):
        assert words in page


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": NaN}', "\x00", "[" * 5000, '{"tier": 1, "tier": 2}'])
def test_text_that_is_no_configuration_is_422_and_never_a_crash(operator: Client, text: str) -> None:
    assert operator.post("/tiers/new/", {"name": "x", "document": text}).status_code == 422


def test_a_missing_name_is_named(operator: Client) -> None:
    response = operator.post("/tiers/new/", {"name": "", "document": pretty(LOCAL)})
    assert (response.status_code, "<code>name</code>" in response.content.decode()) == (422, True)


def test_an_edit_on_an_old_revision_says_so_and_keeps_the_newer_one(operator: Client) -> None:
    config = services.create_config(name="home", document=LOCAL)
    operator.post(f"/tiers/{config.pk}/edit/", {"document": moved("first"), "revision": 1})
    response = operator.post(f"/tiers/{config.pk}/edit/", {"document": moved("second"), "revision": 1})
    assert response.status_code == 409
    assert "Nothing was overwritten." in response.content.decode()
    assert services.get_config(config.pk).document["storage"]["dataDir"] == "first"


def test_an_activation_of_a_revision_nobody_looked_at_is_refused(operator: Client, config_file: Path) -> None:
    config = services.create_config(name="home", document=LOCAL)
    operator.post(f"/tiers/{config.pk}/edit/", {"document": moved("other"), "revision": 1})
    for seen, status in (("1", 409), ("", 422), ("x", 422), ("²", 422), ("99999999999999999999", 422)):
        response = operator.post(f"/tiers/{config.pk}/activate/", {"revision": seen, "confirm": "home"})
        assert response.status_code == status
    assert not config_file.exists()


def test_no_page_shows_a_stored_password(operator: Client, config_file: Path) -> None:
    config = services.create_config(name="home", document=INLINE, why=f"postgresql://u:{CANARY}@h/d")
    services.activate(config_id=config.pk)
    config_file.write_text(config_file.read_text().replace("@h:5432", "@other:5432"))
    for path in ("/tiers/", *(f"/tiers/{config.pk}/{page}" for page in ("", "edit/", "activate/"))):
        response = operator.get(path)
        assert response.status_code == 200
        assert CANARY not in response.content.decode()


def test_a_password_typed_into_a_refused_form_is_not_shown_again(operator: Client) -> None:
    response = operator.post("/tiers/new/", {"name": "x", "document": json.dumps({**INLINE, "extra": 1})})
    page = response.content.decode()
    assert response.status_code == 422
    assert CANARY not in page
    assert "Type it once more" in page


def test_saving_what_the_editor_shows_keeps_the_password(operator: Client) -> None:
    config = services.create_config(name="home", document=INLINE)
    form = operator.get(f"/tiers/{config.pk}/edit/?as=json").context["typed"]
    response = operator.post(f"/tiers/{config.pk}/edit/", {"document": form["document"], "revision": 1})
    assert response.status_code == 303
    assert services.get_config(config.pk).document == INLINE


def test_a_file_changed_by_hand_is_shown_and_can_be_imported(operator: Client, config_file: Path) -> None:
    config = services.activate(config_id=services.create_config(name="home", document=LOCAL).pk)
    config_file.write_text(moved("by-hand"))
    assert "was changed by hand" in operator.get("/tiers/").content.decode()
    assert "by-hand" in operator.get(f"/tiers/{config.pk}/").content.decode()
    assert operator.post("/tiers/import/").status_code == 303
    assert "was changed by hand" not in operator.get("/tiers/").content.decode()


@pytest.mark.parametrize("content", ["{", None])
def test_a_broken_or_missing_file_never_stops_the_pages(
    operator: Client, config_file: Path, content: str | None
) -> None:
    config = services.activate(config_id=services.create_config(name="home", document=LOCAL).pk)
    config_file.unlink() if content is None else config_file.write_text(content)
    for path in ("/tiers/", f"/tiers/{config.pk}/", f"/tiers/{config.pk}/activate/"):
        assert operator.get(path).status_code == 200


def test_what_this_host_lacks_is_shown_instead_of_values(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOSAIC_PG_PASSWORD", raising=False)
    config = services.create_config(name="f", document=tiers.DEFAULT_FEDERATED_CONFIG)
    page = operator.get(f"/tiers/{config.pk}/").content.decode()
    assert "the variable MOSAIC_PG_PASSWORD is not set" in page
    response = operator.post(f"/tiers/{config.pk}/activate/", {"revision": 1, "confirm": "f"})
    assert response.status_code == 422
    assert "has 1 problem" in response.content.decode() or "has 2 problems" in response.content.decode()
    assert "MOSAIC_PG_PASSWORD is not set" in response.content.decode()


def test_a_name_cannot_carry_markup(operator: Client) -> None:
    services.create_config(name="<script>x</script>", document=LOCAL)
    assert "<script>x" not in operator.get("/tiers/").content.decode()


def test_the_list_needs_the_same_few_queries_for_many_rows(
    operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(15):
        services.create_config(name=f"c{number}", document=LOCAL)
    with django_assert_max_num_queries(8):  # two of the list, the rest of the page around it
        operator.get("/tiers/")


def test_an_unknown_number_is_404(operator: Client) -> None:
    assert operator.get("/tiers/4711/").status_code == 404


def test_the_matrix_has_every_tier_and_words_for_yes_and_no(operator: Client) -> None:
    page = operator.get("/tiers/").content.decode()
    for words in ("PGlite directory", "PostgreSQL 17 + pgvector", "Ready to talk to other gateways", "Yes", "No"):
        assert words in page


def test_the_starting_document_of_each_tier_can_be_saved_as_it_is_shown(operator: Client) -> None:
    for tier in ("local", "standalone", "federated"):
        document = operator.get(f"/tiers/new/?as=json&tier={tier}").context["typed"]["document"]
        assert operator.post("/tiers/new/", {"name": tier, "document": document}).status_code == 303
    assert services.federated_target().document == tiers.DEFAULT_FEDERATED_CONFIG  # type: ignore[union-attr]


def test_the_name_of_a_secret_is_shown_and_survives_a_refused_form(operator: Client) -> None:
    config = services.create_config(name="f", document=tiers.DEFAULT_FEDERATED_CONFIG)
    assert "mosaic:${MOSAIC_PG_PASSWORD}@" in operator.get(f"/tiers/{config.pk}/").content.decode()
    text = pretty(tiers.DEFAULT_FEDERATED_CONFIG).replace("federated", "federatd")
    page = operator.post("/tiers/new/", {"name": "x", "document": text}).content.decode()
    assert "mosaic:${MOSAIC_PG_PASSWORD}@" in page
    assert "Type it once more" not in page


def test_a_configuration_is_made_and_edited_as_fields(client_of: ClientOf) -> None:
    operator = client_of(Role.ADMIN)  # who names a new secret file
    page = operator.get("/tiers/new/?tier=standalone").content.decode()
    for label in ("PostgreSQL address", "PostgreSQL password file", "Queue", "Valkey address"):
        assert label in page
    made = {"name": "home", "tier": "standalone", "f.storage.url": "postgresql://u@h/d", "f.queue.type": "local"}
    made |= {"f.storage.passwordFile": "secrets/pg", "f.$comment": "the server downstairs", "why": "first"}
    address = operator.post("/tiers/new/", made)["Location"]
    config = TierConfig.objects.get()
    assert config.document == {
        "version": 1, "tier": "standalone", "$comment": "the server downstairs", "queue": {"type": "local"},
        "storage": {
            "type": "postgres", "url": "postgresql://u@h/d", "passwordFile": "secrets/pg", "enableVector": False
        },
        "memory": {"type": "keyword"},
    }  # fmt: skip
    shown = operator.get(f"{address}edit/").context["form"].initial
    assert shown["f.storage.url"] == "postgresql://u@h/d"
    changed = {**made, "revision": "1", "f.storage.passwordFile": ""}
    assert operator.post(f"{address}edit/", changed).status_code == 303
    config.refresh_from_db()
    assert "passwordFile" not in config.document["storage"]


def test_each_problem_stands_beside_its_field(operator: Client) -> None:
    typed = {"name": "home", "tier": "federated", "f.storage.url": f"postgresql://u:{CANARY}@h/d?sslmod=require"}
    response = operator.post("/tiers/new/", {**typed, "f.queue.url": ""})
    assert response.status_code == 422
    errors = response.context["form"].errors
    assert set(errors) == {"f.storage.url", "f.queue.url"}
    assert "sslmode" in errors["f.storage.url"][0]
    assert errors["f.queue.url"][0].startswith("Is set and empty.")
    page = response.content.decode()
    assert 'aria-invalid="true"' in page
    assert CANARY not in page
    assert "Type it once more" in page


def test_a_taken_name_stands_beside_the_name(operator: Client) -> None:
    services.create_config(name="home", document=LOCAL)
    response = operator.post("/tiers/new/", {"name": "home", "tier": "local", "f.storage.dataDir": "d"})
    assert set(response.context["form"].errors) == {"name"}


def test_saving_the_fields_as_shown_keeps_the_passwords(operator: Client) -> None:
    config = services.create_config(name="home", document=INLINE)
    form = operator.get(f"/tiers/{config.pk}/edit/").context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    assert CANARY not in str(sent)
    assert operator.post(f"/tiers/{config.pk}/edit/", {**sent, "f.$comment": "new"}).status_code == 303
    assert services.get_config(config.pk).document == {**INLINE, "$comment": "new"}


def test_another_tier_starts_from_its_default_and_the_old_word_becomes_the_new_one(operator: Client) -> None:
    config = services.create_config(name="home", document={**INLINE, "tier": "team"})
    form = operator.get(f"/tiers/{config.pk}/edit/?tier=federated").context["form"]
    assert form["f.storage.url"].value() == tiers.DEFAULT_FEDERATED_CONFIG["storage"]["url"]
    form = operator.get(f"/tiers/{config.pk}/edit/").context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    operator.post(f"/tiers/{config.pk}/edit/", sent)
    assert services.get_config(config.pk).document == {**INLINE, "tier": "standalone"}


@pytest.mark.parametrize("typed", ["", "Home", "home lab"])
def test_activation_asks_for_the_name(operator: Client, config_file: Path, typed: str) -> None:
    config = services.create_config(name="home", document=LOCAL)
    response = operator.post(f"/tiers/{config.pk}/activate/", {"revision": 1, "confirm": typed})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"confirm"}
    assert not config_file.exists()


def test_activation_over_a_file_that_changed_since_it_was_seen_is_refused(operator: Client, config_file: Path) -> None:
    config = services.create_config(name="home", document=LOCAL)
    seen = operator.get(f"/tiers/{config.pk}/activate/").context["form"]["file"].value()
    config_file.write_text(moved("by-somebody"))
    sent = {"revision": 1, "confirm": "home", "file": seen}
    response = operator.post(f"/tiers/{config.pk}/activate/", sent)
    assert response.status_code == 409
    assert "changed since you looked at it" in response.content.decode()
    assert config_file.read_text() == moved("by-somebody")


def test_activation_says_what_the_other_tier_brings_and_takes(operator: Client) -> None:
    services.activate(config_id=services.create_config(name="s", document=INLINE).pk)
    other = services.create_config(name="l", document=LOCAL)
    page = operator.get(f"/tiers/{other.pk}/activate/").content.decode()
    assert "standalone to local" in page
    assert "Several gateway processes" in page
    assert "PGlite directory, was PostgreSQL" in page


def test_the_old_word_shows_in_the_list_with_its_end(operator: Client) -> None:
    services.create_config(name="old", document={**INLINE, "tier": "team"})
    assert "“team” ends with version 2.0" in operator.get("/tiers/").content.decode()


def test_saving_the_json_as_shown_keeps_the_name_of_a_secret_file(operator: Client) -> None:
    storage = {"type": "postgres", "url": "postgresql://u@h/d", "passwordFile": "secrets/pg"}
    config = services.create_config(name="home", document={**INLINE, "storage": storage})
    response = operator.get(f"/tiers/{config.pk}/edit/?as=json")
    shown = response.context["typed"]["document"]
    assert '"passwordFile": "secrets/pg"' in shown
    assert "Type it once more" not in response.content.decode()
    assert operator.post(f"/tiers/{config.pk}/edit/", {"document": shown, "revision": 1}).status_code == 303
    assert services.get_config(config.pk).document["storage"] == storage
