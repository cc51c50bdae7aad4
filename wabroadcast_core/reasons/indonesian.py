"""The codes of the core in Indonesian: what happened, and what to do. A ``?`` in a code stands for any character."""

from typing import Final

from wabroadcast_core.reasons.texts import Texts

_NOTHING: Final = "Tidak ada yang perlu dilakukan."
_WAIT_OR_RESEND: Final = (
    "Tunggu beberapa menit: bukti terima memastikannya, dan penyedia yang dapat mencarinya ditanya setelah "
    "satu sampai dua menit. Atau kirim ulang; orang itu mungkin menerima dua kali."
)
_SEE_DETAIL: Final = "Baca keterangan penyedia pada rincian, perbaiki penyebabnya, lalu coba lagi pesan yang gagal."
_RETRIED: Final = "Tunggu: pesan dicoba lagi dengan sendirinya."
_RECOVERS: Final = "Tunggu: kecepatan turun dan pulih dengan sendirinya."

SKIPPED: Final[Texts] = {
    "invalid_number": (
        "Isian pada daftar penerima bukan nomor telepon yang dapat dikirimi pesan.",
        "Perbaiki nomornya di berkas atau buku kontak, lalu kirim lagi ke orang ini.",
    ),
    "duplicate": ("Nomor ini ada lebih dari sekali; orangnya mendapat satu pesan.", _NOTHING),
    "blacklisted": (
        "Orang ini berhenti berlangganan atau ada di daftar hitam.",
        "Jangan kirim apa pun lagi ke orang ini. Bila catatannya keliru, hapus dari daftar hitam.",
    ),
    "missing_variable": (
        "Penerima tidak memiliki nilai untuk variabel pada teks.",
        "Isi kolomnya di berkas, atau beri nilai bawaan pada teks, lalu kirim lagi.",
    ),
    "bad_text": (
        "Teks untuk penerima ini kosong, terlalu panjang, atau tidak dapat disusun dari datanya.",
        "Perbaiki datanya atau pendekkan teksnya, lalu kirim lagi.",
    ),
    "no_consent": (
        "Kolom persetujuan pada berkas berisi tidak.",
        "Jangan kirim apa pun ke orang ini. Bila kolomnya salah dibaca, hapus kolom itu dari berkas.",
    ),
    "not_on_whatsapp": (
        "Menurut penyedia, nomor ini tidak ada di WhatsApp.",
        "Periksa nomornya bersama orangnya, atau hubungi dengan cara lain.",
    ),
}

