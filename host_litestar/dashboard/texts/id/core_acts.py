"""Kalimat dari inti: rincian tindakan, sebab jeda, kegagalan kirim, koneksi, callback, Redis, dan basis data."""

from typing import Final

TEXTS: Final = {
    # acts
    "core.messages": "{n} pesan",
    "core.import": "impor {import_id}",
    "core.renamed": "menjadi {name}",
    "core.tagged": "{n} kontak; ditambah {added}",
    "core.untagged": "{n} kontak; dilepas {removed}",
    "core.retagged": "{n} kontak; ditambah {added}; dilepas {removed}",
    "core.scopes": "Izin: {scopes}",
    "core.copied": "salinan dari broadcast {job_id}",
    "core.changed": "Baru: {fields}",
    "core.retried": "{status}: {n}",
    "core.retried_with": "{status}: {n} ({reason})",
    "core.batch": "kelompok {batch}",
    "core.message": "pesan {position}",
    "core.undo_late": "Sudah terlambat: {n} pesan telah keluar, {claimed} sedang dikirim.",
    "core.undone": "Dibatalkan sebelum ada pesan yang keluar: kembali menjadi draf.",
    # pauses
    "core.failure": "{reason}: {detail}",
    "core.failures_alike": "Dijeda otomatis: terlalu banyak pesan gagal karena sebab yang sama ({reason}).",
    "core.answers_lost": "Dijeda otomatis: terlalu banyak pesan berakhir tanpa jawaban yang pasti ({reason}).",
    "core.provider_lost": "{n} pengiriman berturut-turut berakhir tanpa jawaban yang pasti (yang terakhir: "
    "{reason}). Periksa apakah penyedia berjalan, lalu lanjutkan koneksi. Pesan yang belum pasti terkirim ulang bila "
    "dicoba lagi.",
    # sends
    "core.rehearsal_not_simulated": "Pengirim koneksi {connection} menjangkau ponsel sungguhan: ulangi gladi bersih.",
    "core.wrong_answer": "Plugin pengirim menjawab dengan {type}.",
    "core.changed_by_plugin": "{error}, setelah plugin {plugins} mengubah pesan.",
    "core.provider_unreachable": "Penyedia tidak dapat dihubungi: {cause}",
    "core.answer_missing": "Permintaan sudah keluar, tetapi jawabannya tidak datang: {error}",
    "core.url_invalid": "Alamatnya tidak sah ({error}): perbaiki pengaturan koneksi.",
    "core.half_character_sent": "Pesan berisi karakter yang tidak utuh: perbaiki teks atau data penerima.",
    "core.upload_missing": "Unggahan {upload_id} tidak ada: unggah berkasnya dan pakai id yang baru.",
    "core.store_unreachable": "Basis data tidak dapat dihubungi.",
    "core.media_not_public": "Alamat berkas bukan alamat http atau https yang terbuka untuk umum: pakai alamat "
    "umum, atau unggah berkasnya.",
    "core.media_unreachable": "Berkas tidak dapat diambil dari alamatnya: {cause}",
    "core.media_answer": "Alamat berkas menjawab HTTP {status}.",
    "core.media_refused": "Alamat berkas menjawab HTTP {status}: pastikan setiap orang dapat mengunduhnya.",
    "core.media_too_large": "Berkas lebih dari {megabytes} MB, yang tidak diterima penyedia mana pun: pakai berkas "
    "yang lebih kecil.",
    "core.settings_invalid": "Pengaturan pengirim {sender} tidak sah ({fields}): perbaiki dan simpan koneksi.",
    "core.sender_not_created": "Plugin pengirim {sender} gagal dimulai: {error}",
    "core.text_erased": "Data orang ini dihapus, juga nilai untuk membuat teksnya.",
    # the network
    "core.net_refused": "koneksi ditolak: tidak ada yang menerima di alamat dan port ini.",
    "core.net_no_route_to_host": "host tidak dapat dihubungi: tidak ada rute ke sana.",
    "core.net_no_route": "jaringan tidak dapat dihubungi: mesin ini tidak punya rute ke sana.",
    "core.net_down": "jaringan mesin ini mati.",
    "core.net_reset": "koneksi diputus.",
    "core.net_no_port": "mesin ini tidak punya port lokal yang bebas.",
    "core.net_files_of_process": "proses ini membuka terlalu banyak berkas.",
    "core.net_files_of_machine": "mesin ini membuka terlalu banyak berkas.",
    "core.net_firewall": "mesin ini tidak mengizinkan koneksi itu (firewall).",
    "core.net_name_servers": "nama host sedang tidak dapat dicari: periksa server nama mesin ini.",
    "core.net_no_tls": "host tidak memakai TLS yang diterima mesin ini: periksa https dan port.",
    "core.net_proxy": "proxy menolak koneksi.",
    "core.net_pool": "terlalu banyak permintaan menunggu koneksi.",
    "core.net_incomplete": "koneksi berakhir sebelum seluruh permintaan terkirim.",
    "core.net_no_host": "tidak ada host dengan nama ini: periksa apakah alamatnya salah ketik.",
    "core.net_certificate": "sertifikat host tidak sah ({cause}).",
    "core.net_silent": "tidak ada jawaban saat menghubungi: host mati, atau firewall membuang kiriman.",
    # connections
    "core.test_silent": "Penyedia tidak menjawab dalam {seconds} detik: periksa apakah alamatnya menjawab.",
    "core.test_blocked": "Plugin pengirim {sender} menahan prosesnya dan belum selesai dalam {seconds} detik.",
    "core.test_exited": "Plugin pengirim {sender} mencoba mengakhiri proses: {error}",
    "core.test_failed": "Plugin pengirim {sender} gagal: {error}",
    "core.test_impossible": "Pengirim {sender} tidak dapat melaporkan keadaan akunnya: kirim satu pesan untuk "
    "mengujinya.",
    "core.test_reported": "Penyedia melaporkan {state}.",
    # plugins
    "core.repair_plugin": "Agar plugin berfungsi, {repair}, atau blokir dengan WABROADCAST_BLOCKED_PLUGINS={plugin}.",
    "core.repair_plugin_to_send": "Sampai saat itu tidak ada yang dikirim: {repair}, atau blokir dengan "
    "WABROADCAST_BLOCKED_PLUGINS={plugin}.",
    "core.repair_and_restart": "perbaiki plugin lalu mulai ulang",
    "core.uninstall_one": "hapus salah satu dari keduanya (pip uninstall {other}, atau pip uninstall {own}) lalu "
    "mulai ulang",
    # callbacks
    "core.receiver_gone": "HTTP 410: penerima callback tidak mau lagi menerima kabar broadcast ini.",
    "core.receiver_redirects": "HTTP {status}: pengalihan tidak diikuti, atur alamat yang dituju.",
    "core.receiver_not_public": "Alamatnya bukan alamat internet umum: izinkan jaringannya dengan "
    "WABROADCAST_CALLBACK_NETWORKS.",
    "core.receiver_address_invalid": "Alamatnya tidak sah: perbaiki callbackUrl atau WABROADCAST_CALLBACK_URL.",
    "core.receiver_unreachable": "Penerima callback tidak dapat dihubungi: {cause}",
    "core.receiver_slow": "Penerima callback tidak menjawab dalam {seconds} detik: biarkan ia menjawab dulu, baru "
    "bekerja.",
    "core.receiver_silent": "Penerima callback tidak menjawab: {error}",
    "core.receiver_trusts_all": "Panggilan dengan tanda tangan yang salah diterima: tolak dengan 401 panggilan "
    "yang webhook-signature-nya tidak benar.",
    # Redis
    "core.redis_oom": "Redis menolak penulisan karena batas memorinya tercapai: naikkan maxmemory, atau kosongkan "
    "memorinya.",
    "core.redis_readonly": "Redis ini replika yang hanya dapat dibaca: arahkan WABROADCAST_REDIS_URL ke yang "
    "utama, atau jadikan ini yang utama.",
    "core.redis_misconf": "Redis menolak penulisan karena tidak dapat menyimpan datanya: kosongkan disknya, dan "
    "lihat log Redis.",
    "core.redis_loading": "Redis sedang memuat datanya: ia menjawab setelah selesai.",
    "core.redis_noreplicas": "Redis menolak penulisan karena replikanya kurang: mulai replikanya, atau turunkan "
    "min-replicas-to-write.",
    "core.redis_masterdown": "Redis ini replika tanpa yang utama: arahkan WABROADCAST_REDIS_URL ke yang utama.",
    "core.redis_clusterdown": "Kluster Redis mati: lihat log Redis.",
    "core.redis_cluster": "Redis ini bagian dari kluster: arahkan WABROADCAST_REDIS_URL ke Redis tanpa mode kluster.",
    "core.redis_busy": "Redis sibuk dengan sebuah skrip: tunggu sampai selesai, atau akhiri dengan SCRIPT KILL.",
    "core.redis_noauth": "Redis meminta kata sandi: tambahkan ke WABROADCAST_REDIS_URL, seperti "
    "redis://:password@host.",
    "core.redis_wrongpass": "Redis menolak pengguna atau kata sandinya: perbaiki di WABROADCAST_REDIS_URL.",
    "core.redis_noperm": "Pengguna Redis kurang izin: beri ia semua perintah, serta kunci dan kanal yang diawali "
    "namespace atau huey.",
    "core.redis_silent": "Redis tidak menjawab tepat waktu: periksa apakah Redis berjalan dan jaringan mencapainya.",
    "core.redis_unreachable": "Redis tidak dapat dihubungi: mulai Redis, atau perbaiki WABROADCAST_REDIS_URL.",
    "core.redis_refuses": "Redis menolak panggilan ({word}): lihat log Redis.",
    "core.redis_of_another_store": "Redis dan basis data bukan pasangannya: lihat log.",
    # the store
    "core.store_unusable": "Basis data tidak dapat dipakai: {cause}",
    "core.store_away": "Basis data tidak dapat dihubungi: lihat log.",
    "core.store_disk_full": "disknya penuh: kosongkan sebagian.",
    "core.store_damaged": "berkasnya rusak: hentikan semua proses dan pulihkan cadangan, atau selamatkan yang "
    "masih terbaca dengan `sqlite3 wabroadcast.db .recover | sqlite3 recovered.db`.",
    "core.store_readonly": "berkasnya tidak dapat ditulis: beri pengguna ini izin tulis pada berkas dan foldernya.",
    "core.store_not_opened": "berkasnya tidak dapat dibuka: beri pengguna ini izin pada berkas dan foldernya.",
    "core.store_disk_fails": "pembacaan atau penulisan disknya gagal: periksa disk dan ruang kosongnya.",
    "core.store_locked": "proses lain menguncinya: akhiri proses itu; atau mungkin transaksi program ini yang masih "
    "terbuka: berikan koneksinya sebagai conn, atau commit dulu.",
    "core.store_standby": "tidak menerima penulisan, seperti server cadangan: arahkan WABROADCAST_DATABASE_URL ke "
    "server utama.",
    "core.store_no_memory": "servernya kehabisan memori: lihat log server itu.",
    "core.store_connections": "servernya punya terlalu banyak koneksi: naikkan max_connections, atau jalankan "
    "lebih sedikit proses.",
    "core.store_starting": "servernya sedang mulai atau berhenti: tunggu.",
    "core.store_password": "servernya menolak pengguna atau kata sandinya: perbaiki WABROADCAST_DATABASE_URL.",
    "core.store_user": "servernya menolak penggunanya: perbaiki WABROADCAST_DATABASE_URL, atau izinkan pengguna "
    "itu di pg_hba.conf.",
    "core.store_missing": "basis datanya tidak ada: buat dulu, atau perbaiki WABROADCAST_DATABASE_URL.",
    "core.store_permission": "penggunanya kurang izin: beri ia semua hak pada tabel.",
    "core.store_data_damaged": "datanya rusak: lihat log server, dan pulihkan cadangan.",
    "core.store_index_damaged": "sebuah indeks rusak: jalankan REINDEX DATABASE di servernya.",
}
