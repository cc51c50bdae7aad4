"""Uploads: files that are stored for later use."""

from pydantic import Field

from wabroadcast_core.models.base import Model


class UploadView(Model):
    """An upload as it is shown."""

    upload_id: str = Field(description="The id of the upload, for the source or the media of a broadcast.")
    filename: str | None = Field(description="Name of the file; null: it came without one.")
    content_type: str | None = Field(description="The MIME type of the file, such as image/jpeg; null: not known.")
    size: int = Field(description="Size of the file, in bytes.")
    kind: str = Field(
        description="Its use: csv or excel as the source of an audience, or image, audio, video, document."
    )