MESSAGES: Final[Texts] = {
    "recipient_pace": (
        "Pesan terakhir ke orang yang sama baru saja dikirim.",
        "Tunggu: pesan dikirim dengan sendirinya.",
    ),
    "new_contacts_closed": (
        "Untuk sementara WhatsApp hanya mengizinkan akun ini menghubungi orang yang pernah dikirimi pesan.",
        "Tunggu sampai WhatsApp mengizinkan. Kurangi kiriman ke orang yang belum mengenal nomor ini.",
    ),
    "not_found_yet": (
        "Nomor tidak ditemukan di WhatsApp dan diperiksa sekali lagi.",
        "Tunggu: pemeriksaan kedua menentukan.",
    ),
    "blacklist_away": (
        "Plugin daftar hitam gagal, sehingga tidak ada pesan yang dikirim.",
        "Baca log worker dan perbaiki plugin itu; pengiriman berlanjut dengan sendirinya.",
    ),
    "erased": ("Data orang ini dihapus atas permintaannya.", _NOTHING),
    "failed": (
        "Penyedia melaporkan kegagalan tanpa alasan.",
        "Coba lagi sekali; bila gagal lagi, tanyakan kepada penyedia.",
    ),
    "rehearsal_not_simulated": (
        "Koneksi gladi bersih kini memakai pengirim yang menjangkau telepon sungguhan, jadi tidak ada yang dikirim.",
        "Ulangi gladi bersih: gladi bersih memakai koneksi sandbox.",
    ),
    "other": ("Jumlah semua alasan yang lebih jarang.", "Lihat daftar pesan yang gagal beserta alasannya."),
    "lost": (
        "Worker berhenti saat mengirim pesan, sehingga tidak diketahui apakah pesan sudah keluar.",
        _WAIT_OR_RESEND,
    ),
    "crash": (
        "Worker berhenti saat mengirim pesan, sehingga tidak diketahui apakah pesan sudah keluar.",
        _WAIT_OR_RESEND,
    ),
    "plugin_error": (
        "Plugin pengirim memiliki kesalahan program: yang terjadi bukan jawaban dari penyedia.",
        "Laporkan rincian dan log worker kepada pembuat plugin, lalu coba lagi.",
    ),
    "bad_answer": (
        "Plugin pengirim mengembalikan sesuatu yang bukan jawaban, sehingga tidak diketahui apakah pesan sudah keluar.",
        "Laporkan kepada pembuat plugin. Kirim ulang hanya bila orangnya tidak menerima pesan.",
    ),
    "temporary": (
        "Penyedia tidak dapat menerima pesan pada saat itu.",
        "Tunggu: pesan dicoba lagi dengan sendirinya. Bila semua percobaan habis, coba lagi secara manual.",
    ),
    "rejected": ("Penyedia menolak pesan ini untuk penerima ini.", _SEE_DETAIL),
    "bad_message": (
        "Penyedia menolak pesan ini untuk semua penerima.",
        "Perbaiki pesannya dan kirim sebagai broadcast baru; yang dijeda akan gagal untuk semua orang.",
    ),
    "throttled": ("Penyedia meminta pengiriman lebih pelan.", _RECOVERS),
    "connection_down": (
        "Akun ini tidak dapat mengirim sampai seseorang bertindak.",
        "Baca rinciannya, perbaiki akun di penyedia, lalu lanjutkan koneksi.",
    ),
    "outcome_unknown": (
        "Permintaan sudah keluar, tetapi jawaban yang jelas tidak sampai. Bisa jadi pesan sudah diterima.",
        _WAIT_OR_RESEND,
    ),
    "unknown": (
        "Permintaan sudah keluar, tetapi jawaban yang jelas tidak sampai. Bisa jadi pesan sudah diterima.",
        _WAIT_OR_RESEND,
    ),
    "send": ("Pesan tidak dapat dikirim.", _SEE_DETAIL),
}

