"""Bagian pengaturan pengirim untuk API HTTP mana pun: panggilan, syarat, dan webhook."""

from typing import Final

CALLS: Final = ("send", "checkNumber", "findMessage", "checkConnection")

TEXTS: Final = {
    # calls
    "setting.http.part.method": "Metode",
    **{f"setting.http.{call}.path": "Jalur" for call in CALLS},
    **{f"setting.http.{call}.path.hint": "Jalur di bawah alamat server, tanpa kueri." for call in CALLS},
    "setting.http.part.query": "Kueri",
    "setting.http.part.headers": "Header",
    "setting.http.part.format": "Format",
    "setting.http.part.format.hint": "Format isi permintaan.",
    "setting.http.part.body": "Isi",
    "setting.http.part.bodies": "Isi per jenis pesan",
    "setting.http.part.bodies.hint": "Isi untuk jenis pesan tertentu; media berarti image, document, audio, dan video.",
    "setting.http.part.success": "Berhasil",
    "setting.http.part.success.hint": "Jawaban yang berarti pesan diterima; jika kosong, setiap status 2xx.",
    "setting.http.part.providerId": "Id penyedia",
    "setting.http.part.providerId.hint": "Jalur id pesan dari API.",
    "setting.http.send.providerId.hint": "Jalur id pesan dari API di jawaban.",
    "setting.http.findMessage.providerId.hint": "Jalur id pesan dari API, di jawaban yang memuat pesan itu.",
    "setting.http.part.missing": "Tidak ada",
    "setting.http.part.missing.hint": "Jawaban yang berarti API pasti tidak pernah menerima pesan; pesan lalu dikirim "
    "lagi.",
    "setting.http.part.answer": "Jawaban",
    "setting.http.part.answer.hint": "Jalur hasil di jawaban.",
    "setting.http.part.yes": "Ya",
    "setting.http.part.yes.hint": "Hasil untuk nomor yang ada di WhatsApp.",
    "setting.http.part.no": "Tidak",
    "setting.http.part.no.hint": "Hasil untuk nomor yang tidak ada di WhatsApp.",
    "setting.http.part.up": "Dapat mengirim",
    "setting.http.part.up.hint": "Jawaban yang berarti akun dapat mengirim; jika kosong, setiap status 2xx.",
    # conditions and failure rules
    "setting.http.part.equals": "Sama dengan",
    "setting.http.part.equals.hint": "Nilainya harus sama dengan ini, atau dengan salah satunya; dibandingkan sebagai "
    "teks.",
    "setting.http.part.contains": "Memuat",
    "setting.http.part.contains.hint": "Nilainya harus memuat teks ini, atau salah satunya; huruf besar dan kecil "
    "sama.",
    "setting.http.part.status": "Status",
    "setting.http.part.status.hint": "200, 4xx, 500-504, atau daftar status seperti itu.",
    "setting.http.part.path": "Jalur",
    "setting.http.part.path.hint": "Jalur nilai itu.",
    "setting.http.part.means": "Artinya",
    "setting.http.part.means.hint": "temporary: pasti tidak diterima, mungkin berhasil nanti. rejected: penerima ini "
    "tidak akan pernah dapat menerimanya. bad_message: tidak seorang pun dapat. throttled: terlalu cepat. "
    "connection_down: seseorang harus bertindak. unknown: mungkin sudah diterima.",
    "setting.http.part.reason": "Sebab",
    "setting.http.failures.reason.hint": "Kode singkat pilihan Anda untuk kegagalan ini.",
    "setting.http.checkConnection.reason.hint": "Jalur sebab mengapa tidak dapat mengirim.",
    "setting.http.receipts.reason.hint": "Jalur sebab kegagalan.",
    "setting.http.part.retryAfter": "Coba lagi setelah",
    "setting.http.part.retryAfter.hint": "Jalur lama menunggu dalam detik; jika kosong, header Retry-After yang "
    "berlaku.",
    "setting.http.part.scope": "Lingkup",
    "setting.http.part.scope.hint": "Untuk throttled: pesan mana yang menunggu.",
    "setting.http.part.optOut": "Berhenti",
    "setting.http.part.optOut.hint": "Untuk rejected: penerima tidak mau dihubungi.",
    # the webhook
    "setting.http.part.proof": "Bukti",
    "setting.http.part.proof.hint": "Cara panggilan membuktikan berasal dari API; tanpa bukti, siapa pun dapat "
    "memanggil.",
    "setting.http.part.kind": "Jenis",
    "setting.http.part.header": "Header",
    "setting.http.part.prefix": "Awalan",
    "setting.http.part.prefix.hint": "Teks di depan rahasia, misalnya `Bearer `.",
    "setting.http.part.secret": "Rahasia",
    "setting.http.part.secret.hint": "Nama salah satu rahasia di atas.",
    "setting.http.part.algorithm": "Algoritme",
    "setting.http.part.parameter": "Parameter",
    "setting.http.part.receipts": "Bukti terima",
    "setting.http.part.receipts.hint": "Kejadian yang merupakan bukti terima.",
    "setting.http.part.inbound": "Pesan masuk",
    "setting.http.part.inbound.hint": "Kejadian yang merupakan pesan dari orang.",
    "setting.http.part.events": "Kejadian",
    "setting.http.part.events.hint": "Jalur kejadian, dengan `*` untuk setiap isi daftar: entry.*.statuses.*; jika "
    "kosong, seluruh panggilan adalah satu kejadian.",
    "setting.http.part.when": "Jika",
    "setting.http.part.when.hint": "Hanya kejadian yang memenuhi semua syarat ini.",
    "setting.http.part.unless": "Kecuali",
    "setting.http.part.unless.hint": "Hanya kejadian yang tidak memenuhi satu pun syarat ini.",
    "setting.http.part.time": "Waktu",
    "setting.http.part.time.hint": "Jalur waktu: detik, milidetik, atau tanggal; jika kosong, waktu panggilan.",
    "setting.http.part.messageId": "Id pesan",
    "setting.http.part.messageId.hint": "Jalur id pesan kita, jika API mengembalikannya.",
    "setting.http.receipts.status.hint": "Jalur status.",
    "setting.http.part.statuses": "Arti status",
    "setting.http.part.statuses.hint": "Arti setiap status; huruf besar dan kecil sama. Status lain diabaikan.",
    "setting.http.part.number": "Nomor",
    "setting.http.part.number.hint": "Jalur nomor orang itu.",
    "setting.http.part.text": "Teks",
    "setting.http.part.text.hint": "Jalur teks.",
    "setting.http.part.replyTo": "Balasan untuk",
    "setting.http.part.replyTo.hint": "Jalur id dari API untuk pesan yang dibalas.",
}
