"""Patients and those around them: made-up names that are no words of medicine, in many scripts."""

from dataclasses import dataclass
from datetime import date
from random import Random

#: Family, given, further groups of the PN value (ideographic, phonetic), and the character sets for them.
_NAMES: tuple[tuple[str, str, str, str | list[str] | None], ...] = (
    ("Quillfeather", "Rosamundine", "", None),
    ("Müllerhöfner", "Jürgenhard", "", "ISO_IR 100"),
    ("Yamagishiro", "Tarozaemon", "=山城田^太郎座=やまぎしろ^たろうざえもん", ["", "ISO 2022 IR 87"]),
    ("Zandvlieterman", "Kornelisje", "", "ISO_IR 192"),
    ("Hwangbogil", "Seonwooyeon", "=皇甫吉^鮮于然=황보길^선우연", ["", "ISO 2022 IR 149"]),
    ("Škvoreckýn", "Žofinkova", "", "ISO_IR 192"),
    ("O'Shaughnesky", "Fionnghuala", "", None),
    ("Papadoglakis", "Evangelinos", "=Παπαδογλάκης^Ευαγγελινός", "ISO_IR 192"),
    ("Ångströmdal", "Görveline", "", "ISO_IR 100"),
    ("Wetherspoone-Achterberg", "Philomenia", "", None),
    # A name that is a word of anatomy: the word stays where it is one.
    ("Head", "Ottilienne", "", None),
    ("Brzeczykowska", "Grzegorzyna", "", "ISO_IR 192"),
    ("Nakamurashi", "Hanazukiko", "=中村志^花月子=なかむらし^はなづきこ", ["", "ISO 2022 IR 87"]),
    ("Delacroixmont", "Anaïsabelle", "", "ISO_IR 100"),
)
_DOCTORS = (
    "Vanderquist",
    "Castelmoorey",
    "Brightwaterly",
    "Pfefferkornig",
    "Lindqvistera",
    "Obiefunam",
    "Tregowanth",
)
_CALLED = ("Magnolian", "Thaddeusz", "Winifredo", "Barnabyla", "Clementyne")
_HOSPITALS = ("Saint Ogbertine", "Larkspurvale", "Mount Teverbrook", "Greyfallowe", "Kestrelmoore")
_STREETS = ("Thistledowne Lane", "Cobblemere Road", "Vinkenslagstraat", "Halvergate Court")
_CITIES = ("Nether Wallopton", "Fjordhavensund", "Puddlecombe", "Zuiderkappel")
YOUNGEST, OLDEST = 31, 97


@dataclass(frozen=True, slots=True)
class Person:
    """One patient with everything that says who it is."""

    number: int
    family: str
    given: str
    groups: str
    charset: str | list[str] | None
    id: str
    other_id: str
    born: date
    sex: str
    phone: str
    email: str
    street: str
    city: str
    hospital: str
    maiden: str
    referring: str
    performing: str
    operator: str
    called: str
    first_visit: date

    @property
    def name(self) -> str:
        """As in a PN element, all groups."""
        return f"{self.family}^{self.given}{self.groups}"

    @property
    def age(self) -> int:
        """In years, at the first visit."""
        return self.first_visit.year - self.born.year

    @property
    def medical(self) -> bool:
        """Whether the family name is a word that stays where it is one."""
        return self.family == "Head"

    @property
    def accession(self) -> str:
        """Of the first study; later ones differ in their last digit."""
        return f"ACX{73_000_11 + self.number * 977}"


def people(seed: int, count: int) -> list[Person]:
    """So many, the same for the same seed."""
    random = Random(seed)
    return [_person(number, random) for number in range(count)]


def _person(number: int, random: Random) -> Person:
    family, given, groups, charset = _NAMES[number % len(_NAMES)]
    if number >= len(_NAMES):
        family, given, groups, charset = (
            f"{family}{'abcdefgh'[number // len(_NAMES) - 1]}son",
            given,
            "",
            "ISO_IR 192",
        )
    visit = date(random.randint(2004, 2021), random.randint(1, 12), random.randint(1, 28))
    years = 94 if number % 5 == 1 else random.randint(YOUNGEST, 88)
    doctors = random.sample(_DOCTORS, 3)
    digits = random.randint(1_000_000, 9_999_999)
    return Person(
        number=number,
        family=family,
        given=given,
        groups=groups,
        charset=charset,
        id=f"{48_200_000 + digits % 97_000}Q{number:02}",
        other_id=f"KX{digits}",
        born=date(visit.year - years, random.randint(1, 12), random.randint(1, 28)),
        sex="MF"[number % 2],
        phone=f"({random.randint(201, 899)}) 555-{random.randint(1000, 9999)}",
        email=f"contact{digits}@mailbox.example",
        street=f"{random.randint(401, 979)} {random.choice(_STREETS)}",
        city=random.choice(_CITIES),
        hospital=random.choice(_HOSPITALS),
        maiden=f"{random.choice(('Fennimoria', 'Gooseberrin', 'Hollowaye'))}{'xyz'[number % 3]}",
        referring=doctors[0],
        performing=doctors[1],
        operator=doctors[2],
        called=random.choice(_CALLED),
        first_visit=visit,
    )
