"""Pages of the tier configurations. Plain forms: POST, then 303."""

from __future__ import annotations

import copy
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

import tiers
from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.errors import MosaicError
from tiers import services
from tiers.activation import StaleConfigError, file_digest
from tiers.capabilities import matrix
from tiers.config import ConfigError, Problem, Tier, split_problems
from tiers.masking import diff_lines, mask_document, pretty, redact_source, redact_text
from tiers.models import TierConfig

DEFAULTS = {
    Tier.LOCAL: tiers.DEFAULT_LOCAL_CONFIG,
    Tier.STANDALONE: tiers.DEFAULT_STANDALONE_CONFIG,
    Tier.FEDERATED: tiers.DEFAULT_FEDERATED_CONFIG,
}
REVISIONS_SHOWN = 20


class DocumentForm(forms.Form):
    """What an editor sends; the document is checked by the service."""

    document = forms.CharField(max_length=100_000, strip=False)
    why = forms.CharField(max_length=500, required=False)


class EditForm(DocumentForm):
    revision = forms.IntegerField(min_value=1)


class NewForm(DocumentForm):
    name = forms.CharField(max_length=100)


@allow(READERS)
@require_safe
def list_configs(request: HttpRequest) -> HttpResponseBase:
    configs = [(config, _address(config)) for config in services.all_configs()]
    context = {"configs": configs, "drift": services.drift(), "path": services.config_path(), "matrix": matrix()}
    return render(request, "tiers/list.html", {**context, "can_write": _can_write(request)})


@allow(READERS)
@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponseBase:
    config = services.get_config(pk)
    drift = services.drift() if config.is_active else None
    context: dict[str, Any] = {"config": config, "drift": drift, "document": pretty(mask_document(config.document))}
    context |= {"values": [], "problems": [], "warnings": []} | _resolved(config)
    revisions = [
        (
            revision,
            _marked(diff_lines(revision.before or {}, revision.after)) if revision.before != revision.after else [],
        )
        for revision in config.revisions.all()[:REVISIONS_SHOWN]
    ]
    context |= {"revisions": revisions, "drift_lines": _marked(drift.lines) if drift else []}
    context |= {"path": services.config_path(), "can_write": _can_write(request)}
    return render(request, "tiers/detail.html", context)


@allow(OPERATORS)
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        tier = Tier(wanted) if (wanted := request.GET.get("tier", "")) in list(Tier) else Tier.FEDERATED
        values = {"name": "", "document": pretty(copy.deepcopy(DEFAULTS[tier])), "why": ""}
        return _editor(request, values, tier=tier)
    form = NewForm(request.POST)
    if not form.is_valid():
        return _editor(request, request.POST, problems=_form_problems(form), status=422)
    data = form.cleaned_data
    try:
        config = services.create_from_text(
            name=data["name"], text=data["document"], person=_person(request), why=data["why"]
        )
    except ConfigError as error:
        return _editor(request, request.POST, problems=error.problems, status=422)
    return _see(config, request, f"“{config.name}” is kept. The gateway uses it once it is activated.")


@allow(OPERATORS)
def edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    config = services.get_config(pk)
    if request.method != "POST":
        values = {"document": pretty(mask_document(config.document)), "why": "", "revision": config.revision}
        return _editor(request, values, config=config)
    form = EditForm(request.POST)
    if not form.is_valid():
        return _editor(request, request.POST, config=config, problems=_form_problems(form), status=422)
    data = form.cleaned_data
    try:
        config = services.edit_from_text(
            config_id=pk,
            expected_revision=data["revision"],
            text=data["document"],
            person=_person(request),
            why=data["why"],
        )
    except ConfigError as error:
        return _editor(request, request.POST, config=config, problems=error.problems, status=422)
    except StaleConfigError as error:
        problem = Problem("", error.message, error.remediation)
        return _editor(request, request.POST, config=config, problems=(problem,), status=409)
    return _see(config, request, f"Revision {config.revision} is kept. The file changes once it is activated.")


@allow(OPERATORS)
def activate(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask with the change in view; the confirmation carries the revision that was looked at."""
    config = services.get_config(pk)
    error: MosaicError | None = None
    if request.method == "POST":
        seen = request.POST.get("revision", "")
        try:
            config = services.activate(
                config_id=pk,
                person=_person(request),
                why=request.POST.get("why", "")[:500],
                expected_revision=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else -1,
                expected_file=request.POST.get("file", ""),
            )
        except MosaicError as exc:
            error = exc
        else:
            return _see(
                config, request, f"{services.config_path()} is written. The gateway reads it at its next start."
            )
    problems = split_problems(config.document, base_dir=services.config_folder())[1]
    lines = services.file_change(config)
    context = {"config": config, "lines": _marked(lines), "problems": problems, "error": error}
    context |= {"path": services.config_path(), "is_same": not any(line[:1] in "+-" for line in lines)}
    context["file"] = file_digest(services.config_path())
    return render(request, "tiers/activate.html", context, status=error.http_status if error else 200)


@allow(OPERATORS)
@require_POST
def import_file(request: HttpRequest) -> HttpResponseBase:
    config = services.import_file(person=_person(request), why=request.POST.get("why", "")[:500])
    return _see(config, request, f"The file is taken over as revision {config.revision}.")


def _editor(
    request: HttpRequest,
    values: Any,
    *,
    config: TierConfig | None = None,
    problems: Any = (),
    tier: Tier | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the editor. What was typed comes back redacted: a password must be typed again, not shown."""
    typed = {name: redact_text(values.get(name) or "") for name in ("name", "why")}
    typed["document"] = redact_source(values.get("document") or "")
    context: dict[str, Any] = {
        "config": config,
        "problems": problems,
        "tier": tier,
        "tiers": list(Tier),
        "typed": typed,
    }
    context |= {
        "revision": values.get("revision", ""),
        "is_masked": typed["document"] != (values.get("document") or ""),
    }
    return render(request, "tiers/edit.html", context, status=status)


def _form_problems(form: forms.Form) -> list[Problem]:
    return [
        Problem(name, " ".join(str(error).rstrip(".") for error in errors).lower(), "Correct it, then save again.")
        for name, errors in form.errors.items()
    ]


def _resolved(config: TierConfig) -> dict[str, Any]:
    try:
        resolved = services.resolve_config(config)
    except ConfigError as error:
        return {"problems": error.problems}
    return {"values": resolved.effective(), "warnings": resolved.warnings}


def _marked(lines: list[str]) -> list[tuple[str, str]]:
    return [({"+": "ins", "-": "del"}.get(line[:1], ""), line[2:]) for line in lines]


def _address(config: TierConfig) -> str:
    storage = mask_document(config.document).get("storage", {})
    text = str(storage.get("url") or storage.get("dataDir") or "")
    return text.rpartition("@")[2]


def _can_write(request: HttpRequest) -> bool:
    return getattr(request.user, "role", None) in OPERATORS


def _person(request: HttpRequest) -> Any:
    return request.user


def _see(config: TierConfig, request: HttpRequest, sentence: str) -> HttpResponse:
    messages.success(request, sentence, extra_tags="ok")
    response = redirect("tiers:detail", pk=config.pk)
    response.status_code = 303
    return response
