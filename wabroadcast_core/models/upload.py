"""Uploads: files that are stored for later use."""

from pydantic import Field

from wabroadcast_core.models.base import Model


class UploadView(Model):
    """An upload as it is shown."""

    upload_id: str
    filename: str | None
    content_type: str | None
    size: int  # bytes
    kind: str = Field(
        description="Its use: csv or excel as the source of an audience, or image, audio, video, document."
    )
