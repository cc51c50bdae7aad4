"""The codes of Meta's Cloud API in Indonesian: what happened, and what to do."""

from typing import Final

_NEW_KEY: Final = "Buat token akses baru, simpan di pengaturan koneksi, lalu lanjutkan koneksi."
_RESUME: Final = "lalu lanjutkan koneksi."
_SLOWER: Final = "Tunggu: kecepatan turun dan pulih dengan sendirinya."
_RETRIED: Final = "Tunggu: pesan dicoba lagi dengan sendirinya."
_VALUES: Final = "Perbaiki data penerima di berkas Anda, lalu kirim lagi ke orang ini."
_TEMPLATE: Final = "Perbaiki templatnya atau pilih yang lain, lalu kirim broadcast baru."
_REGISTER: Final = f"Daftarkan nomor di WhatsApp Manager, {_RESUME}"
_CERTAINTY: Final = "Tunggu bukti terima, atau kirim ulang; orang itu mungkin menerima dua kali."

ACCOUNT: Final = {
    "0": ("Meta menolak token akses: token tidak sah atau kedaluwarsa.", _NEW_KEY),
    "3": (
        "Aplikasi Meta tidak boleh melakukan ini.",
        f"Beri aplikasi izin whatsapp_business_messaging, {_RESUME}",
    ),
    "10": (
        "Izin aplikasi atau token tidak ada atau dicabut.",
        f"Beri token izin yang kurang, {_RESUME}",
    ),
    "33": (
        "Nomor pengirim sudah dihapus, atau id-nya salah.",
        f"Perbaiki phoneNumberId di pengaturan koneksi, {_RESUME}",
    ),
    "104": ("Permintaan tidak membawa token akses.", _NEW_KEY),
    "190": ("Token akses tidak sah atau kedaluwarsa.", _NEW_KEY),
    "2??": (
        "Izin aplikasi atau token tidak ada atau dicabut.",
        f"Beri token izin yang kurang, {_RESUME}",
    ),
    "368": (
        "Meta memblokir akun untuk sementara karena melanggar kebijakan.",
        f"Baca pemberitahuan di WhatsApp Manager dan ajukan banding atau tunggu, {_RESUME}",
    ),
    "131005": ("Meta menolak akses.", f"Periksa izin token dan akses ke nomor pengirim, {_RESUME}"),
    "131031": (
        "Akun dikunci, karena kebijakan atau karena data seperti PIN tidak cocok.",
        f"Baca pemberitahuan di WhatsApp Manager dan minta kunci dibuka, {_RESUME}",
    ),
    "131037": (
        "Nama tampilan nomor ini belum disetujui.",
        f"Mintakan persetujuan nama tampilan di WhatsApp Manager, {_RESUME}",
    ),
    "131042": (
        "Meta tidak dapat menagih biaya pesan: ada masalah pada metode pembayaran.",
        f"Perbaiki metode pembayaran di WhatsApp Manager, {_RESUME}",
    ),
    "131044": (
        "Meta tidak dapat menagih biaya pesan: ada masalah pada metode pembayaran.",
        f"Perbaiki metode pembayaran di WhatsApp Manager, {_RESUME}",
    ),
    "131045": ("Pendaftaran atau sertifikat nomor bermasalah.", _REGISTER),
    "131064": (
        "Meta membatasi akun karena ada templat dengan kategori yang salah.",
        f"Perbaiki kategorinya di WhatsApp Manager dan tunggu sampai batasan berakhir, {_RESUME}",
    ),
    "133000": ("Nomor tidak dapat didaftarkan atau dicabut pendaftarannya.", _REGISTER),
    "133005": ("PIN verifikasi dua langkah salah.", f"Daftarkan nomor dengan PIN yang benar, {_RESUME}"),
    "133006": (
        "Nomor harus diverifikasi sebelum didaftarkan.",
        f"Verifikasi nomor, daftarkan, {_RESUME}",
    ),
    "133008": (
        "PIN verifikasi dua langkah terlalu sering salah.",
        f"Tunggu selama waktu yang disebut Meta, daftarkan nomor, {_RESUME}",
    ),
    "133009": (
        "PIN verifikasi dua langkah dimasukkan terlalu cepat.",
        f"Tunggu selama waktu yang disebut Meta, daftarkan nomor, {_RESUME}",
    ),
    "133010": ("Nomor pengirim belum terdaftar.", _REGISTER),
    "133015": (
        "Nomor baru saja dihapus dan penghapusannya belum selesai.",
        f"Tunggu beberapa menit, daftarkan nomor lagi, {_RESUME}",
    ),
    "133016": (
        "Nomor terlalu sering didaftarkan dan dicabut.",
        f"Tunggu selama waktu yang disebut Meta, daftarkan nomor lagi, {_RESUME}",
    ),
    "no_phone_number": (
        "Meta tidak mengenal nomor pengirim dengan id ini.",
        f"Perbaiki phoneNumberId di pengaturan koneksi, {_RESUME}",
    ),
}

