"""Kalimat inti tentang isian formulir, menurut kodenya."""

_NO_INTEGER = "bukan bilangan bulat"
_NO_NUMBER = "bukan angka"
_NO_BOOLEAN = "bukan ya atau tidak (true atau false)"
_NO_OBJECT = "bukan objek dengan isian"
_NO_TIME = "bukan waktu dengan tanggal: tulis seperti 2026-12-01T08:00:00+07:00"
_NO_DATE = "bukan tanggal: tulis seperti 2026-12-01"
_NO_ID = "bukan id"
_NO_ADDRESS = "bukan alamat web: tulis seperti https://toko.example/jalur"
_TOO_LONG = "terlalu panjang: isi paling banyak {max_length} karakter"
_UNKNOWN_VALUE = "nilai tidak dikenal: isi {expected}"

TEXTS = {
    # --- nilai ------------------------------------------------------------------------------------------------
    "core.missing": "belum ada: isi nilainya",
    "core.extra_forbidden": "isian ini tidak ada: perbaiki namanya, atau hapus",
    "core.string_type": "bukan teks: tulis di antara tanda kutip",
    "core.int_type": _NO_INTEGER,
    "core.int_parsing": _NO_INTEGER,
    "core.int_from_float": _NO_INTEGER,
    "core.float_type": _NO_NUMBER,
    "core.float_parsing": _NO_NUMBER,
    "core.finite_number": "bukan angka yang terhingga",
    "core.bool_type": _NO_BOOLEAN,
    "core.bool_parsing": _NO_BOOLEAN,
    "core.list_type": "bukan daftar",
    "core.dict_type": _NO_OBJECT,
    "core.model_type": _NO_OBJECT,
    "core.model_attributes_type": _NO_OBJECT,
    "core.text_empty": "kosong: isi teksnya",
    "core.string_too_short": "terlalu pendek: isi paling sedikit {min_length} karakter",
    "core.string_too_long": _TOO_LONG,
    "core.too_short": "terlalu sedikit: isi paling sedikit {min_length}",
    "core.too_long": "terlalu banyak: isi paling banyak {max_length}",
    "core.greater_than_equal": "terlalu kecil: isi paling sedikit {ge}",
    "core.greater_than": "terlalu kecil: isi lebih dari {gt}",
    "core.less_than_equal": "terlalu besar: isi paling banyak {le}",
    "core.less_than": "terlalu besar: isi kurang dari {lt}",
    "core.literal_error": _UNKNOWN_VALUE,
    "core.enum": _UNKNOWN_VALUE,
    "core.union_tag_invalid": "isian {discriminator} bernilai {tag}, yang tidak dikenal: isi salah satu dari "
    "{expected_tags}",
    "core.union_tag_not_found": "isian {discriminator}, yang menyebut jenisnya, belum ada",
    "core.timezone_aware": "waktunya tanpa selisih dari UTC: tulis seperti 2026-12-01T08:00:00+07:00",
    "core.datetime_type": _NO_TIME,
    "core.datetime_parsing": _NO_TIME,
    "core.datetime_from_date_parsing": _NO_TIME,
    "core.date_type": _NO_DATE,
    "core.date_parsing": _NO_DATE,
    "core.date_from_datetime_parsing": _NO_DATE,
    "core.uuid_type": _NO_ID,
    "core.uuid_parsing": _NO_ID,
    "core.url_type": _NO_ADDRESS,
    "core.url_parsing": _NO_ADDRESS,
    "core.url_scheme": "alamatnya tidak diawali {expected_schemes}: perbaiki",
    "core.url_too_long": _TOO_LONG,
    "core.either": "{first} atau {last}",
    "core.joined": "{first}; {second}",
    "core.listed": "{first}, {second}",
    "core.names_and_more": "{names}, dan {n} lagi",
    "core.no_time_zone": "zona waktu “{name}” tidak ada: pakai nama IANA seperti Asia/Jakarta",
    "core.year_out_of_range": "tahun {year} di luar batas: isi antara {first} dan {last}",
    # --- formulir ---------------------------------------------------------------------------------------------
    "core.no_form": "yang dikirim bukan formulir",
    "core.no_multipart_form": "yang dikirim bukan formulir: kirim sebagai {type}, dengan batasnya",
    "core.no_form_in_utf8": "yang dikirim bukan formulir UTF-8 dengan paling banyak {most} isian",
    "core.form_unreadable": "formulirnya tidak dapat dibaca: {error}",
    "core.long_text_fields": "semua isian teks bersama-sama lebih dari {most} byte",
    "core.field_not_utf8": "teksnya bukan UTF-8: salah pada byte {n}",
    # --- kontak, tag, nomor -----------------------------------------------------------------------------------
    "core.tag_empty": "tagnya kosong",
    "core.several_tags": "tagnya berisi koma, titik koma, garis tegak, :::, atau pergantian baris: isi setiap tag "
    "tersendiri",
    "core.variable_without_name": "isian ini belum bernama",
    "core.own_field": "“{name}” milik kontak itu sendiri: isi di tempatnya, atau pilih nama lain",
    "core.control_character": "teksnya berisi karakter kendali: hapus",
    "core.one_selection": "kontak belum dipilih, atau dipilih dua kali: pakai nomor atau saringan",
    "core.no_tags": "belum ada tag: isi tag yang ditambahkan atau dihapus",
    "core.tags_both_ways": "tag yang ditambahkan sekaligus dihapus: {tags}",
    "core.many_variables": "isiannya lebih dari {most}",
    "core.long_variable_name": "nama isian lebih panjang dari {most} karakter",
    "core.long_value": "nilai “{name}” lebih panjang dari {most} KiB",
    "core.long_values": "semua nilai bersama-sama lebih panjang dari {most} KiB",
    "core.excess": "{excess}: kurangi atau perpendek",
    "core.many_tags": "ada {n} tag: isi paling banyak {most}",
    "core.long_tag": "ada tag yang lebih panjang dari {most} karakter",
    "core.opted_out": "tidak mau dihubungi",
    "core.number_invalid": "nomor telepon ini tidak sah ({reason}): tulis lengkap, misalnya +62 812 3456 7890",
    # --- kunci API --------------------------------------------------------------------------------------------
    "core.no_key_name": "bukan nama kunci: isi 1 sampai 63 huruf, angka, spasi, dan . _ @ -, dengan huruf atau angka "
    "di kedua ujungnya",
    "core.actor_taken": "riwayat sudah punya pelaku lain dengan nama ini: pilih nama lain",
    "core.key_exists": "kunci “{name}” sudah ada: pilih nama lain, atau cabut dulu kunci itu",
    "core.no_callback_secret": "rahasianya bukan {prefix} dengan {least} sampai {most} byte dalam base64: buat dengan "
    "`{command}`",
    # --- waktu dan batas --------------------------------------------------------------------------------------
    "core.no_clock_time": "bukan jam antara 00:00 dan 23:59: tulis seperti 08:00",
    "core.jitter_order": "jeda terpanjang kurang dari jeda terpendek: isi paling sedikit sama",
    "core.warm_up_order": "langkah pertama harus mulai dari hari 0, dan harinya harus naik dari langkah ke langkah",
    "core.empty_window": "jam kirimnya kosong karena awal dan akhirnya sama: isi dua jam yang berbeda",
    "core.start_is_over": "waktu {time} UTC sudah lewat: isi waktu yang lebih kemudian, atau kosongkan untuk mulai "
    "sekarang",
    "core.nothing_to_change": "tidak ada yang diubah: isi nama atau waktu mulai",
    # --- penerima dan koneksi broadcast -----------------------------------------------------------------------
    "core.source_without_type": "sumbernya tanpa jenis: pilih jenis sumber kontak, misalnya csv",
    "core.many_connections": "daftarnya berisi {n} nama: isi paling banyak {most}",
    "core.connections_not_distinct": "daftarnya kosong atau menyebut satu koneksi dua kali: isi paling sedikit satu, "
    "masing-masing sekali",
    "core.two_audiences": "penerima diberikan dua kali, sebagai daftar dan sebagai sumber: hapus salah satunya",
    "core.no_audience": "penerima belum dipilih: pilih berkas, tag, kueri, atau nomor",
    "core.no_recipients": "daftarnya kosong: isi paling sedikit satu penerima",
    "core.odd_variable": "variabel “{name}” berisi {type}: isi teks, angka, true, atau false",
    "core.odd_variables": "variabelnya berupa {type}: isi nilai menurut nama",
    "core.odd_variable_name": "nama suatu variabel berupa {type}: isi teks",
    "core.odd_number": "nomornya berupa {type}: isi teks",
    "core.odd_name": "namanya berupa {type}: isi teks",
    "core.no_connection_yet": "belum ada koneksi: buat di halaman Koneksi, atau dengan `wabroadcast connections set`",
    "core.which_connection": "ada beberapa koneksi: pilih salah satu dari {names}, atau tetapkan koneksi bawaan, "
    "misalnya dengan `wabroadcast connections default`",
    "core.no_connection": "koneksi “{name}” tidak ada",
    "core.no_simulated_connection": "tidak ada koneksi tiruan: buat dengan "
    "`wabroadcast connections set sandbox sandbox`",
    "core.sender_missing": "pengirim “{sender}” dari koneksi “{name}” tidak terpasang: pasang plugin-nya",
    "core.no_upload": "berkas “{name}” tidak ada: unggah dulu",
    "core.deleted_upload": "berkas “{name}” sudah tidak ada: unggah lagi",
    "core.one_recipient": "dua penerima disebut: sebut nomornya atau barisnya saja",
    "core.no_such_recipient": "penerima itu tidak ada di antara penerima broadcast: sebut salah satunya, atau "
    "kosongkan untuk yang pertama",
    "core.recipient_not_found_in_time": "penerima itu tidak ditemukan pada waktunya: sebut yang lebih dekat ke awal",
    "core.faulty_recipient": "penerima ini tidak mendapat pesan: {reason}",
    "core.list_empty": "daftarnya kosong",
    "core.test_not_rendered": "{detail}: perbaiki teksnya, atau pakai penerima lain untuk contoh ini",
    "core.test_opted_out": "nomor ini tidak mau dihubungi ({detail}): kirim contohnya ke nomor lain",
    "core.test_not_messaged": "nomor ini tidak dapat dikirimi ({detail}): kirim contohnya ke nomor lain",
    "core.no_parameter": "kueri ini tidak punya parameter itu",
    "core.parameter_missing": "belum ada: isi nilai berjenis {kind}",
    "core.no_callback_address": "belum ada alamat callback: isi alamatnya, atau atur WABROADCAST_CALLBACK_URL",
    "core.callback_with_password": "alamatnya berisi nama pengguna atau kata sandi: hapus, dan periksa tanda tangan "
    "callback",
    "core.callback_not_public": "alamatnya bukan di internet umum: izinkan jaringannya dengan "
    "WABROADCAST_CALLBACK_NETWORKS",
    # --- kemampuan koneksi ------------------------------------------------------------------------------------
    "core.connection_of_kind": "koneksi “{name}” ({kind})",
    "core.type_unsupported": "{sender} tidak dapat mengirim pesan berjenis {type}",
    "core.no_uploads": "{sender} mengirim {type} hanya dari alamat: isi alamat umum sebagai gantinya",
    "core.no_caption": "{sender} tidak menampilkan keterangan pada {type}: hapus, atau kirim sebagai pesan teks "
    "tersendiri",
    "core.text_too_long": "{sender} mengirim paling banyak {most} karakter, sedangkan teks ini {n}",
    "core.file_too_large": "{sender} mengirim {type} paling besar {most} MB, sedangkan berkas ini {size} MB",
    "core.file_type_unsupported": "{sender} mengirim {accepted} sebagai {type}, sedangkan isi berkas ini {content}",
    "core.text_too_long_for_connection": "teks jadinya lebih panjang dari {most} karakter yang dapat dikirim "
    "koneksinya",
}
