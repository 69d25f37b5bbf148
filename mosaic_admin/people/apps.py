from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "mosaic_admin.people"
    label = "people"
