"""Template tags of the house look."""

from django import template

register = template.Library()
