"""The editor's two pages, new and edit, each as fields or as JSON."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mosaic_admin.errors import MosaicError
from tiers import services
from tiers.activation import StaleConfigError
from tiers.config import ConfigError, Problem
from tiers.forms import DEFAULTS, FieldsForm, JsonForm, initial_of
from tiers.masking import mask_document, pretty, redact_source, redact_text, unmask_document
from tiers.models import TierConfig
from tiers.rules import RULES
from tiers.schema import TIER_WORDS, Tier


@dataclass
class Editor:
    """One request to the editor. `config` is None for a new configuration."""

    request: HttpRequest
    config: TierConfig | None = None
    saved: TierConfig | None = field(default=None, init=False)

    def respond(self) -> HttpResponse | None:
        """Show the form, or save and return None; then `saved` is what came of it."""
        if self.request.method != "POST":
            return self._json_page(self._json_values()) if self._is_json() else self._fields_page(self._fields())
        return self._post_json() if "document" in self.request.POST else self._post_fields()

    # as fields

    def _fields(self, data: Any = None) -> FieldsForm:
        tier = self._tier()
        initial = initial_of(self._stored(), tier) | {"revision": self.config.revision if self.config else None}
        return FieldsForm(tier, has_name=self.config is None, data=data, initial=initial)

    def _post_fields(self) -> HttpResponse | None:
        form = self._fields(self.request.POST)
        if not form.is_valid():
            return self._fields_page(form, status=422)
        document = unmask_document(form.document(self._stored()), self._stored())
        try:
            self._save(document, form.cleaned_data)
        except ConfigError as error:
            form.add_problems(error.problems)
            return self._fields_page(form, status=422)
        except StaleConfigError as error:
            form.add_error(None, f"{error.message} {error.remediation}")
            return self._fields_page(form, status=409)
        return None

    def _fields_page(self, form: FieldsForm, *, status: int = 200) -> HttpResponse:
        is_masked = form.show_masked() if form.is_bound else False
        context = {"form": form, "tier": form.of_tier, "is_masked": is_masked, "rules": RULES[form.of_tier]}
        return self._page(context, status=status)

    # as JSON

    def _json_values(self) -> dict[str, Any]:
        document = mask_document(self.config.document) if self.config else copy.deepcopy(DEFAULTS[self._tier()])
        return {"document": pretty(document), "revision": self.config.revision if self.config else ""}

    def _post_json(self) -> HttpResponse | None:
        form = JsonForm(self.request.POST)
        if not form.is_valid():
            return self._json_page(self.request.POST, problems=_form_problems(form), status=422)
        try:
            self._save(services.read_typed(form.cleaned_data["document"], self._stored()), form.cleaned_data)
        except ConfigError as error:
            return self._json_page(self.request.POST, problems=error.problems, status=422)
        except StaleConfigError as error:
            return self._json_page(self.request.POST, problems=[_as_problem(error)], status=409)
        return None

    def _json_page(self, values: Any, *, problems: Any = (), status: int = 200) -> HttpResponse:
        """Show what was typed, redacted: a password must be typed again, not shown."""
        typed = {name: redact_text(values.get(name) or "") for name in ("name", "why")}
        typed["document"] = redact_source(values.get("document") or "")
        context = {
            "typed": typed,
            "problems": problems,
            "revision": values.get("revision", ""),
            "is_masked": typed["document"] != (values.get("document") or ""),
            "tier": self._tier(),
        }
        return self._page(context, status=status)

    # both

    def _page(self, context: dict[str, Any], *, status: int) -> HttpResponse:
        shared = {"config": self.config, "tiers": list(Tier), "is_json": "typed" in context}
        return render(self.request, "tiers/edit.html", shared | context, status=status)

    def _save(self, document: dict[str, Any], data: dict[str, Any]) -> None:
        person: Any = self.request.user
        if problems := services.secret_problems(document, person=person):
            raise ConfigError(problems, source=services.DOCUMENT)
        if self.config is None:
            self.saved = services.create_config(
                name=data.get("name", ""), document=document, person=person, why=data["why"]
            )
            return
        self.saved = services.edit_config(
            config_id=self.config.pk,
            expected_revision=data["revision"] or 0,
            document=document,
            person=person,
            why=data["why"],
        )

    def _stored(self) -> dict[str, Any]:
        return self.config.document if self.config else {}

    def _tier(self) -> Tier:
        wanted = self.request.POST.get("tier") or self.request.GET.get("tier", "")
        if wanted in list(Tier):
            return Tier(wanted)
        return TIER_WORDS[self.config.document["tier"]] if self.config else Tier.FEDERATED

    def _is_json(self) -> bool:
        return self.request.GET.get("as") == "json"


def _form_problems(form: JsonForm) -> list[Problem]:
    return [
        Problem(name, " ".join(str(error).rstrip(".") for error in errors).lower(), "Correct it, then save again.")
        for name, errors in form.errors.items()
    ]


def _as_problem(error: MosaicError) -> Problem:
    return Problem("", error.message, error.remediation)
