"""The forms of people and tokens: they parse; the services decide."""

from __future__ import annotations

from typing import Any

from django import forms

from mosaic_admin.access import Role
from mosaic_admin.people.models import Lifetime, Scope


class HouseForm(forms.Form):
    """A form whose fields carry the house classes and say when they are wrong."""

    template_name = "partials/form.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.dress()

    def dress(self) -> None:
        """Give each field its house class; a form that adds fields of its own calls it again."""
        for field in self.fields.values():
            match field.widget:
                case forms.CheckboxInput() | forms.CheckboxSelectMultiple():
                    css = "form-check-input"
                case forms.Select():
                    css = "form-select"
                case _:
                    css = "form-control"
            field.widget.attrs.setdefault("class", css)

    def add_errors(self, fields: dict[str, list[str]]) -> None:
        """Take a service's errors in, each beside its field."""
        for name, messages in fields.items():
            for message in messages:
                self.add_error(name if name in self.fields else None, message)

    def add_error(self, field: str | None, error: Any) -> None:
        """Take one error in, and send the keyboard to the first field that is wrong."""
        super().add_error(field, error)
        self._focus_error()

    def _focus_error(self) -> None:
        wrong = next((name for name in self.fields if name in self.errors), None)
        if wrong:
            self.fields[wrong].widget.attrs["autofocus"] = True


def _text(label: str, *, required: bool = True, **attrs: Any) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=254, widget=forms.TextInput(attrs=attrs))


def _password(label: str, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label, strip=False, max_length=1024, widget=forms.PasswordInput(attrs={"autocomplete": autocomplete})
    )


def revoke_words(whose: str, tokens: int) -> str:
    """Label the box that ends somebody's tokens together with their password."""
    what = "API token" if tokens == 1 else f"{tokens} API tokens"
    return f"Revoke {whose} {what} too: whatever calls with {'it' if tokens == 1 else 'them'} gets 401"


class SignInForm(HouseForm):
    name = _text("Name or e-mail", autocomplete="username", autocapitalize="none", spellcheck="false")
    password = _password("Password", "current-password")
    keep = forms.BooleanField(label="Keep me signed in for 12 hours", required=False, initial=True)


class PasswordForm(HouseForm):
    old = _password("Password now", "current-password")
    new = _password("New password, 12 characters or more", "new-password")
    repeated = _password("New password again", "new-password")
    revoke_tokens = forms.BooleanField(required=False)

    def __init__(self, *args: Any, tokens: int, **kwargs: Any) -> None:
        """`tokens`: how many of this person's API tokens work; with none there is nothing to ask."""
        super().__init__(*args, **kwargs)
        self.fields["revoke_tokens"].label = revoke_words("my", tokens)
        if not tokens:
            del self.fields["revoke_tokens"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("new") and data.get("repeated") and data["new"] != data["repeated"]:
            self.add_error("repeated", "This is not the same as the new password.")
        return data


class JoinForm(HouseForm):
    new = _password("Password, 12 characters or more", "new-password")
    repeated = _password("Password again", "new-password")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("new") and data.get("repeated") and data["new"] != data["repeated"]:
            self.add_error("repeated", "This is not the same as the password above.")
        return data


class PersonForm(HouseForm):
    username = _text("Name", autocomplete="off", autocapitalize="none", spellcheck="false")
    display_name = _text("Full name", required=False, autocomplete="off")
    email = forms.EmailField(label="E-mail", required=False, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.SUPPORT)


class TokenForm(HouseForm):
    token_name = forms.CharField(label="What it is for", max_length=80)
    scopes = forms.MultipleChoiceField(
        label="It may", choices=Scope.choices, initial=[Scope.DOCTOR_READ], widget=forms.CheckboxSelectMultiple
    )
    lifetime = forms.ChoiceField(
        label="It works for", choices=Lifetime.choices, initial=Lifetime.QUARTER, required=False
    )

    def clean_lifetime(self) -> str:
        """A form that was sent without it is meant as it is shown."""
        return self.cleaned_data["lifetime"] or Lifetime.QUARTER
