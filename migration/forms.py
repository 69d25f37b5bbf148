"""Forms of the migration pages: they parse, services decide."""

from __future__ import annotations

from typing import Any

from django import forms

from migration.decisions import from_options
from migration.engine.model import Decisions
from migration.job_errors import BadDecisionError, BadThrottleError


class NewForm(forms.Form):
    """Which configuration to read from and which to write to."""

    source = forms.ChoiceField(label="Source, only read")
    target = forms.ChoiceField(label="Target, written to")

    def __init__(self, *args: Any, sources: list[tuple[str, str]], targets: list[tuple[str, str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name, options in (("source", sources), ("target", targets)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = options
            field.widget.attrs["class"] = "form-select"


def limit_from_post(post: Any) -> float | None:
    """Read the field `max_mb_s`: MB per second, empty for no limit. Raises BadThrottleError."""
    text = post.get("max_mb_s", "").strip().replace(",", ".")
    try:
        return float(text) if text else None
    except ValueError:
        raise BadThrottleError(
            "The speed limit is no number.",
            remediation="Give MB per second, such as 20, or nothing for no limit.",
            field="max_mb_s",
        ) from None


def decisions_from_post(post: Any) -> Decisions:
    """Read the decision form: for each `i`, `kind-i`, `subject-i`, `choice-i` and `text-i` (reason or new value).

    Raises:
        BadDecisionError: a skip without a reason, or a value without its replacement.
    """
    words: dict[str, list[str]] = {name: [] for name in _FIELDS.values()}
    for key in post:
        position = key.removeprefix("choice-")
        if position == key or not post[key]:
            continue
        kind, subject = post.get(f"kind-{position}", ""), post.get(f"subject-{position}", "")
        name = _FIELDS.get((kind, post[key]))
        if name is None:
            raise BadDecisionError(
                f"`{subject}` cannot be decided like that.", remediation="Choose one of its buttons."
            )
        text = post.get(f"text-{position}", "").strip()
        words[name].append(f"{subject}={text}" if name in ("skip_tables", "map_values") else subject)
    return from_options(**words, allow_rejects=_count_in(post, "allow_rejects"))  # type: ignore[arg-type]  # every value is a list of words


def _count_in(post: Any, name: str) -> int:
    text = post.get(name, "").strip() or "0"
    if not (text.isdecimal() and len(text) < 10):
        raise BadDecisionError("The number of rows to accept is no number.", remediation="Give a number such as 12.")
    return int(text)


_FIELDS = {
    ("table", "carry"): "carry_tables",
    ("table", "skip"): "skip_tables",
    ("column", "carry"): "carry_columns",
    ("column", "drop"): "drop_columns",
    ("value", "map"): "map_values",
}
