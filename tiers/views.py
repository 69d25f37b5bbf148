"""Pages of the tier configurations. Plain forms: POST, then 303."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.errors import MosaicError
from tiers import services
from tiers.activation import file_digest
from tiers.capabilities import matrix, tier_change
from tiers.config import ConfigError, Tier, split_problems
from tiers.editing import Editor
from tiers.forms import ActivateForm
from tiers.masking import diff_lines, mask_document, pretty
from tiers.models import TierConfig

REVISIONS_SHOWN = 20


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
    page = Paginator(config.revisions.all(), REVISIONS_SHOWN).get_page(request.GET.get("page"))
    revisions = [
        (
            revision,
            _marked(diff_lines(revision.before or {}, revision.after)) if revision.before != revision.after else [],
        )
        for revision in page
    ]
    context["page"] = page
    context |= {"revisions": revisions, "drift_lines": _marked(drift.lines) if drift else []}
    context |= {"path": services.config_path(), "can_write": _can_write(request)}
    return render(request, "tiers/detail.html", context)


@allow(OPERATORS)
def new(request: HttpRequest) -> HttpResponseBase:
    editor = Editor(request)
    if response := editor.respond():
        return response
    config = cast(TierConfig, editor.saved)
    return _see(config, request, f"“{config.name}” is kept. The gateway uses it once it is activated.")


@allow(OPERATORS)
def edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    editor = Editor(request, services.get_config(pk))
    if response := editor.respond():
        return response
    config = cast(TierConfig, editor.saved)
    return _see(config, request, f"Revision {config.revision} is kept. The file changes once it is activated.")


@allow(OPERATORS)
def activate(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask with the change in view; the confirmation repeats the name, the revision and the file that were seen."""
    config = services.get_config(pk)
    if request.method != "POST":
        return _question(request, config)
    form = ActivateForm(config, request.POST)
    if not form.is_valid():
        return _question(request, config, form=form, status=422)
    data = form.cleaned_data
    try:
        config = services.activate(
            config_id=pk,
            person=_person(request),
            why=data["why"],
            expected_revision=data["revision"],
            expected_file=data["file"],
        )
    except MosaicError as error:
        return _question(request, config, form=form, error=error, status=error.http_status)
    return _see(config, request, f"{services.config_path()} is written. The gateway reads it at its next start.")


def _question(
    request: HttpRequest,
    config: TierConfig,
    *,
    form: ActivateForm | None = None,
    error: MosaicError | None = None,
    status: int = 200,
) -> HttpResponse:
    if form is not None:
        form.show_masked()
    path, lines = services.config_path(), services.file_change(config)
    initial = {"revision": config.revision, "file": file_digest(path)}
    active = services.active_config()
    context = {
        "config": config,
        "path": path,
        "form": form or ActivateForm(config, initial=initial),
        "error": error,
        "lines": _marked(lines),
        "is_same": not any(line[:1] in "+-" for line in lines),
        "problems": split_problems(config.document, base_dir=services.config_folder())[1],
        "change": tier_change(Tier(active.tier), Tier(config.tier)) if active else None,
    }
    return render(request, "tiers/activate.html", context, status=status)


@allow(OPERATORS)
@require_POST
def import_file(request: HttpRequest) -> HttpResponseBase:
    config = services.import_file(person=_person(request), why=request.POST.get("why", "")[:500])
    return _see(config, request, f"The file is taken over as revision {config.revision}.")


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
