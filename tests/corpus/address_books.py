"""The exports of address books and shops."""

from tests.corpus.sample import EMPTY, Person, Sample
from tests.corpus.texts import ANI, BUDI, TUTI, lines
from wabroadcast_core import Reading

COMMA = Reading(delimiter=",", encoding="utf-8", header_row=1)

GOOGLE = (
    "First Name,Middle Name,Last Name,Nickname,Organization Name,Birthday,Notes,Labels,"
    "E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value"
)
OLD_GOOGLE = (
    "Name,Given Name,Family Name,Group Membership,Phone 1 - Type,Phone 1 - Value,Phone 2 - Type,Phone 2 - Value"
)
OUTLOOK = (
    "Title,First Name,Middle Name,Last Name,Company,Business Fax,Business Phone,Company Main Phone,Home Phone,"
    "Mobile Phone,Other Phone,Categories,E-mail Address"
)
OUTLOOK_ID = (
    "Gelar;Nama Depan;Nama Tengah;Nama Belakang;Perusahaan;Telepon Kantor;Telepon Rumah;Telepon Seluler;Kategori"
)


def ignored(header: str, *, delimiter: str = ",", **roles: str) -> dict[str, str]:
    """The columns of a header: those with a role, by their place, the others as the variables of their names."""
    names = header.split(delimiter)
    slugs = [name.lower().replace(" - ", "_").replace(" ", "_").replace("-", "_") for name in names]
    return {name: roles.get(slug, slug) for name, slug in zip(names, slugs, strict=True)}


ADDRESS_BOOKS = [
    Sample(
        "google-contacts",
        lines(
            GOOGLE,
            "Budi,,Santoso,,,,,* myContacts ::: Pelanggan,* ,b@example.com,Home,021-5551234,* Mobile,+62 812-3456-7890",
            "Ani,Ayu,,,,,,* myContacts,,,,0813-1111-2222 ::: 0812-9999-0000,,",
            "Toko,,Maju,,,,,,,,Work Fax,021-5559999,,",
        ).encode(),
        ignored(
            GOOGLE,
            first_name="name, first_name",
            middle_name="name, middle_name",
            last_name="name, last_name",
            labels="labels, tags",
            phone_1_value="number",
        ),
        [
            Person(
                BUDI,
                "Budi Santoso",
                {
                    "first_name": "Budi",
                    "last_name": "Santoso",
                    "labels": "* myContacts ::: Pelanggan",
                    "e_mail_1_label": "*",
                    "e_mail_1_value": "b@example.com",
                    "phone_1_label": "Home",
                    "phone_2_label": "* Mobile",
                    "phone_2_value": "+62 812-3456-7890",
                },
                ("myContacts", "Pelanggan"),
            ),
            Person(
                ANI,
                "Ani Ayu",
                {"first_name": "Ani", "middle_name": "Ayu", "labels": "* myContacts"},
                ("myContacts",),
            ),
        ],
        [(4, "number", EMPTY)],
        COMMA,
    ),
    Sample(
        "google-contacts-as-it-was",
        lines(
            OLD_GOOGLE, "Budi Santoso,Budi,Santoso,* myContacts,Work,021-5551234 ::: 021-5551235,Mobile,081234567890"
        ).encode("utf-16"),
        ignored(
            OLD_GOOGLE,
            name="name",
            group_membership="group_membership, tags",
            phone_1_value="number",
        ),
        [
            Person(
                BUDI,
                "Budi Santoso",
                {
                    "given_name": "Budi",
                    "family_name": "Santoso",
                    "group_membership": "* myContacts",
                    "phone_1_type": "Work",
                    "phone_2_type": "Mobile",
                    "phone_2_value": "081234567890",
                },
                ("myContacts",),
            )
        ],
        reading=Reading(delimiter=",", encoding="utf-16", header_row=1),
    ),
    Sample(
        "due_work",
        lines(
            OUTLOOK,
            ",Zoë,,Santoso,PT Maju,021-5550000,021-5551234,021-5559999,,081234567890,,VIP;Lama,z@example.com",
            ",Ani,,,,,,,0813 1111 2222,,,,",
            ",Toko,,,PT Maju,021-5550000,,021-5559999,,,,,",
        ).encode("cp1252"),
        ignored(
            OUTLOOK,
            first_name="name, first_name",
            middle_name="name, middle_name",
            last_name="name, last_name",
            mobile_phone="number",
            categories="categories, tags",
            e_mail_address="e_mail_address",
        ),
        [
            Person(
                BUDI,
                "Zoë Santoso",
                {
                    "first_name": "Zoë",
                    "last_name": "Santoso",
                    "company": "PT Maju",
                    "business_fax": "021-5550000",
                    "business_phone": "021-5551234",
                    "company_main_phone": "021-5559999",
                    "categories": "VIP;Lama",
                    "e_mail_address": "z@example.com",
                },
                ("VIP", "Lama"),
            ),
            Person(ANI, "Ani", {"first_name": "Ani", "home_phone": "0813 1111 2222"}),
        ],
        [(4, "number", EMPTY)],
        Reading(delimiter=",", encoding="windows-1252", header_row=1),
    ),
    Sample(
        "due_work-in-indonesian",
        lines(OUTLOOK_ID, ";René;;Wijaya;;;;0852 9999 8888;Pelanggan", ";Budi;;;;021-5551234;081234567890;;").encode(
            "cp1252"
        ),
        ignored(
            OUTLOOK_ID,
            delimiter=";",
            nama_depan="name, nama_depan",
            nama_tengah="name, nama_tengah",
            nama_belakang="name, nama_belakang",
            telepon_seluler="number",
            kategori="kategori, tags",
        ),
        [
            Person(
                TUTI,
                "René Wijaya",
                {"nama_depan": "René", "nama_belakang": "Wijaya", "kategori": "Pelanggan"},
                ("Pelanggan",),
            ),
            Person(
                BUDI,
                "Budi",
                {"nama_depan": "Budi", "telepon_kantor": "021-5551234", "telepon_rumah": "081234567890"},
            ),
        ],
        reading=Reading(delimiter=";", encoding="windows-1252", header_row=1),
    ),
    Sample(
        "a-shops-customers",
        lines(
            "First Name,Last Name,Email,Accepts Email Marketing,Default Address Phone,Phone,Tags",
            "Budi,Santoso,b@example.com,yes,'+6281299990000,'+6281234567890,\"vip, grosir\"",
        ).encode(),
        {
            "First Name": "name, first_name",
            "Last Name": "name, last_name",
            "Email": "email",
            "Accepts Email Marketing": "accepts_email_marketing",
            "Default Address Phone": "default_address_phone",
            "Phone": "number",
            "Tags": "tags",
        },
        [
            Person(
                BUDI,
                "Budi Santoso",
                {
                    "first_name": "Budi",
                    "last_name": "Santoso",
                    "email": "b@example.com",
                    "accepts_email_marketing": "yes",
                    "default_address_phone": "+6281299990000",
                },
                ("vip", "grosir"),
            )
        ],
        reading=COMMA,
    ),
    Sample(
        "the-members-of-a-group",
        lines('"Phone Number","Saved Name","Is Admin"', '"+62 812-3456-7890","Budi RT 5","no"').encode("utf-8-sig"),
        {"Phone Number": "number", "Saved Name": "name", "Is Admin": "is_admin"},
        [Person(BUDI, "Budi RT 5", {"is_admin": "no"})],
        reading=COMMA,
    ),
]
