"""What the settings of the installation mean, as their model has it."""

from typing import Final

from wabroadcast_core.settings import Settings

TEXTS: Final = {f"installed.{name}": field.description or "" for name, field in Settings.model_fields.items()}
