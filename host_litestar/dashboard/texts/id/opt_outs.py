"""Opt-outs."""

from typing import Final

TEXTS: Final = {
    "opt_outs.title": "Berhenti",
    "opt_outs.lead": "Nomor yang tidak mau dihubungi. Tidak ada broadcast yang mengirim ke sini.",
    "opt_outs.caption": "{n} nomor, yang terbaru dulu",
    "opt_outs.add": "Tambah nomor",
    "opt_outs.add_act": "Jangan hubungi nomor ini",
    "opt_outs.added": "{number} tidak akan dihubungi lagi.",
    "opt_outs.reason": "Sebab",
    "opt_outs.reason_hint": "Kosong: tidak mau dihubungi.",
    "opt_outs.reason_missing": "Tulis sebabnya, paling banyak {most} huruf.",
    "opt_outs.connection": "Hanya di koneksi",
    "opt_outs.connection_hint": "Kosong: di semua koneksi.",
    "opt_outs.no_connection": "Tidak ada koneksi {name}.",
    "opt_outs.search": "Nomor atau sebab",
    "opt_outs.all": "Lihat semua",
    "opt_outs.where": "Berlaku di",
    "opt_outs.everywhere": "semua koneksi",
    "opt_outs.by": "Dicatat oleh",
    "opt_outs.since": "Sejak",
    "opt_outs.allow_hint": "Buka nomornya untuk melihat riwayatnya atau mengizinkannya lagi.",
    "opt_outs.none_found": "Tidak ada nomor yang cocok.",
    "opt_outs.empty": "Belum ada yang berhenti.",
    "opt_outs.empty_lead": "Orang yang membalas dengan kata berhenti dicatat di sini dengan sendirinya.",
    "opt_outs.reason.default": "tidak mau dihubungi",
    "opt_outs.reason.reply": "membalas dengan kata berhenti",
    "opt_outs.reason.provider": "WhatsApp melaporkan bahwa orang ini berhenti",
    "opt_outs.source.inbound": "balasan orang itu",
    "opt_outs.source.engine": "mesin pengirim",
    "opt_outs.source.api": "API",
    "opt_outs.import": "Impor nomor",
    "opt_outs.import_lead": "Setiap nomor di berkas ini tidak akan dihubungi lagi.",
    "opt_outs.file_hint": "CSV, Excel, atau ODS dengan satu kolom nomor telepon.",
    "opt_outs.will_add": "Akan ditambahkan",
    "opt_outs.listed": "Sudah tercatat",
    "opt_outs.breaks_off": "Berkas ini rusak di tengah: {reason}. Nomor sebelum itu tetap bisa dicatat.",
    "opt_outs.run": "Tambahkan {n} nomor ke daftar berhenti",
    "opt_outs.run_all": "Tambahkan semua nomor di berkas ini",
    "opt_outs.nothing_new": "Tidak ada nomor baru di berkas ini.",
    "opt_outs.imported": "{n} nomor ditambahkan, {known} sudah tercatat, {rejected} baris ditolak.",
    "opt_outs.imported_in_part": (
        "Berkasnya rusak: {reason}. Sebelum itu {n} nomor ditambahkan, {known} sudah tercatat, {rejected} baris "
        "ditolak."
    ),
}