TRANSPORT: Final[Texts] = {
    "unreachable": (
        "Penyedia tidak dapat dihubungi; pesan belum keluar.",
        "Tunggu: pesan dicoba lagi dengan sendirinya. Bila terus terjadi, periksa jaringan dan alamat penyedia.",
    ),
    "no_answer": ("Permintaan sudah keluar, jawabannya tidak sampai. Bisa jadi pesan sudah diterima.", _WAIT_OR_RESEND),
    "bad_address": (
        "Alamat penyedia pada pengaturan koneksi tidak dapat dipakai.",
        "Perbaiki alamatnya di pengaturan, lalu lanjutkan koneksi.",
    ),
    "bad_settings": (
        "Pengaturan koneksi tidak sah atau tidak dapat didekripsi.",
        "Simpan ulang pengaturannya, lalu lanjutkan koneksi.",
    ),
    "no_sender": (
        "Plugin untuk jenis koneksi ini tidak terpasang atau gagal dijalankan.",
        "Pasang atau perbaiki plugin di setiap worker, lalu lanjutkan koneksi.",
    ),
    "disconnected": (
        "Akun terputus dari WhatsApp atau sudah keluar (log out).",
        "Masuk lagi di gateway, misalnya dengan kode QR. Koneksi berlanjut dengan sendirinya.",
    ),
    "no_certain_answer": (
        "Beberapa pengiriman berturut-turut tidak mendapat jawaban yang jelas dari penyedia.",
        "Pastikan penyedia berfungsi, lanjutkan koneksi, lalu putuskan apakah pesan yang belum pasti dikirim ulang.",
    ),
    "no_media": (
        "Berkas pesan tidak ada atau tidak boleh dibaca.",
        "Unggah berkasnya lagi, atau beri tautan yang dapat dibuka siapa saja, lalu kirim broadcast baru.",
    ),
    "media_unreachable": (
        "Berkas pesan tidak dapat diambil pada saat itu.",
        "Tunggu: pesan dicoba lagi dengan sendirinya. Bila terus terjadi, periksa tautannya.",
    ),
    "media_not_public": (
        "Tautan berkas menuju alamat pribadi, yang tidak diizinkan.",
        "Unggah berkasnya, atau beri tautan publik.",
    ),
    "media_too_large": (
        "Berkas lebih besar daripada yang diterima penyedia.",
        "Perkecil berkasnya dan kirim broadcast baru.",
    ),
    "http_401": (
        "Penyedia menolak kredensial koneksi.",
        "Perbaiki kunci atau token di pengaturan koneksi, lalu lanjutkan koneksi.",
    ),
    "http_403": (
        "Penyedia tidak mengizinkan permintaan ini.",
        "Periksa hak kunci atau token, lalu lanjutkan koneksi.",
    ),
    "http_402": ("Penyedia meminta pembayaran.", "Bayar penyedia, lalu lanjutkan koneksi."),
    "http_404": (
        "Penyedia tidak mengenal alamat permintaan ini, atau penerimanya.",
        "Jika semua pesan berakhir begini, perbaiki alamat di pengaturan koneksi, lalu lanjutkan koneksi.",
    ),
    "http_405": (
        "Penyedia tidak menerima pesan di alamat ini.",
        "Perbaiki alamat di pengaturan koneksi, lalu lanjutkan koneksi.",
    ),
    "http_408": (
        "Penyedia berhenti menunggu, sehingga tidak diketahui apakah pesan sudah dikirim.",
        _WAIT_OR_RESEND,
    ),
    "http_429": ("Penyedia meminta pengiriman lebih pelan.", _RECOVERS),
    "http_503": ("Penyedia sedang tidak tersedia; pesan belum dikirim.", _RETRIED),
    "http_3??": (
        "Alamat penyedia mengalihkan ke alamat lain.",
        "Tulis alamat akhirnya di pengaturan koneksi, lalu lanjutkan koneksi.",
    ),
    "http_4??": ("Penyedia menolak permintaan ini.", _SEE_DETAIL),
    "http_5??": ("Penyedia gagal saat memproses permintaan. Bisa jadi pesan sudah dikirim.", _WAIT_OR_RESEND),
    "http_???": ("Jawaban penyedia bukan tanda berhasil.", _SEE_DETAIL),
}

