"""The doctor's forms: they parse; the services decide."""

from __future__ import annotations

from django import forms

from doctor.history import Wanted
from doctor.report import Light
from mosaic_admin.people.forms import HouseForm


class HistoryForm(forms.Form):
    """What the history's address asks for; a word that is none is said, and everything is shown."""

    light = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "Any state"), *((light.value, light.name.title()) for light in Light)],
    )
    since = forms.DateField(label="From day (UTC)", required=False)
    until = forms.DateField(label="To day (UTC)", required=False)

    def wanted(self) -> Wanted:
        return Wanted(**self.cleaned_data) if self.is_valid() else Wanted()


class SuppressForm(HouseForm):
    reason = forms.CharField(
        label="Why it can wait", max_length=500, widget=forms.Textarea(attrs={"rows": 3}), strip=True
    )
    days = forms.TypedChoiceField(
        label="Until",
        coerce=int,
        initial=7,
        choices=[(1, "tomorrow"), (7, "in a week"), (30, "in 30 days"), (90, "in 90 days")],
        help_text="Then it counts again by itself.",
    )


class WebhookForm(HouseForm):
    url = forms.CharField(
        label="Address",
        max_length=1000,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
        help_text="Its path is kept sealed, and only the host is shown later.",
    )
