"""The doctor's forms: they parse; the services decide."""

from __future__ import annotations

from django import forms

from mosaic_admin.people.forms import HouseForm


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
