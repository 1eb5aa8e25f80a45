"""The people of the demo: always the same ones in the same order, so that a second run finds them again."""

from dataclasses import dataclass, replace

DOMAIN = "demo.test"  # .test is reserved (RFC 2606): no mail to it can reach anybody
NOBODY = "bounce.test"  # the local mail catcher refuses everything to it for good
DEVICES = 4  # all but every so many have a device


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who uses the app."""

    id: str
    name: str
    email: str
    locale: str
    timezone: str
    has_device: bool = True


# id, name, locale, time zone
KNOWN = (
    ("ana", "Ana Silva", "pt-BR", "America/Sao_Paulo"),
    ("jonas", "Jonas Krüger", "de", "Europe/Berlin"),
    ("aoi", "佐藤 葵", "ja", "Asia/Tokyo"),
    ("grace", "Grace Okafor", "en", "America/New_York"),
    ("chloe", "Chloé Lefèvre", "fr", "Europe/Paris"),
    ("diego", "Diego Ramírez", "es", "America/Mexico_City"),
    ("layla", "ليلى حداد", "ar", "Asia/Beirut"),
    ("piotr", "Piotr Wiśniewski", "pl", "Europe/Warsaw"),
    ("priya", "Priya Raman", "en-IN", "Asia/Kolkata"),
    ("mehmet", "Mehmet Yıldız", "tr", "Europe/Istanbul"),
    ("sofia", "Sofía Torres", "es", "Europe/Madrid"),
    ("liang", "梁 志强", "zh-CN", "Asia/Shanghai"),
    ("freya", "Freya Lindqvist", "sv", "Europe/Stockholm"),
    ("kwame", "Kwame Mensah", "en", "Africa/Accra"),
    ("olena", "Олена Коваль", "uk", "Europe/Kyiv"),
    ("giulia", "Giulia Conti", "it", "Europe/Rome"),
    ("noam", "נועם לוי", "he", "Asia/Jerusalem"),
    ("minjun", "김민준", "ko", "Asia/Seoul"),
    ("beatriz", "Beatriz Souza", "pt", "Europe/Lisbon"),
    ("eleni", "Ελένη Παππά", "el", "Europe/Athens"),
    ("sanne", "Sanne de Vries", "nl", "Europe/Amsterdam"),
    ("tane", "Tāne Parata", "en-NZ", "Pacific/Auckland"),
    ("linh", "Nguyễn Thùy Linh", "vi", "Asia/Ho_Chi_Minh"),
    ("hugo", "Hugo Moreau", "fr-CA", "America/Montreal"),
)


def people(count: int, *, unreachable: int = 0, run: str = "") -> list[Person]:
    """The first `count` people. After the first, `unreachable` of them have a new address where nobody lives.

    It is new in each run, because an address that refused once is not written to again.
    """
    made = [_person(number) for number in range(count)]
    return [_moved(person, run) if 0 < place <= unreachable else person for place, person in enumerate(made)]


def _person(number: int) -> Person:
    lap, place = divmod(number, len(KNOWN))
    nick, name, locale, zone = KNOWN[place]
    if lap:
        nick, name = f"{nick}-{lap + 1}", f"{name} {lap + 1}"
    return Person(nick, name, f"{nick}@{DOMAIN}", locale, zone, has_device=number % DEVICES != DEVICES - 1)


def _moved(person: Person, run: str) -> Person:
    return replace(person, email=f"{person.id}.{run}@{NOBODY}")
