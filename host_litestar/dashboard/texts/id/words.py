"""Nilai kalimat yang berupa kode, dan kata-kata pihak lain di dalam kalimat."""

from typing import Final

TEXTS: Final = {
    "words.quoted": "“{text}”",
    "words.field.name": "nama",
    "words.field.scheduled_at": "waktu",
    "words.field.held_until": "waktu untuk membatalkan",
    "words.field.status": "keadaan",
    "words.state.up": "bahwa akun dapat mengirim",
    "words.state.down": "bahwa akun tidak dapat mengirim",
}
