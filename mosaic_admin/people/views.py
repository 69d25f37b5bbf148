"""Sign in and out, own password, people, tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from mosaic_admin.access import ADMINS, READERS, allow, public
from mosaic_admin.confirm import Question, ask
from mosaic_admin.people import links, services, step_up, tokens
from mosaic_admin.people.errors import PersonError, SignInError
from mosaic_admin.people.forms import JoinForm, PasswordForm, PersonForm, SignInForm, TokenForm, revoke_words
from mosaic_admin.people.models import ApiToken, User
from mosaic_admin.templatetags.looks import age

PAGE_SIZE = 50


def safe_next(request: HttpRequest, fallback: str = "overview") -> str:
    """Return where to go after the form; another host's address is never followed."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else fallback


def _signed_in(request: HttpRequest) -> User:
    return cast(User, request.user)


@public
@never_cache
@sensitive_post_parameters("password")
def sign_in(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        return redirect(safe_next(request))
    form = SignInForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _sign_in_page(request, form, status=422 if request.method == "POST" else 200)
    data = form.cleaned_data
    try:
        user = services.check_credentials(request=request, name=data["name"], password=data["password"])
    except SignInError as error:
        return _sign_in_page(request, form, error=error, status=error.http_status)
    login(request, user)
    step_up.note(request)
    request.session.set_expiry(settings.SESSION_COOKIE_AGE if data["keep"] else 0)
    return redirect(safe_next(request))


def _sign_in_page(
    request: HttpRequest, form: SignInForm, *, status: int, error: SignInError | None = None
) -> HttpResponse:
    context = {"form": form, "error": error, "next": safe_next(request, "")}
    return render(request, "people/sign_in.html", context, status=status)


@public
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    services.note_sign_out(request)
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@allow(READERS)
@sensitive_post_parameters()
def password(request: HttpRequest) -> HttpResponseBase:
    form = PasswordForm(request.POST or None, tokens=tokens.live_tokens_of(_signed_in(request)).count())
    if request.method == "POST" and form.is_valid():
        given = {name: value for name, value in form.cleaned_data.items() if name != "repeated"}
        try:
            services.change_password(request=request, home=settings.HOME, **given)
        except PersonError as error:
            form.add_errors(error.context["fields"])
        except SignInError as error:  # too many wrong ones
            form.add_errors({"old": [error.message]})
        else:
            step_up.note(request)
            update_session_auth_hash(request, _signed_in(request))
            messages.add_message(request, messages.SUCCESS, "Password changed. Your other sessions have ended.")
            return redirect("people:password")
    status = 422 if form.errors else 200
    return render(request, "people/password.html", {"form": form}, status=status)


@allow(ADMINS)
@never_cache
def people_list(request: HttpRequest) -> HttpResponseBase:
    form = PersonForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        if asked := _prove(request, f"add {form.cleaned_data['username']}"):
            return asked
        try:
            # Shown on this answer only: a redirect would have to keep the secret in the session.
            context |= _invited(request, form) if "invite" in request.POST else _added(form)
            context["form"] = PersonForm()
        except PersonError as error:
            form.add_errors(error.context.get("fields", {"username": [error.message]}))
    context |= _listed(request, services.people)
    return render(request, "people/list.html", context, status=422 if context["form"].errors else 200)


def _prove(request: HttpRequest, what: str, back: str = "people:list") -> HttpResponse | None:
    """Who may sign in, and as what, is decided by somebody whose password was typed lately."""
    return step_up.ask(request, what=what, back=reverse(back))


def _listed(request: HttpRequest, find: Callable[[str], QuerySet[Any]]) -> dict[str, Any]:
    """Return the page of a list that the address asks for, `?q=` and `?page=`; a page that is none is the nearest."""
    text = request.GET.get("q", "").strip()[:100]
    return {"text": text, "page": Paginator(find(text), PAGE_SIZE).get_page(request.GET.get("page"))}


def _added(form: PersonForm) -> dict[str, Any]:
    created, password = services.create_person(**form.cleaned_data)
    return {"created": created, "password": password}


def _invited(request: HttpRequest, form: PersonForm) -> dict[str, Any]:
    invited, raw = links.invite_person(**form.cleaned_data)
    return {"invited": invited, "link": _address(request, raw)}


def _address(request: HttpRequest, raw: str) -> str:
    return request.build_absolute_uri(reverse("join", args=[raw]))


@allow(ADMINS)
@never_cache
def reset(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Ask; then show the list again, with the new link on top of it: on this answer only."""
    person = services.person_by_number(user_id)
    if request.method != "POST":
        count = tokens.live_tokens_of(person).count()
        shown = {"person": person, "revoke": revoke_words(f"{person}’s", count) if count else ""}
        return render(request, "people/reset.html", shown)
    if asked := _prove(request, f"make a new link for {person}"):
        return asked
    user, raw = links.reset_person(
        user_id=user_id, by=_signed_in(request), revoke_tokens="revoke_tokens" in request.POST
    )
    context = {"form": PersonForm(), "invited": user, "link": _address(request, raw), "is_reset": True}
    return render(request, "people/list.html", context | _listed(request, services.people))


@public
@never_cache
@sensitive_post_parameters()
def join(request: HttpRequest, raw: str) -> HttpResponseBase:
    """Let the holder of a link choose a password, and sign them in. Opening the link uses nothing up."""
    link = links.find_link(raw)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = links.use_link(raw=raw, password=form.cleaned_data["new"], home=settings.HOME)
        except PersonError as error:
            form.add_errors(error.context.get("fields", {"new": [error.message]}))
        else:
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            step_up.note(request)
            messages.add_message(request, messages.SUCCESS, "Your password is set.")
            return redirect("overview")
    context = {"form": form, "link": link}
    return render(request, "people/join.html", context, status=422 if form.errors else 200)


@allow(ADMINS)
def change(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Set a role or reopen an account at once; close one (what a GET asks about) after its name was typed."""
    wanted = "close" if request.method != "POST" or "confirmation" in request.POST else request.POST.get("account", "")
    person = services.person_by_number(user_id)
    if wanted == "close" and (page := ask(request, _close_question(person))):
        return page
    if page := _prove(request, f"change the account of {person}"):
        return page
    is_active = {"open": True, "close": False}.get(wanted)
    user = services.change_person(
        user_id=user_id, by=_signed_in(request), role=request.POST.get("role"), is_active=is_active
    )
    words = f"role {user.get_role_display()}" if user.is_active else "account closed"
    messages.add_message(request, messages.SUCCESS, f"{user}: {words}.")
    return redirect("people:list")


def _close_question(person: User) -> Question:
    return Question(
        title=f"Close the account of {person}?",
        effect=f"{person} is signed out everywhere at once and cannot sign in again, and API tokens that {person} made "
        "stop working. What the audit log says stays. The account can be opened again.",
        name=person.username,
        yes="Close account",
        no="Keep it open",
        back=("People", "people:list"),
    )


@allow(ADMINS)
@never_cache
def token_list(request: HttpRequest) -> HttpResponseBase:
    form = TokenForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        if asked := _prove(request, "make a token", "people:tokens"):
            return asked
        context["token"], context["raw"] = tokens.create_token(
            name=form.cleaned_data["token_name"],
            scopes=form.cleaned_data["scopes"],
            created_by=_signed_in(request),
            lifetime=form.cleaned_data["lifetime"],
        )
        context["form"] = TokenForm()
    context |= _listed(request, tokens.all_tokens)
    context["example"] = f"curl -f -H 'Authorization: Bearer TOKEN' {request.build_absolute_uri('/api/v1/doctor')}"
    return render(request, "people/tokens.html", context, status=422 if context["form"].errors else 200)


@allow(ADMINS)
def revoke(request: HttpRequest, token_id: int) -> HttpResponseBase:
    if page := ask(request, _revoke_question(tokens.token_by_number(token_id))):
        return page
    token = tokens.revoke_token(token_id=token_id)
    messages.add_message(request, messages.SUCCESS, f"{token.name} is revoked. Calls with it get 401 from now on.")
    return redirect("people:tokens")


def _revoke_question(token: ApiToken) -> Question:
    used = f"It was last used {age(token.last_used_at)}." if token.last_used_at else "It was never used."
    return Question(
        title=f"Revoke the token “{token.name}”?",
        effect=f"Whatever calls with it gets 401 from then on. {used} A revoked token cannot be brought back.",
        name=token.name,
        yes="Revoke token",
        no="Keep it working",
        back=("API tokens", "people:tokens"),
    )
