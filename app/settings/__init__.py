"""Everything an operator may set, in one typed value: made once at a door and passed in."""

from app.settings.chosen import PREFIX, SECRETS
from app.settings.settings import Settings

__all__ = ["PREFIX", "SECRETS", "Settings"]