WAITING: Final[Texts] = {
    "scheduled": ("Broadcast dimulai nanti.", _NOTHING),
    "hold": (
        "Pengiriman ditahan beberapa detik supaya masih dapat dibatalkan.",
        "Batalkan pengiriman, atau tunggu: pengiriman dimulai sendiri.",
    ),
    "preparing": ("Daftar penerima sedang dibaca dan belum ada pesan yang siap.", _NOTHING),
    "broadcast_paused": ("Broadcast dijeda.", "Baca alasannya, perbaiki penyebabnya, lalu lanjutkan broadcast."),
    "messages_paused": (
        "Semua pesan yang tersisa dijeda satu per satu atau bersama kelompoknya.",
        "Lanjutkan kelompoknya, atau pesannya satu per satu.",
    ),
    "batch_interval": ("Kelompok berikutnya belum waktunya dikirim.", _NOTHING),
    "broadcast_rate": ("Broadcast dikirim secepat batas kecepatannya sendiri.", _NOTHING),
    "higher_priority": ("Koneksi mengirim broadcast dengan prioritas lebih tinggi lebih dahulu.", _NOTHING),
    "retry": ("Percobaan berikutnya nanti.", "Tunggu, atau baca mengapa percobaan sebelumnya tidak berhasil."),
    "recipient_gap": (
        "Pesan terakhir ke orang yang sama baru saja dikirim.",
        "Tunggu: pesan dikirim dengan sendirinya.",
    ),
    "new_contacts": (
        "Untuk sementara WhatsApp hanya mengizinkan akun ini menghubungi orang yang pernah dikirimi pesan.",
        "Tunggu sampai WhatsApp mengizinkan. Kurangi kiriman ke orang yang belum mengenal nomor ini.",
    ),
    "number_check": (
        "Nomor tidak ditemukan di WhatsApp dan diperiksa sekali lagi.",
        "Tunggu: pemeriksaan kedua menentukan.",
    ),
    "sending": ("Semua pesan yang boleh dimulai sudah dimulai; penyedia belum menjawab.", _NOTHING),
    "send_window": ("Sekarang di luar jam kirim.", "Tunggu, atau ubah jam kirim."),
    "connection_paused": ("Koneksi dijeda.", "Baca alasannya, perbaiki akunnya, lalu lanjutkan koneksi."),
    "quota": ("Kuota koneksi sudah habis.", "Tunggu sampai kuota tersedia lagi, atau tambahkan koneksi lain."),
    "warm_up": (
        "Nomor ini masih baru dan batas hari ini sudah tercapai.",
        "Tunggu sampai besok: batasnya naik setiap hari dan melindungi nomor ini.",
    ),
    "cool_down": ("Penyedia meminta jeda.", "Tunggu: pengiriman berlanjut dengan sendirinya."),
    "rate": ("Koneksi mengirim secepat batas kecepatannya.", _NOTHING),
    "adaptive": (
        "Koneksi mengirim lebih pelan dari batasnya karena penyedia memintanya.",
        "Tunggu: kecepatan pulih dengan sendirinya. Bila sering terjadi, turunkan batas kecepatan.",
    ),
    "no_worker": (
        "Tidak ada worker yang hidup, sehingga tidak ada pesan yang dikirim.",
        "Jalankan dengan `wabroadcast worker` atau `wabroadcast serve`.",
    ),
    "redis": (
        "Redis tidak dapat dipakai, sehingga tidak ada pesan yang dikirim.",
        "Baca alasannya dan log, lalu jalankan atau perbaiki Redis.",
    ),
    "store": (
        "Basis data tidak dapat ditulisi, sehingga tidak ada pesan yang dikirim.",
        "Baca alasannya dan log, lalu perbaiki basis data.",
    ),
    "starting": ("Tidak ada yang menghalangi: worker segera mulai mengirim.", _NOTHING),
}

