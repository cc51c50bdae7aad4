"""What the search says."""

from typing import Final

TEXTS: Final = {
    "search.title": "Cari",
    "search.title_of": "Hasil untuk {q}",
    "search.hint": "Tulis nama, ID broadcast, atau nomor lengkap dengan cara apa pun.",
    "search.none": "Tidak ada yang ditemukan.",
    "search.messages": "Pesan ke nomor ini",
    "search.messages.caption": "Terbaru lebih dulu",
    "search.messages.more": "Hanya 50 pesan terbaru yang ditampilkan.",
    "search.messages.none": "Nomor ini belum pernah dikirimi pesan.",
    "search.broadcast": "Broadcast",
    "search.all": "Tampilkan semua {n}",
}
