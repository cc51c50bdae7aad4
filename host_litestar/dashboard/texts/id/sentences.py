"""Kalimat dari inti: rincian tindakan, sebab jeda, kegagalan kirim, koneksi, callback, Redis, dan basis data."""

from typing import Final

TEXTS: Final = {
    # acts
    "sentence.messages": "{n} pesan",
    "sentence.import": "impor {import_id}",
    "sentence.renamed": "menjadi {name}",
    "sentence.tagged": "{n} kontak; ditambah {added}",
    "sentence.untagged": "{n} kontak; dilepas {removed}",
    "sentence.retagged": "{n} kontak; ditambah {added}; dilepas {removed}",
    "sentence.scopes": "Izin: {scopes}",
    "sentence.copied": "salinan dari broadcast {job_id}",
    "sentence.changed": "Baru: {fields}",
    "sentence.retried": "{status}: {n}",
    "sentence.retried_with": "{status}: {n} ({reason})",
    "sentence.batch": "kelompok {batch}",
    "sentence.message": "pesan {position}",
    "sentence.undo_late": "Sudah terlambat: {n} pesan telah keluar, {claimed} sedang dikirim.",
    "sentence.undone": "Dibatalkan sebelum ada pesan yang keluar: kembali menjadi draf.",
    "sentence.quoted": "“{text}”",
    "sentence.field.name": "nama",
    "sentence.field.scheduled_at": "waktu",
    "sentence.field.held_until": "waktu untuk membatalkan",
    "sentence.field.status": "keadaan",
    # pauses
    "sentence.failure": "{reason}: {detail}",
    "sentence.failures_alike": "Dijeda otomatis: terlalu banyak pesan gagal karena sebab yang sama ({reason}).",
    "sentence.answers_lost": "Dijeda otomatis: terlalu banyak pesan berakhir tanpa jawaban yang pasti ({reason}).",
    "sentence.provider_lost": "{n} pengiriman berturut-turut berakhir tanpa jawaban yang pasti (yang terakhir: "
    "{reason}). Periksa apakah penyedia berjalan, lalu lanjutkan koneksi. Pesan yang belum pasti terkirim ulang bila "
    "dicoba lagi.",
    # sends
    "sentence.rehearsal_not_simulated": "Pengirim koneksi {connection} menjangkau ponsel sungguhan: ulangi gladi "
    "bersih.",
    "sentence.wrong_answer": "Plugin pengirim menjawab dengan {type}.",
    "sentence.changed_by_plugin": "{error}, setelah plugin {plugins} mengubah pesan.",
    "sentence.provider_unreachable": "Penyedia tidak dapat dihubungi: {cause}",
    "sentence.answer_missing": "Permintaan sudah keluar, tetapi jawabannya tidak datang: {error}",
    "sentence.url_invalid": "Alamatnya tidak sah ({error}): perbaiki pengaturan koneksi.",
    "sentence.half_character": "Pesan berisi karakter yang tidak utuh: perbaiki teks atau data penerima.",
    "sentence.upload_missing": "Unggahan {upload_id} tidak ada: unggah berkasnya dan pakai id yang baru.",
    "sentence.store_unreachable": "Basis data tidak dapat dihubungi.",
    "sentence.media_not_public": "Alamat berkas bukan alamat http atau https yang terbuka untuk umum: pakai alamat "
    "umum, atau unggah berkasnya.",
    "sentence.media_unreachable": "Berkas tidak dapat diambil dari alamatnya: {cause}",
    "sentence.media_answer": "Alamat berkas menjawab HTTP {status}.",
    "sentence.media_refused": "Alamat berkas menjawab HTTP {status}: pastikan setiap orang dapat mengunduhnya.",
    "sentence.media_too_large": "Berkas lebih dari {megabytes} MB, yang tidak diterima penyedia mana pun: pakai berkas "
    "yang lebih kecil.",
    "sentence.settings_invalid": "Pengaturan pengirim {sender} tidak sah ({fields}): perbaiki dan simpan koneksi.",
    "sentence.sender_not_created": "Plugin pengirim {sender} gagal dimulai: {error}",
    "sentence.text_erased": "Data orang ini dihapus, juga nilai untuk membuat teksnya.",
    "sentence.source_failed": "Sumber kontak gagal dengan {error}: lihat log proses pengirim.",
    # the network
    "sentence.net_refused": "koneksi ditolak: tidak ada yang menerima di alamat dan port ini.",
    "sentence.net_no_route_to_host": "host tidak dapat dihubungi: tidak ada rute ke sana.",
    "sentence.net_no_route": "jaringan tidak dapat dihubungi: mesin ini tidak punya rute ke sana.",
    "sentence.net_down": "jaringan mesin ini mati.",
    "sentence.net_reset": "koneksi diputus.",
    "sentence.net_no_port": "mesin ini tidak punya port lokal yang bebas.",
    "sentence.net_files_of_process": "proses ini membuka terlalu banyak berkas.",
    "sentence.net_files_of_machine": "mesin ini membuka terlalu banyak berkas.",
    "sentence.net_firewall": "mesin ini tidak mengizinkan koneksi itu (firewall).",
    "sentence.net_name_servers": "nama host sedang tidak dapat dicari: periksa server nama mesin ini.",
    "sentence.net_no_tls": "host tidak memakai TLS yang diterima mesin ini: periksa https dan port.",
    "sentence.net_proxy": "proxy menolak koneksi.",
    "sentence.net_pool": "terlalu banyak permintaan menunggu koneksi.",
    "sentence.net_incomplete": "koneksi berakhir sebelum seluruh permintaan terkirim.",
    "sentence.net_no_host": "tidak ada host dengan nama ini: periksa apakah alamatnya salah ketik.",
    "sentence.net_certificate": "sertifikat host tidak sah ({cause}).",
    "sentence.net_silent": "tidak ada jawaban saat menghubungi: host mati, atau firewall membuang kiriman.",
    # connections
    "sentence.test_silent": "Penyedia tidak menjawab dalam {seconds} detik: periksa apakah alamatnya menjawab.",
    "sentence.test_blocked": "Plugin pengirim {sender} menahan prosesnya dan belum selesai dalam {seconds} detik.",
    "sentence.test_exited": "Plugin pengirim {sender} mencoba mengakhiri proses: {error}",
    "sentence.test_failed": "Plugin pengirim {sender} gagal: {error}",
    "sentence.test_impossible": "Pengirim {sender} tidak dapat melaporkan keadaan akunnya: kirim satu pesan untuk "
    "mengujinya.",
    "sentence.test_reported": "Penyedia melaporkan {state}.",
    "sentence.state.up": "bahwa akun dapat mengirim",
    "sentence.state.down": "bahwa akun tidak dapat mengirim",
    "sentence.other_key": "Pengaturannya dienkripsi dengan kunci rahasia lain: simpan koneksi lagi, dengan semua "
    "pengaturannya.",
    "sentence.shared_account": "Akunnya juga dipakai {names}: bersama-sama keduanya melewati batas. Jeda atau hapus "
    "semuanya kecuali satu.",
    # plugins
    "sentence.repair_plugin": "Perbaiki plugin lalu mulai ulang, atau blokir dengan "
    "WABROADCAST_BLOCKED_PLUGINS={plugin}.",
    "sentence.repair_plugin_to_send": "Sampai saat itu tidak ada yang dikirim: perbaiki plugin lalu mulai ulang, atau "
    "blokir dengan WABROADCAST_BLOCKED_PLUGINS={plugin}.",
    # callbacks
    "sentence.receiver_gone": "HTTP 410: penerima callback tidak mau lagi menerima kabar broadcast ini.",
    "sentence.receiver_redirects": "HTTP {status}: pengalihan tidak diikuti, atur alamat yang dituju.",
    "sentence.receiver_not_public": "Alamatnya bukan alamat internet umum: izinkan jaringannya dengan "
    "WABROADCAST_CALLBACK_NETWORKS.",
    "sentence.receiver_address_invalid": "Alamatnya tidak sah: perbaiki callbackUrl atau WABROADCAST_CALLBACK_URL.",
    "sentence.receiver_unreachable": "Penerima callback tidak dapat dihubungi: {cause}",
    "sentence.receiver_slow": "Penerima callback tidak menjawab dalam {seconds} detik: biarkan ia menjawab dulu, baru "
    "bekerja.",
    "sentence.receiver_silent": "Penerima callback tidak menjawab: {error}",
    "sentence.receiver_trusts_all": "Panggilan dengan tanda tangan yang salah diterima: tolak dengan 401 panggilan "
    "yang webhook-signature-nya tidak benar.",
    # Redis
    "sentence.redis_oom": "Redis menolak penulisan karena batas memorinya tercapai: naikkan maxmemory, atau kosongkan "
    "memorinya.",
    "sentence.redis_readonly": "Redis ini replika yang hanya dapat dibaca: arahkan WABROADCAST_REDIS_URL ke yang "
    "utama, atau jadikan ini yang utama.",
    "sentence.redis_misconf": "Redis menolak penulisan karena tidak dapat menyimpan datanya: kosongkan disknya, dan "
    "lihat log Redis.",
    "sentence.redis_loading": "Redis sedang memuat datanya: ia menjawab setelah selesai.",
    "sentence.redis_noreplicas": "Redis menolak penulisan karena replikanya kurang: mulai replikanya, atau turunkan "
    "min-replicas-to-write.",
    "sentence.redis_masterdown": "Redis ini replika tanpa yang utama: arahkan WABROADCAST_REDIS_URL ke yang utama.",
    "sentence.redis_clusterdown": "Kluster Redis mati: lihat log Redis.",
    "sentence.redis_cluster": "Redis ini bagian dari kluster: arahkan WABROADCAST_REDIS_URL ke Redis tanpa mode "
    "kluster.",
    "sentence.redis_busy": "Redis sibuk dengan sebuah skrip: tunggu sampai selesai, atau akhiri dengan SCRIPT KILL.",
    "sentence.redis_noauth": "Redis meminta kata sandi: tambahkan ke WABROADCAST_REDIS_URL, seperti "
    "redis://:password@host.",
    "sentence.redis_wrongpass": "Redis menolak pengguna atau kata sandinya: perbaiki di WABROADCAST_REDIS_URL.",
    "sentence.redis_noperm": "Pengguna Redis kurang izin: beri ia semua perintah, serta kunci dan kanal yang diawali "
    "namespace atau huey.",
    "sentence.redis_silent": "Redis tidak menjawab tepat waktu: periksa apakah Redis berjalan dan jaringan "
    "mencapainya.",
    "sentence.redis_unreachable": "Redis tidak dapat dihubungi: mulai Redis, atau perbaiki WABROADCAST_REDIS_URL.",
    "sentence.redis_refuses": "Redis menolak panggilan ({word}): lihat log Redis.",
    "sentence.redis_of_another_store": "Redis dan basis data bukan pasangannya: lihat log.",
    # the store
    "sentence.store_unusable": "Basis data tidak dapat dipakai: {cause}",
    "sentence.store_away": "Basis data tidak dapat dihubungi: lihat log.",
    "sentence.store_disk_full": "disknya penuh: kosongkan sebagian.",
    "sentence.store_damaged": "berkasnya rusak: hentikan semua proses dan pulihkan cadangan, atau selamatkan yang "
    "masih terbaca dengan `sqlite3 wabroadcast.db .recover | sqlite3 recovered.db`.",
    "sentence.store_readonly": "berkasnya tidak dapat ditulis: beri pengguna ini izin tulis pada berkas dan foldernya.",
    "sentence.store_not_opened": "berkasnya tidak dapat dibuka: beri pengguna ini izin pada berkas dan foldernya.",
    "sentence.store_disk_fails": "pembacaan atau penulisan disknya gagal: periksa disk dan ruang kosongnya.",
    "sentence.store_locked": "proses lain menguncinya: akhiri proses itu.",
    "sentence.store_standby": "tidak menerima penulisan, seperti server cadangan: arahkan WABROADCAST_DATABASE_URL ke "
    "server utama.",
    "sentence.store_no_memory": "servernya kehabisan memori: lihat log server itu.",
    "sentence.store_connections": "servernya punya terlalu banyak koneksi: naikkan max_connections, atau jalankan "
    "lebih sedikit proses.",
    "sentence.store_starting": "servernya sedang mulai atau berhenti: tunggu.",
    "sentence.store_password": "servernya menolak pengguna atau kata sandinya: perbaiki WABROADCAST_DATABASE_URL.",
    "sentence.store_user": "servernya menolak penggunanya: perbaiki WABROADCAST_DATABASE_URL, atau izinkan pengguna "
    "itu di pg_hba.conf.",
    "sentence.store_missing": "basis datanya tidak ada: buat dulu, atau perbaiki WABROADCAST_DATABASE_URL.",
    "sentence.store_permission": "penggunanya kurang izin: beri ia semua hak pada tabel.",
    "sentence.store_data_damaged": "datanya rusak: lihat log server, dan pulihkan cadangan.",
    "sentence.store_index_damaged": "sebuah indeks rusak: jalankan REINDEX DATABASE di servernya.",
}