PROBLEMS: Final[Texts] = {
    "error": ("Panggilan gagal.", "Baca rinciannya."),
    "invalid_input": (
        "Permintaan memiliki isian atau parameter yang tidak sah.",
        "Perbaiki isian yang disebut pada `errors`, lalu kirim permintaan lagi.",
    ),
    "invalid_template": ("Teks pesan bukan templat yang sah.", "Perbaiki baris yang disebut pada rincian."),
    "invalid_file": (
        "Berkas tidak dapat dibaca sebagai daftar penerima atau kontak.",
        "Perbaiki baris atau kolom yang disebut pada rincian, atau pilih berkas lain.",
    ),
    "not_found": ("Yang disebut dalam panggilan tidak ada.", "Periksa id atau namanya."),
    "conflict": (
        "Keadaan sekarang tidak mengizinkan panggilan ini.",
        "Lihat status sekarang, lalu ikuti petunjuk pada rincian.",
    ),
    "idempotency_key_used": (
        "Kunci `Idempotency-Key` ini sudah dipakai panggilan lain dengan isi yang berbeda.",
        "Kirim isi baru dengan kunci baru. Kunci dan isi yang sama mengembalikan broadcast yang pertama.",
    ),
    "version_conflict": (
        "Panggilan lain sudah mengubahnya sejak terakhir dibaca.",
        "Bandingkan kedua versi pada jawaban, lalu kirim perubahan lagi dengan versi sekarang.",
    ),
    "precondition_required": (
        "Panggilan akan menimpa data tanpa menyebut versi yang menjadi dasarnya.",
        "Kirim header `If-Match` berisi `ETag` dari data yang dibaca.",
    ),
    "audience_unreadable": (
        "Daftar penerima tidak dapat dibaca sampai akhir.",
        "Perbaiki berkas atau kuerinya, lalu kirim broadcast lagi.",
    ),
    "webhook_refused": (
        "Panggilan webhook tidak membawa tanda tangan atau token penyedia.",
        "Pastikan rahasia di penyedia sama dengan yang ada di pengaturan koneksi.",
    ),
    "plugin": (
        "Sebuah plugin tidak ada, gagal, atau tidak cocok dengan plugin lain.",
        "Baca rincian dan log, lalu perbaiki atau blokir plugin itu.",
    ),
    "setup": ("Instalasi tidak dapat dijalankan dengan pengaturan ini.", "Ubah pengaturan yang disebut pada rincian."),
    "busy": (
        "Panggilan sejenis yang sedang berjalan sudah sebanyak batasnya.",
        "Coba lagi setelah jumlah detik di Retry-After.",
    ),
    "too_many_requests": (
        "Terlalu banyak kunci API yang salah dari alamat ini.",
        "Perbaiki kuncinya, tunggu jumlah detik di Retry-After, lalu coba lagi.",
    ),
    "unavailable": (
        "Basis data atau Redis tidak dapat dihubungi.",
        "Coba lagi beberapa detik lagi; bila terus terjadi, baca log server.",
    ),
    "worker_fault": (
        "Sebuah proses worker tidak lagi menerima pekerjaan.",
        "Proses itu dijalankan ulang dengan sendirinya; baca lognya bila sering terjadi.",
    ),
    "unauthorized": (
        "Kunci API tidak ada atau tidak dikenal.",
        "Kirim header `Authorization: Bearer` dengan kunci yang sah.",
    ),
    "forbidden": ("Panggilan ini tidak diizinkan.", "Gunakan kunci yang berhak."),
    "missing_scope": (
        "Kunci API tidak mengizinkan panggilan ini.",
        "Gunakan kunci dengan izin yang disebut dalam jawaban, atau minta kepada administrator.",
    ),
    "csrf": (
        "Permintaan dari sesi ini tidak terbukti berasal dari halaman kami sendiri.",
        "Muat ulang halaman, lalu ulangi.",
    ),
    "method_not_allowed": (
        "Alamat ini tidak menerima metode HTTP tersebut.",
        "Gunakan salah satu metode pada header `Allow`.",
    ),
    "too_large": (
        "Isi permintaan melebihi batas.",
        "Kirim lebih sedikit sekaligus, atau unggah berkas dengan `POST /uploads`.",
    ),
    "unsupported_media_type": (
        "Jenis isi permintaan tidak diterima.",
        "Kirim JSON dengan `Content-Type: application/json`.",
    ),
    "internal": ("Terjadi kesalahan pada server.", "Baca log server dan laporkan kesalahannya."),
}

UNKNOWN_CODE: Final = (
    "Penyedia memberi kode yang tidak ada dalam katalog.",
    "Baca keterangan penyedia pada rincian, dan cari kodenya di dokumentasi penyedia.",
)

CORE: Final[Texts] = {**SKIPPED, **MESSAGES, **TRANSPORT, **WAITING, **PROBLEMS}