PACE: Final = {
    "4": ("Aplikasi membuat terlalu banyak panggilan.", _SLOWER),
    "613": ("Aplikasi membuat terlalu banyak panggilan Graph API.", _SLOWER),
    "80007": ("Akun bisnis membuat terlalu banyak panggilan.", _SLOWER),
    "130429": (
        "Nomor mengirim lebih cepat daripada yang diizinkan Meta.",
        f"{_SLOWER} Bila sering terjadi, turunkan batas kecepatan koneksi.",
    ),
    "131048": (
        "Terlalu banyak orang memblokir atau melaporkan nomor ini, sehingga Meta membatasinya.",
        "Hentikan promosi beberapa hari, periksa kualitas di WhatsApp Manager, dan kirim hanya ke orang yang setuju.",
    ),
    "131056": (
        "Terlalu banyak pesan ke orang ini dalam waktu singkat.",
        "Tunggu: pesan dikirim nanti dengan sendirinya.",
    ),
    "131057": (
        "Akun sedang dalam pemeliharaan, yang selesai dalam beberapa menit.",
        "Tunggu: pengiriman berlanjut dengan sendirinya.",
    ),
    "132069": (
        "Flow pada templat dibatasi beberapa pesan per jam.",
        "Perbaiki flow itu di WhatsApp Manager.",
    ),
    "1": (
        "Permintaan tidak sah, atau server Meta bermasalah.",
        "Tunggu: pesan dicoba lagi. Bila gagal untuk semua, periksa pesannya dan halaman status Meta.",
    ),
    "2": ("Layanan Meta mati atau kelebihan beban.", f"{_RETRIED} Bila terus terjadi, lihat halaman status Meta."),
    "131000": ("Meta melaporkan kesalahan yang tidak dikenal.", f"{_RETRIED} Bila gagal lagi, coba lagi nanti."),
    "131016": ("Layanan Meta sedang tidak tersedia.", _RETRIED),
    "133004": ("Server pendaftaran Meta sedang tidak tersedia.", _RETRIED),
    "135000": (
        "Meta menolak permintaan tanpa menyebut penyebabnya.",
        "Periksa nilai templat; bila gagal untuk semua, pilih templat lain.",
    ),
}

