"""The project's settings on the database of a test."""

import os

from mosaic_admin.settings import *  # noqa: F403
from mosaic_admin.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["MOSAIC_TEST_CONTROL_FILE"]
