"""The audit log's page and its export."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from mosaic_admin.access import READERS, allow
from mosaic_admin.audit import export, search
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.search import Filter
from mosaic_admin.audit.services import record
from mosaic_admin.paging import Cursor, in_pieces

SUGGESTED = 200  # names that the field offers; any other can be typed


class FilterForm(forms.Form):
    """What the address asks for; a word that is none is said beside its field, and everything is shown."""

    who = forms.CharField(label="Person", required=False, max_length=150)
    action = forms.ChoiceField(
        label="Action",
        required=False,
        choices=[
            ("", "Everything"),
            *((area, [(item.value, item.label) for item in items]) for area, items in search.actions_by_area().items()),
        ],
    )
    since = forms.DateField(label="From day", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To day", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def wanted(self) -> Filter:
        return Filter(**self.cleaned_data) if self.is_valid() else Filter()


@allow(READERS)
@require_safe
def show(request: HttpRequest) -> HttpResponseBase:
    form = FilterForm(request.GET)
    wanted = form.wanted()
    page = search.find_page(wanted, Cursor.read(request.GET.get("before", "")))
    context: dict[str, Any] = {
        "form": form,
        "wanted": wanted,
        "rows": [(event, search.difference(event)) for event in page.rows],
        "older": wanted.as_query(before=str(page.older)) if page.older else "",
        "newest": wanted.as_query() if request.GET.get("before") else None,
        "query": wanted.as_query(),
        "people": get_user_model().objects.order_by("username").values_list("username", flat=True)[:SUGGESTED],
    }
    return render(request, "audit/list.html", context, status=422 if form.errors else 200)


@allow(READERS)
@require_safe
def download(request: HttpRequest, kind: str) -> HttpResponseBase:
    content_type, lines = export.FORMATS[kind]
    form = FilterForm(request.GET)
    if not form.is_valid():  # a misspelt word would hand out everything
        return show(request)
    wanted = form.wanted()
    record(Action.AUDIT_EXPORT, f"audit log as {kind}", after={"filter": wanted.as_query()})
    response = StreamingHttpResponse(in_pieces(lines(search.find_all(wanted))), content_type=content_type)
    name = f"mosaic-audit-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
