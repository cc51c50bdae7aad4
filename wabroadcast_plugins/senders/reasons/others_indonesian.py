"""The codes of gateways, of the sender for any HTTP API and of the sandbox in Indonesian.

The codes of gateways are without the kind that they begin with; ``{name}`` is the gateway's name.
"""

from collections.abc import Mapping
from typing import Final

_RETRIED: Final = "Tunggu: pesan dicoba lagi dengan sendirinya."
_CERTAINTY: Final = "Tunggu bukti terima, atau kirim ulang; orang itu mungkin menerima dua kali."
_NUMBER: Final = "Perbaiki nomornya di berkas atau buku kontak, lalu kirim lagi ke orang ini."
_FILE: Final = "Periksa jenis, ukuran, dan tautan berkas, lalu kirim broadcast baru."
_READ: Final = "Baca keterangan penyedia pada rincian, perbaiki penyebabnya, lalu coba lagi."
_NEW_CONTACTS: Final = (
    "Tunggu: pesan ke kontak lama tetap dikirim, pesan ke orang baru dikirim saat WhatsApp mengizinkan. "
    "Kurangi kiriman ke orang yang belum mengenal nomor ini."
)
_TOP_UP: Final = "Tambah kuota di {name}, lalu lanjutkan koneksi."
_COPY_IT: Final = "Salin token dari {name} ke pengaturan koneksi, lalu lanjutkan koneksi."
_SLOWER: Final = "Tunggu: kecepatan turun dan pulih dengan sendirinya."
_SMALLER: Final = "Perkecil berkasnya dan kirim broadcast baru."

SHARED: Final = {
    "463": (
        "Untuk sementara WhatsApp memblokir pesan akun ini ke orang yang belum pernah dikirimi pesan.",
        _NEW_CONTACTS,
    ),
    "475": ("Akun ini sudah mencapai batas kontak baru dari WhatsApp untuk saat ini.", _NEW_CONTACTS),
    "429": ("WhatsApp meminta {name} mengirim lebih pelan.", _SLOWER),
    "???": (
        "WhatsApp menolak pesan dengan sebuah kode kesalahan dan tidak menerimanya.",
        f"{_RETRIED} Bila gagal lagi, baca rinciannya.",
    ),
    "undelivered": (
        "{name} menerima pesan, tetapi WhatsApp tidak menerimanya.",
        "Periksa nomornya bersama orangnya dan pastikan akun tidak dibatasi, lalu coba lagi.",
    ),
    "refused": ("{name} menolak pesan ini.", _READ),
    "type": ("{name} tidak dapat mengirim jenis pesan ini.", "Pilih jenis pesan lain."),
    "caption": (
        "WhatsApp tidak menampilkan keterangan pada audio.",
        "Hapus teksnya, atau kirim sebagai pesan tersendiri.",
    ),
    "media_type": (
        "{name} tidak dapat mengirim berkas jenis ini untuk pesan semacam ini.",
        "Ubah jenis berkasnya, atau kirim sebagai dokumen.",
    ),
    "media_too_large": ("Berkas lebih besar daripada yang diterima {name}.", _SMALLER),
    "too_large": ("{name} menolak permintaan sebesar ini.", _SMALLER),
    "not_found": (
        "{name} tidak mengenal yang diminta, atau tidak ada di alamat ini.",
        "Periksa baseUrl di pengaturan koneksi, lalu lanjutkan koneksi.",
    ),
    "no_id": (
        "Jawaban {name} tidak memuat id pesan, sehingga tidak diketahui apakah pesan sudah dikirim.",
        _CERTAINTY,
    ),
}