RECIPIENTS: Final = {
    "100": (
        "Sebuah parameter permintaan tidak sah; mungkin nomornya.",
        "Baca keterangan penyedia pada rincian, perbaiki nomor atau datanya, lalu coba lagi.",
    ),
    "130472": (
        "Meta memasukkan orang ini dalam percobaan dan tidak mengantarkan pesan pemasaran kepadanya.",
        "Jangan kirim lagi dalam waktu dekat. Gunakan saluran lain, atau kirim templat utilitas.",
    ),
    "130497": (
        "Akun tidak boleh mengirim pesan ke negara ini.",
        "Keluarkan negara ini dari daftar, atau minta izin kepada Meta.",
    ),
    "131008": ("Ada nilai wajib yang kosong pada pesan.", _VALUES),
    "131009": ("Ada nilai yang tidak sah pada pesan.", _VALUES),
    "131021": ("Penerimanya adalah nomor pengirim sendiri.", "Keluarkan nomor ini dari daftar penerima."),
    "131026": (
        "Pesan tidak dapat diantarkan: orangnya tidak ada di WhatsApp, versinya lama, atau belum menyetujui ketentuan.",
        "Periksa nomornya bersama orangnya. Jangan hapus kontak hanya karena satu kegagalan.",
    ),
    "131030": (
        "Nomor pengirim adalah nomor uji, dan penerima tidak ada di daftarnya.",
        "Tambahkan penerima ke daftar di halaman pengembang Meta, atau kirim dari nomor sungguhan.",
    ),
    "131043": ("Pesan kedaluwarsa sebelum dapat diantarkan.", "Kirim lagi saat orangnya dapat dihubungi."),
    "131047": (
        "Orang ini terakhir menulis lebih dari 24 jam lalu, sehingga hanya templat yang boleh dikirim.",
        "Kirim templat yang disetujui sebagai ganti teks bebas.",
    ),
    "131049": (
        "WhatsApp membatasi promosi ke orang ini, sehingga pesan tidak diantarkan. Nomornya tidak salah.",
        "Tunggu paling sedikit 24 jam sebelum mengirim lagi, makin lama setiap kali; jangan langsung coba lagi.",
    ),
    "131050": (
        "Orang ini menghentikan pesan pemasaran dari Anda.",
        "Jangan kirim promosi lagi ke orang ini; nomornya sekarang ada di daftar hitam.",
    ),
    "131052": ("Media yang dikirim seseorang tidak dapat diunduh.", "Minta orang itu mengirimnya lagi."),
    "131053": (
        "Berkas tidak dapat diunggah ke Meta atau diambil oleh Meta.",
        "Periksa jenis, ukuran, dan tautan berkas, lalu coba lagi.",
    ),
    "131062": (
        "Penerima ditulis sebagai id pengguna, padahal hanya nomor telepon yang mungkin.",
        "Kirim ke nomor telepon orang ini.",
    ),
    "132005": (
        "Templat yang sudah diisi terlalu panjang.",
        "Pendekkan data penerima, lalu kirim lagi ke orang ini.",
    ),
    "132008": ("Format sebuah nilai templat tidak diizinkan.", _VALUES),
    "132012": ("Format sebuah nilai templat tidak cocok.", _VALUES),
    "132018": (
        "Sebuah nilai templat berisi ganti baris, tab, atau lebih dari 4 spasi berurutan.",
        _VALUES,
    ),
    "137000": (
        "Identitas penerima berubah: mungkin ponselnya baru.",
        "Pastikan kepada orangnya bahwa nomor itu masih miliknya, lalu coba lagi.",
    ),
}

MESSAGE: Final = {
    "131051": ("Cloud API tidak mengenal jenis pesan ini.", "Pilih jenis pesan lain."),
    "131063": (
        "Templat pemasaran tidak boleh dikirim lewat API ini untuk akun Anda.",
        "Aktifkan di WhatsApp Manager, atau kirim lewat Marketing Messages API dari Meta.",
    ),
    "132000": (
        "Jumlah nilai berbeda dari jumlah variabel templat.",
        "Beri nilai untuk setiap variabel templat, lalu kirim broadcast baru.",
    ),
    "132001": (
        "Tidak ada templat yang disetujui dengan nama dan bahasa ini.",
        "Periksa nama, bahasa, dan persetujuan templat, lalu kirim broadcast baru.",
    ),
    "132007": ("Templat melanggar kebijakan isi WhatsApp.", _TEMPLATE),
    "132015": (
        "Meta menjeda templat ini karena kualitasnya rendah.",
        "Perbaiki templat dan mintakan pelepasannya di WhatsApp Manager, atau pilih templat lain.",
    ),
    "132016": (
        "Meta menonaktifkan templat ini untuk seterusnya karena terlalu sering dijeda.",
        "Buat templat baru.",
    ),
    "132068": ("Flow pada templat diblokir.", "Perbaiki flow itu di WhatsApp Manager."),
    "unsupported_type": ("Cloud API tidak dapat mengirim jenis pesan ini.", "Pilih jenis pesan lain."),
    "no_text": ("Pesan tidak memiliki teks.", "Tulis teksnya dan kirim broadcast baru."),
    "no_template": ("Templat tidak memiliki nama atau bahasa.", "Isi keduanya dan kirim broadcast baru."),
    "media_type": (
        "Meta tidak menerima berkas jenis ini untuk pesan semacam ini.",
        "Ubah jenis berkasnya, atau kirim sebagai dokumen, dalam broadcast baru.",
    ),
    "no_media_id": ("Meta menerima berkasnya, tetapi jawabannya tidak memuat id.", _RETRIED),
    "no_id": (
        "Jawaban Meta tidak memuat id pesan, sehingga tidak diketahui apakah pesan sudah dikirim.",
        _CERTAINTY,
    ),
}

TEXTS: Final = {**ACCOUNT, **PACE, **RECIPIENTS, **MESSAGE}
