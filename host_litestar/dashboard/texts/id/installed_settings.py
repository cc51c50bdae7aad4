"""Arti pengaturan instalasi."""

from typing import Final

TEXTS: Final = {
    "installed.data_dir": "Folder untuk Valkey dan SQLite bawaan.",
    "installed.database_url": "URL SQLAlchemy untuk basis data; jika kosong, SQLite di folder data.",
    "installed.database_schema": "Skema PostgreSQL untuk tabel, dibuat bila perlu. Jika kosong, skema pengguna basis "
    "data.",
    "installed.migrate": "Apakah setiap kali mulai tabel dimutakhirkan; jika tidak, `wabroadcast migrate` yang "
    "melakukannya.",
    "installed.redis_url": "URL Redis atau Valkey; jika kosong, Valkey bawaan dijalankan.",
    "installed.namespace": "Awalan setiap kunci Redis.",
    "installed.secret_key": "Kunci untuk mengenkripsi rahasia; jika kosong, dibuat di folder data; `new,old` untuk "
    "menggantinya.",
    "installed.host": "Alamat tempat `serve` menerima panggilan.",
    "installed.port": "Port tempat `serve` menerima panggilan.",
    "installed.api_keys": "Kunci dengan semua izin, dipisahkan koma; 16 karakter untuk mesin lain. Lihat "
    "`wabroadcast keys`.",
    "installed.log_format": "Bentuk log di standard error: baris `text`, atau `json` untuk pengumpul log.",
    "installed.metrics_access": "Siapa yang boleh membaca `/metrics`: yang punya kunci, atau `public`: setiap orang.",
    "installed.metrics_key": "Kunci yang hanya membuka `/metrics`, untuk Prometheus tanpa kunci API.",
    "installed.max_body_bytes": "Isi permintaan terbesar dalam byte; yang lebih besar dijawab dengan 413.",
    "installed.max_connections": "Paling banyak koneksi jaringan yang terbuka; satu lagi menutup yang paling lama "
    "menunggu kliennya.",
    "installed.head_seconds": "Waktu paling lama bagi klien untuk mengirim kepala permintaan.",
    "installed.body_seconds": "Waktu untuk menerima paling sedikit 4 KiB isi permintaan; setelah itu dijawab dengan "
    "408.",
    "installed.max_webhook_bytes": "Isi panggilan webhook terbesar dalam byte; dari Meta sampai 3 MB.",
    "installed.provider_networks": "Satu-satunya jaringan tujuan permintaan ke penyedia, misalnya `10.1.0.0/16`, "
    "dipisahkan koma; jika kosong, semua kecuali link-local.",
    "installed.callback_url": "Tujuan callback dari broadcast yang tidak menyebut `callbackUrl`; jika kosong, tidak "
    "ada.",
    "installed.callback_secret": "Rahasia untuk menandatangani callback, `whsec_` dan base64; `new,old` menandatangani "
    "dengan keduanya, untuk menggantinya.",
    "installed.callback_events": "Yang dikabarkan callback, dipisahkan koma: `broadcast.changed`, `message.results`.",
    "installed.callback_networks": "Jaringan tujuan callback selain internet umum, misalnya `10.1.0.0/16`, dipisahkan "
    "koma.",
    "installed.callback_seconds": "Waktu paling lama bagi penerima callback untuk menjawab.",
    "installed.keep_callbacks_days": "Berapa hari callback disimpan setelah tersampaikan atau dihentikan.",
    "installed.undo_seconds": "Berapa detik broadcast dari halaman dapat dibatalkan; jika kosong 10, dan 30 mulai "
    "1.000 orang.",
    "installed.default_region": "Negara untuk nomor tanpa kode negara.",
    "installed.timezone": "Zona waktu jam kirim dan `send --at` yang tidak menyebutnya, dan hitungan per hari.",
    "installed.keep_files_days": "Berapa hari unggahan disimpan setelah broadcast atau impor terakhir yang "
    "memerlukannya, dan baris impor yang ditolak.",
    "installed.prepare_chunk": "Penerima yang disimpan dalam satu transaksi.",
    "installed.queries": "Berkas TOML dengan kueri yang boleh dijalankan sumber `database`.",
    "installed.workbook_seconds": "Waktu paling lama untuk membuka satu berkas Excel, termasuk menunggu yang lain.",
    "installed.workbook_megabytes": "Memori terbesar untuk membaca satu berkas Excel; satu proses membaca dua "
    "sekaligus.",
    "installed.workers": "Proses pengirim yang dijalankan `serve`.",
    "installed.threads": "Thread Huey dalam satu proses pengirim.",
    "installed.turns": "Paling banyak giliran sekaligus dalam satu proses pengirim.",
    "installed.turn_seconds": "Lama satu giliran sebelum koneksinya kembali ke antrean.",
    "installed.claim_size": "Paling banyak pesan yang diambil sekaligus.",
    "installed.in_flight": "Paling banyak permintaan yang sedang berjalan per koneksi dalam satu proses.",
    "installed.heartbeat_seconds": "Selang waktu proses pengirim memberi tanda hidup.",
    "installed.lease_seconds": "Waktu tanpa tanda hidup sebelum proses pengirim dianggap mati.",
    "installed.recover_seconds": "Selang waktu mencari pekerjaan yang hilang.",
    "installed.send_seconds": "Waktu paling lama untuk satu pengiriman; setelah itu hasilnya belum pasti.",
    "installed.resend_seconds": "Waktu sebelum pesan yang belum pasti dikirim lagi, jika broadcast-nya memakai "
    "`onUnknown: resend`.",
    "installed.loop_warn_seconds": "Waktu sebelum plugin yang menahan proses pengirim disebut di log.",
    "installed.loop_restart_seconds": "Waktu sebelum proses pengirim yang tertahan berakhir dan dimulai lagi.",
    "installed.stop_seconds": "Waktu paling lama proses pengirim yang berhenti menunggu permintaannya selesai.",
    "installed.stop_words": "Orang yang menulis tepat salah satu kata ini tidak dihubungi lagi.",
    "installed.start_words": "Orang yang menulis tepat salah satu kata ini boleh dihubungi lagi.",
    "installed.stop_reply": "Balasan untuk orang yang berhenti.",
    "installed.start_reply": "Balasan untuk orang yang mau dihubungi lagi.",
    "installed.blocked_plugins": "Nama plugin yang tidak boleh berjalan, dipisahkan koma.",
    "installed.required_plugins": "Nama plugin yang tanpanya tidak ada yang dikirim, dipisahkan koma.",
    "installed.plugins_strict": "Apakah plugin yang tidak dapat dipakai mencegah semuanya dimulai.",
    "installed.plugin_load_seconds": "Waktu paling lama untuk mengimpor plugin, dan untuk setiap langkah mulainya.",
    "installed.plugin_seconds": "Waktu paling lama untuk satu panggilan hook plugin, kecuali `wab_before_send`.",
    "installed.source_seconds": "Waktu paling lama bagi sumber kontak untuk memberi baris berikutnya.",
}
