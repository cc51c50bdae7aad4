"""The answers of the probes. The causes of failures have no address and no secret in them: probes need no API key."""

from typing import Literal

from pydantic import Field

from wabroadcast_core.models.base import Model, Said

State = Literal["ok", "unavailable"]


class Liveness(Model):
    """The process answers."""

    status: Literal["ok"] = Field("ok", description="Always ok: the process answers.")


class Readiness(Model):
    """Whether the store and Redis take writes, together and each."""

    status: State = Field(description="ok if all checks are.")
    checks: dict[str, State] = Field(description="Whether the store and Redis take writes, by name.")
    causes: dict[str, Said] = Field(default_factory=dict, description="Why a check failed, and what to do.")
    quarantined: dict[str, str] = Field(
        default_factory=dict, description="Plugins that cannot be used, each with the reason; the server works without."
    )

    @property
    def http_status(self) -> int:
        """The HTTP status that a probe answers with."""
        return 200 if self.status == "ok" else 503