OWN: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "waha": {
        "no_session": (
            "{name} tidak memiliki sesi dengan nama ini.",
            "Perbaiki session dan baseUrl di pengaturan koneksi, lalu lanjutkan koneksi.",
        ),
        "413": ("{name} menolak permintaan sebesar ini.", _SMALLER),
        "501": (
            "Mesin server {name} ini tidak mendukung pesan ini.",
            "Pilih jenis pesan lain, atau mesin lain untuk WAHA.",
        ),
        "media": ("{name} tidak dapat mengambil berkas dari alamatnya.", _FILE),
        "fault": ("{name} gagal saat memproses pesan. Bisa jadi pesan sudah dikirim.", _CERTAINTY),
        "starting": ("Sesi sedang menyambung ke WhatsApp.", _RETRIED),
        "other_message": ("{name} mengembalikan pesan lain dari yang dicari.", _RETRIED),
    },
    "evolution": {
        "no_instance": (
            "{name} tidak memiliki instance dengan nama ini.",
            "Perbaiki instance dan baseUrl di pengaturan koneksi, lalu lanjutkan koneksi.",
        ),
        "not_loaded": (
            "{name} belum menjalankan instance ini.",
            "Jalankan ulang instance di Evolution, lalu lanjutkan koneksi.",
        ),
        "connection_closed": (
            "Instance terputus sebentar dari WhatsApp; pesan belum dikirim.",
            _RETRIED,
        ),
        "media": ("{name} tidak dapat membaca atau mengambil berkas.", _FILE),
        "invalid": ("{name} menolak sebuah isian permintaan.", _READ),
        "fault": ("{name} gagal saat memproses pesan. Bisa jadi pesan sudah dikirim.", _CERTAINTY),
    },
    "gowa": {
        "number": ("{name} menolak nomornya.", _NUMBER),
        "message": ("{name} menolak pesan ini untuk semua penerima.", _READ),
        "no_device": (
            "{name} tidak memiliki perangkat dengan id ini.",
            "Perbaiki deviceId di pengaturan koneksi, lalu lanjutkan koneksi.",
        ),
        "not_on_whatsapp": (
            "{name} tidak menemukan nomor ini di WhatsApp; gangguan jaringannya tampak sama.",
            "Periksa nomornya bersama orangnya. Jangan hapus kontak hanya karena satu kegagalan.",
        ),
        "no_ffmpeg": (
            "{name} memerlukan program ffmpeg untuk jenis pesan ini.",
            "Pasang ffmpeg di host gateway, lalu lanjutkan broadcast.",
        ),
        "media": (
            "{name} tidak dapat mengambil, menyiapkan, atau mengunggah berkas.",
            f"{_RETRIED} Bila terus terjadi, periksa berkasnya.",
        ),
    },
    "wuzapi": {
        "no_success": ("{name} tidak menjawab berhasil maupun gagal.", _CERTAINTY),
        "media": ("{name} tidak dapat membaca berkas atau mengunggahnya ke WhatsApp.", _FILE),
        "number": ("{name} menolak nomornya.", _NUMBER),
        "message": ("{name} menolak pesan ini untuk semua penerima.", _READ),
    },
    "fonnte": {
        "token": ("{name} tidak mengenal tokennya.", _COPY_IT),
        "quota": ("Kuota akun di {name} sudah habis.", _TOP_UP),
        "expired": (
            "Paket di {name} sudah berakhir, atau pesan terlalu lama menunggu perangkat yang terputus.",
            "Perpanjang paket atau sambungkan lagi perangkat di {name}, lalu coba lagi.",
        ),
        "target": ("{name} menolak nomornya.", _NUMBER),
        "throttled": ("{name} meminta pengiriman lebih pelan.", _SLOWER),
        "file": ("{name} tidak dapat mengambil atau mengirim berkas.", _FILE),
        "timeout": ("{name} berhenti menunggu, sehingga tidak diketahui apakah pesan sudah dikirim.", _CERTAINTY),
        "invalid": ("{name} melaporkan bahwa nomornya tidak sah.", _NUMBER),
        "failed": ("{name} tidak dapat mengirim pesan.", _READ),
        "bad_answer": (
            "Bentuk jawaban bukan dari {name}, sehingga tidak diketahui apakah pesan sudah dikirim.",
            _CERTAINTY,
        ),
    },
    "wablas": {
        "token": ("{name} menolak token atau kunci rahasianya.", _COPY_IT),
        "quota": ("Kuota akun di {name} sudah habis.", _TOP_UP),
        "closed": (
            "Akun di {name} kedaluwarsa, atau server ini tidak ada di daftar putihnya.",
            "Perpanjang akun atau tambahkan alamat server ini ke daftar putih di {name}, lalu lanjutkan koneksi.",
        ),
        "throttled": ("{name} meminta pengiriman lebih pelan.", _SLOWER),
        "number": ("{name} menolak nomornya.", _NUMBER),
        "file": ("{name} menolak berkasnya.", _FILE),
        "upload": (
            "Berkas tidak dapat diunggah ke {name}.",
            f"{_RETRIED} Bila terus terjadi, periksa berkasnya.",
        ),
        "cancel": ("Pesan dibatalkan di {name}.", "Lihat perangkatnya di Wablas, lalu coba lagi."),
        "reject": ("{name} tidak dapat mengirim pesan.", _READ),
        "bad_answer": (
            "Bentuk jawaban bukan dari {name}, sehingga tidak diketahui apakah pesan sudah dikirim.",
            _CERTAINTY,
        ),
    },
}

