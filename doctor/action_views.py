"""What people do on the doctor's pages beyond looking."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from doctor import services, suppressions, webhooks
from doctor.forms import SuppressForm, WebhookForm
from doctor.outbound import WebhookTargetError
from doctor.suppressions import SuppressionError
from mosaic_admin.access import ADMINS, OPERATORS, allow
from mosaic_admin.confirm import Question, ask


def _name(request: HttpRequest) -> str:
    return request.user.get_username()


@allow(OPERATORS)
def suppress(request: HttpRequest, code_id: str, service: str) -> HttpResponseBase:
    """Ask why and until when, then put the finding aside and look again."""
    code, form = services.code(code_id), SuppressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = suppressions.suppress(code=code, service=service, by=_name(request), **form.cleaned_data)
        except SuppressionError as error:
            form.add_errors({"reason": [f"{error.message} {error.remediation}"]})
        else:
            services.look_again()
            messages.add_message(
                request, messages.SUCCESS, f"{row} is put aside until {row.until:%d %b %Y, %H:%M} UTC."
            )
            return redirect("doctor:report")
    context = {"code": code, "service": service, "form": form}
    return render(request, "doctor/suppress.html", context, status=422 if form.errors else 200)


@allow(OPERATORS)
@require_POST
def lift(request: HttpRequest, suppression_id: int) -> HttpResponseBase:
    row = suppressions.lift(suppression_id=suppression_id, by=_name(request))
    services.look_again()
    messages.add_message(request, messages.SUCCESS, f"{row} counts again.")
    return redirect("doctor:report")


@allow(ADMINS)
@never_cache
def webhook_list(request: HttpRequest) -> HttpResponseBase:
    form = WebhookForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        try:
            # Shown on this answer only: a redirect would have to keep the secret in the session.
            context["created"], context["secret"] = webhooks.create_webhook(by=_name(request), **form.cleaned_data)
            context["form"] = WebhookForm()
        except WebhookTargetError as error:
            form.add_errors({"url": [f"{error.message} {error.remediation}"]})
    context["webhooks"] = webhooks.all_webhooks()
    return render(request, "doctor/webhooks.html", context, status=422 if context["form"].errors else 200)


@allow(ADMINS)
def webhook_delete(request: HttpRequest, webhook_id: int) -> HttpResponseBase:
    hook = webhooks.find_webhook(webhook_id)
    question = Question(
        title=f"Remove the webhook to {hook.target}?",
        effect="It is told nothing from then on, and messages that wait for it are dropped. Its address and its secret "
        "are kept sealed: to have it back, both are made anew.",
        name=hook.target,
        yes="Remove webhook",
        no="Keep it",
        back=("Webhooks", "doctor:webhooks"),
    )
    if page := ask(request, question):
        return page
    webhooks.delete_webhook(webhook_id=webhook_id)
    messages.add_message(request, messages.SUCCESS, "The webhook is removed.")
    return redirect("doctor:webhooks")


@allow(ADMINS)
@require_POST
def webhook_test(request: HttpRequest, webhook_id: int) -> HttpResponseBase:
    webhooks.send_test(webhook_id=webhook_id)
    messages.add_message(request, messages.INFO, "A test is on its way; load this page again to see it arrive.")
    return redirect("doctor:webhooks")
