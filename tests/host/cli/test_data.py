"""``wabroadcast data``, on a store without a server."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster


def test_what_is_kept_is_shown(
    host_settings: Settings, tmp_path: Path, command: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    with Broadcaster(host_settings) as broadcaster:
        upload = broadcaster.uploads.save([b"nama,hp\nBudi,0812\n"], filename="a.csv")
        broadcaster.contacts.import_file(upload.upload_id)

    shown = command("data", "--data-dir", str(host_settings.data_dir), cwd=tmp_path, WABROADCAST_KEEP_FILES_DAYS="3")

    assert shown.returncode == 0, shown.stderr
    assert "uploads: 1 with 18 bytes, the oldest from 20" in shown.stdout
    assert "rejected rows: 1 with" in shown.stdout
    assert "3 days after" in shown.stdout
    assert "0812" not in shown.stdout
