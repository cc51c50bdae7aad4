"""Kalimat inti dan pengirim tentang pengaturan koneksi, menurut kodenya."""

TEXTS = {
    "core.no_connection_name": "bukan nama yang sah: pakai paling banyak 63 huruf kecil, angka, - dan _, diawali huruf "
    "atau angka",
    "core.no_sender": "pengirim “{name}” tidak ada: pakai salah satu dari {names}, atau pasang plugin-nya",
    "core.account_in_use": "koneksi “{name}” sudah mengirim lewat akun ini, dan berdua akan melampaui batasnya: pakai "
    "koneksi itu, atau hapus dulu",
    "core.account_shared": "akunnya juga dipakai {names}: bersama-sama mereka melampaui batasnya; jeda atau hapus "
    "semuanya kecuali satu",
    "core.encrypted_with_other_key": "pengaturannya disandikan dengan kunci rahasia lain: simpan lagi koneksi ini, "
    "dengan semua pengaturannya",
    "core.no_base_address": "bukan alamat: tulis seperti https://gateway.example/jalur",
    "core.base_address_with_more": "alamatnya berisi nama pengguna, kata sandi, kueri, atau fragmen: hapus, karena "
    "alamat ditampilkan",
    "core.network_refused": "permintaan ke jaringan ini ditolak: lihat WABROADCAST_PROVIDER_NETWORKS",
    "core.only_mask": "ini hanya penutup nilai yang tidak ditampilkan, dan belum ada yang tersimpan: isi nilainya",
    "core.secret_empty": "nilainya kosong: isi rahasianya",
    "core.address_form": "alamatnya harus diawali http:// atau https:// dan tanpa spasi",
    # --- pengirim ---------------------------------------------------------------------------------------------
    "core.cloud_token_form": "tokennya kosong, atau berisi spasi atau karakter selain ASCII: salin lagi dari Meta",
    "core.phone_number_id_form": "id-nya hanya boleh angka: salin phone number id dari Meta, bukan nomor teleponnya",
    "core.api_version_form": "versinya harus seperti v25.0",
    "core.wuzapi_token_form": "tokennya berisi pergantian baris atau karakter selain ASCII: salin lagi dari WuzAPI",
    "core.device_id_form": "id perangkat harus ASCII tanpa spasi",
    "core.gowa_default_secret": "ini rahasia bawaan GOWA, yang diketahui semua orang: atur WHATSAPP_WEBHOOK_SECRET "
    "lain di gateway, lalu isi di sini",
    "core.delay_form": "jedanya harus detik, atau rentang detik seperti 5-10",
    # --- API HTTP apa pun -------------------------------------------------------------------------------------
    "core.in_setting": "{place}: {fault}",
    "core.deep_setting": "{place}: susunan nilainya terlalu dalam: pakai paling banyak {most} tingkat",
    "core.address_without_host": "alamatnya tanpa host: tulis seperti https://api.example/jalur",
    "core.address_with_more": "alamatnya berisi nama pengguna, kata sandi, kueri, atau fragmen: hapus, dan simpan "
    "rahasia di secrets",
    "core.secret_form": "{name}: rahasianya kosong, atau berisi pergantian baris atau karakter kendali",
    "core.secret_missing": "{place}: rahasia yang dipakainya tidak ada: tambahkan di secrets, atau perbaiki namanya",
    "core.secret_name_form": "namanya harus huruf, angka, dan _, diawali huruf",
    "core.send_without_message_id": "findMessage: permintaan untuk pesan {kind} tanpa message_id: tambahkan di send",
    "core.header_form": "ini bukan nama header: pakai huruf, angka, dan tanda hubung",
    "core.own_header": "{name}: header ini diisi oleh klien HTTP sendiri: hapus",
    "core.many_texts": "ada {n} teks: pakai paling banyak {most}",
    "core.path_with_query": "jalurnya berisi “?” atau “#”: pindahkan parameter ke query",
    "core.file_in_query": "media.file tidak dapat dipakai di query: pakai di body multipart",
    "core.get_with_body": "{place}: permintaan GET tidak boleh punya body: hapus, atau ubah method menjadi POST",
    "core.form_not_flat": "{place}: formulir harus berupa objek tanpa daftar dan objek di dalamnya",
    "core.file_without_multipart": "{place}: media.file memerlukan format: multipart; selain itu pakai media.base64",
    "core.body_without_content": "bodies.{kind}: permintaannya tidak mengirim {kind}: pakai {choices} di dalamnya",
    "core.request_without_message": "permintaannya tidak berisi pesan: pakai text, template.name, atau salah satu dari "
    "media di dalamnya",
    "core.request_without_recipient": "permintaan untuk pesan {kind} tidak berisi penerima: pakai number atau "
    "digits di dalamnya",
    "core.request_without_number": "permintaannya tidak berisi nomor: pakai number atau digits di dalamnya",
    "core.request_without_message_id": "permintaannya tidak menyebut pesan: pakai message_id di dalamnya",
    "core.name_not_allowed": "“{name}” tidak dapat dipakai di sini: pakai {names}",
    "core.no_item_of_group": "“{group}” tidak punya “{item}”: yang ada {names}",
    "core.bare_group": "“{group}” adalah kelompok: tulis {head} lalu {choices}",
    "core.any_name": "sebuah nama",
    "core.not_whole_text": "“{name}” harus menjadi seluruh teksnya, tanpa apa pun di depan atau di belakangnya",
    "core.status_form": "status harus 200, 4xx, atau 500-504",
    "core.status_order": "status kedua dari rentangnya lebih kecil dari yang pertama: tukar",
    "core.reason_form": "alasannya harus huruf kecil, angka, dan _, paling banyak 64 karakter",
    "core.path_missing": "path belum ada: isi jalur nilai yang dimaksud equals atau contains",
    "core.status_or_path": "status dan path belum ada: isi salah satu, atau keduanya",
    "core.opt_out_unfit": "optOut hanya untuk means: rejected; hapus, atau ubah means",
    "core.scope_unfit": "scope hanya untuk means: throttled; hapus, atau ubah means",
    "core.retry_after_unfit": "retryAfter hanya untuk means: temporary atau throttled; hapus, atau ubah means",
    "core.path_form": "jalurnya berisi langkah kosong atau spasi: tulis nama dan urutan seperti messages.0.id",
    "core.long_path": "jalurnya terlalu panjang: pakai paling banyak {steps} langkah dan {most} karakter",
    "core.path_to_many": "jalurnya berisi “{each}”, padahal harus menuju satu nilai: pakai urutan, misalnya 0",
    "core.receipt_without_id": "providerId dan messageId belum ada: isi jalur id pesan pada salah satunya",
    "core.webhook_without_events": "receipts dan inbound belum ada: isi salah satu, atau keduanya",
}