HTTP: Final = {
    "no_variable": (
        "Penerima tidak memiliki nilai untuk variabel yang diperlukan permintaan.",
        "Isi kolomnya di berkas, lalu kirim lagi ke orang ini.",
    ),
    "unfit_value": (
        "Sebuah nilai penerima tidak dapat dimasukkan ke permintaan.",
        "Perbaiki data penerima, lalu kirim lagi ke orang ini.",
    ),
    "no_provider_id": (
        "Jawaban tidak memuat id pesan di tempat yang disebut pengaturan.",
        "Periksa jalur providerId di pengaturan. Bisa jadi pesan sudah dikirim: kirim ulang hanya bila tidak sampai.",
    ),
    "not_understood": (
        "Jawaban bukan keberhasilan maupun kegagalan menurut pengaturan. Bisa jadi pesan sudah dikirim.",
        "Bandingkan rinciannya dengan send.success di pengaturan, dan tambahkan aturan untuk jawaban ini.",
    ),
    "not_accepted": ("Jawaban bukan keberhasilan menurut pengaturan.", _READ),
    "no_body": (
        "Pengaturan tidak memiliki permintaan untuk jenis pesan ini.",
        "Tambahkan permintaannya ke pengaturan, atau pilih jenis pesan lain.",
    ),
    "no_caption": (
        "Pengaturan tidak memiliki tempat untuk teks pesan dengan berkas.",
        "Tambahkan tempatnya ke pengaturan, atau hapus teksnya.",
    ),
    "not_asked": (
        "Pengaturan tidak menyebut cara menanyakan hal ini.",
        "Tambahkan findMessage atau checkConnection ke pengaturan.",
    ),
    "needs_a_link": (
        "Pengaturan mengirim berkas lewat tautan, sedangkan pesan ini memakai unggahan.",
        "Beri tautan publik sebagai ganti unggahan.",
    ),
}

_SANDBOX: Final = "Tidak ada yang perlu dilakukan: sandbox hanya meniru ini untuk nomor ujinya."

SANDBOX: Final = {
    "sandbox_temporary": ("Sandbox meniru penyedia yang belum dapat menerima pesan.", _SANDBOX),
    "sandbox_rejected": ("Sandbox meniru penyedia yang menolak penerima ini.", _SANDBOX),
    "sandbox_opt_out": ("Sandbox meniru penerima yang berhenti berlangganan.", _SANDBOX),
    "sandbox_bad_message": ("Sandbox meniru penyedia yang menolak pesan untuk semua penerima.", _SANDBOX),
    "sandbox_throttled": ("Sandbox meniru penyedia yang meminta pengiriman lebih pelan.", _SANDBOX),
    "sandbox_down": (
        "Sandbox meniru akun yang sudah keluar (log out).",
        "Lanjutkan koneksi; keluarkan nomor ini dari daftar penerima.",
    ),
    "sandbox_no_answer": ("Sandbox meniru penyedia yang tidak menjawab.", _SANDBOX),
    "sandbox_undeliverable": ("Sandbox meniru pesan yang gagal setelah diterima.", _SANDBOX),
}
