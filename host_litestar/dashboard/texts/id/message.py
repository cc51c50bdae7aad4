"""What the page of one message says."""

from typing import Final

TEXTS: Final = {
    "message.erased": "Orang yang dihapus",
    "message.cancel": "Batalkan pesan ini",
    "message.cancel.text": "{number} tidak akan pernah menerima pesan ini.",
    "message.paused": "Pesan ini dijeda.",
    "message.resumed": "Pesan ini dilanjutkan.",
    "message.cancelled": "Pesan ini dibatalkan.",
    "message.to_person": "Ke orangnya",
    "message.steps": "Perjalanan pesan",
    "message.steps.none": "Belum dikirim.",
    "message.attempts": "Percobaan, dengan jawaban WhatsApp",
    "message.attempt": "Percobaan {n}",
    "message.times": "{n} kali, terakhir {time}",
    "message.answer": "Jawaban",
    "message.outcome.accepted": "Diterima oleh WhatsApp.",
    "message.outcome.retry": "Belum diterima; akan dicoba lagi.",
    "message.outcome.failed": "Ditolak.",
    "message.outcome.unknown": "Jawabannya tidak sampai.",
    "message.receipts": "Bukti terima",
    "message.facts": "Data pesan",
    "message.provider_id": "ID dari WhatsApp",
    "message.support": "Semua untuk dukungan",
}
