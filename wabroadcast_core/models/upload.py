"""A file that was handed in."""

from wabroadcast_core.models.base import Model


class UploadView(Model):
    upload_id: str
    filename: str | None
    content_type: str | None
    size: int
    kind: str
