"""The editor's forms: a document as one field for each value, or as the JSON itself."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

import tiers
from mosaic_admin.people.forms import HouseForm
from tiers.masking import mask_document
from tiers.models import TierConfig
from tiers.problems import Problem
from tiers.schema import TIER_WORDS, Tier

DEFAULTS: Mapping[Tier, dict[str, Any]] = {
    Tier.LOCAL: tiers.DEFAULT_LOCAL_CONFIG,
    Tier.STANDALONE: tiers.DEFAULT_STANDALONE_CONFIG,
    Tier.FEDERATED: tiers.DEFAULT_FEDERATED_CONFIG,
}
PREFIX = "f."  # `f.storage.url` is the field of the value `storage.url`
_ADDRESS = "Keep the password outside: ${VARIABLE} in the address, or a file."
_FILE = "A file with the password alone in it, relative to the configuration file. Leave empty for none."
_FOLDER = "Relative to the configuration file."
_STORE = ("storage.url", "PostgreSQL address", _ADDRESS), ("storage.passwordFile", "PostgreSQL password file", _FILE)
_QUEUE = ("queue.url", "Valkey address", _ADDRESS), ("queue.passwordFile", "Valkey password file", _FILE)
_FIELDS: Mapping[Tier, tuple[tuple[str, str, str], ...]] = {
    Tier.LOCAL: (("storage.dataDir", "Data folder", _FOLDER),),
    Tier.STANDALONE: (*_STORE, ("queue.type", "Queue", ""), *_QUEUE),
    Tier.FEDERATED: (*_STORE, *_QUEUE),
}
_QUEUES = (("bullmq", "Valkey (bullmq)"), ("local", "In the gateway's process (local)"))


class MaskedForm(HouseForm):
    """A form that never shows a password that was typed into it."""

    def show_masked(self) -> bool:
        """Bring back what was typed without its passwords; return whether there was one."""
        typed = {name: str(self.data.get(name, "")) for name in self.fields}
        masked = mask_document(typed)
        self.data = masked
        return masked != typed


class JsonForm(forms.Form):
    """What the editor of the whole document sends; the document is checked by the service."""

    document = forms.CharField(max_length=100_000, strip=False)
    why = forms.CharField(max_length=500, required=False)
    revision = forms.IntegerField(min_value=1, required=False)
    name = forms.CharField(max_length=100, required=False)


class ActivateForm(MaskedForm):
    """The confirmation: the name typed, the revision and the file as they were seen."""

    revision = forms.IntegerField(widget=forms.HiddenInput, max_value=2**31)
    file = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    why = forms.CharField(label="Why (optional)", required=False, max_length=500)
    confirm = forms.CharField(max_length=100)

    def __init__(self, config: TierConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config = config
        self.fields["confirm"].label = f"Type {config.name} to activate it"
        self.fields["confirm"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != self.config.name:
            raise forms.ValidationError(f"This is not the name: {self.config.name}.")
        return typed


class FieldsForm(MaskedForm):
    """One field for each value of a tier's document that a person decides; the tier decides the others."""

    tier = forms.ChoiceField(choices=[(tier.value, tier.value) for tier in Tier], widget=forms.HiddenInput)
    revision = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)

    def __init__(self, tier: Tier, *, has_name: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of_tier = tier
        if has_name:
            self.fields["name"] = _text("Name", "", required=True, max_length=100)
        for path, label, hint in _FIELDS[tier]:
            self.fields[PREFIX + path] = _value(path, label, hint)
        self.fields[f"{PREFIX}$comment"] = _text("Remark (optional)", "Kept in the file as $comment.")
        self.fields["why"] = _text("Why (optional)", "Kept in the history.", max_length=500)
        self.dress()

    def document(self, base: dict[str, Any]) -> dict[str, Any]:
        """Return `base` with what was typed in it, as a document of this form's tier."""
        document = {**copy.deepcopy(_start(base, self.of_tier)), "tier": self.of_tier.value}
        for path in self._paths():
            section, _, key = path.rpartition(".")
            part = document if not section else document.setdefault(section, {})
            value = self.cleaned_data.get(PREFIX + path, "")
            part.pop(key, None)
            if value or key in ("url", "dataDir"):  # these are needed: left empty, the answer says so beside them
                part[key] = value
        if document["queue"]["type"] == "local":
            document["queue"] = {
                key: document["queue"][key] for key in ("type", "$comment") if key in document["queue"]
            }
        return document

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Show each problem beside its field; what belongs to none stands above them all."""
        for problem in problems:
            name = next((name for name in (PREFIX + problem.path, problem.path) if name in self.fields), None)
            reason = problem.reason[:1].upper() + problem.reason[1:]
            text = f"{reason if reason.endswith('?') else f'{reason}.'} {problem.remedy}"
            self.add_error(name, text if name or not problem.path else f"{problem.path}: {text}")

    def _paths(self) -> list[str]:
        return [name.removeprefix(PREFIX) for name in self.fields if name.startswith(PREFIX)]


def initial_of(document: dict[str, Any], tier: Tier) -> dict[str, Any]:
    """Return what the fields of a tier show of a document, passwords masked."""
    shown = mask_document(_start(document, tier))
    values: dict[str, Any] = {"tier": tier.value, f"{PREFIX}$comment": shown.get("$comment", "")}
    for path, _, _ in _FIELDS[tier]:
        section, _, key = path.partition(".")
        values[PREFIX + path] = shown[section].get(key) or ""
    return values


def _start(document: dict[str, Any], tier: Tier) -> dict[str, Any]:
    """Return the document itself when it is of this tier, else the tier's default with the document's remark."""
    if not document:
        return DEFAULTS[tier]
    if TIER_WORDS[document["tier"]] is tier:
        return document
    return {**DEFAULTS[tier], **{key: document[key] for key in ("$schema", "$comment") if key in document}}


def _value(path: str, label: str, hint: str) -> forms.Field:
    if path == "queue.type":
        return forms.ChoiceField(label=label, choices=_QUEUES)
    field = _text(label, hint)
    field.widget.attrs["class"] = "form-control mono"
    return field


def _text(label: str, hint: str, *, required: bool = False, max_length: int = 4000) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=hint, required=required, max_length=max_length, widget=widget)
