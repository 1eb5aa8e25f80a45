"""What may be posted as a picture or a video: formats, limits, and the words for what became of it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MB = 1024 * 1024
# How long the file of something that is gone stays: somebody may be storing the same content at this moment.
KEPT_AFTER = timedelta(hours=1)
NO_HEIC = "It is HEIC, which is taken in once the package pillow-heif is installed here; or send it as JPEG."


class Media(StrEnum):
    """What an asset is."""

    IMAGE = "image"
    VIDEO = "video"


class Format(StrEnum):
    """How an asset's octets are written, told by its first octets and by nothing else."""

    JPEG = "jpeg"
    PNG = "png"
    GIF = "gif"
    WEBP = "webp"
    AVIF = "avif"
    HEIC = "heic"  # only where a decoder is installed
    MP4 = "mp4"  # with its kin: mov, m4v, 3gp
    WEBM = "webm"  # with Matroska

    @property
    def media(self) -> Media:
        return Media.VIDEO if self in (Format.MP4, Format.WEBM) else Media.IMAGE


# What a sender may call a format. What is not here says nothing, and is no lie either.
TYPES = {
    "image/jpeg": Format.JPEG,
    "image/jpg": Format.JPEG,
    "image/pjpeg": Format.JPEG,
    "image/png": Format.PNG,
    "image/gif": Format.GIF,
    "image/webp": Format.WEBP,
    "image/avif": Format.AVIF,
    "image/heic": Format.HEIC,
    "image/heif": Format.HEIC,
    "video/mp4": Format.MP4,
    "video/quicktime": Format.MP4,
    "video/x-m4v": Format.MP4,
    "video/3gpp": Format.MP4,
    "video/webm": Format.WEBM,
    "video/x-matroska": Format.WEBM,
}
# Served as these and as nothing else: a browser that guesses may run what it guesses.
SERVED = {"jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif", "mp4": "video/mp4"}
SUFFIXES = {"jpeg": ".jpg", "webp": ".webp", "avif": ".avif", "mp4": ".mp4"}


class AssetState(StrEnum):
    """Where the posted octets stand."""

    WAITING = "waiting"  # to be fetched from their address
    STORED = "stored"
    REFUSED = "refused"


class RenditionState(StrEnum):
    """Where one version stands. The last three are final until somebody asks again."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


UNMADE = (RenditionState.WAITING, RenditionState.WORKING)


class Cause(StrEnum):
    """Why an asset was refused, or a version of it was not made."""

    # the asset
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN_FORMAT = "unknown_format"
    MISLABELLED = "mislabelled"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LONG = "too_long"
    BROKEN = "broken"
    BAD_ADDRESS = "bad_address"
    NOT_THERE = "not_there"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    # one version
    SOURCE_SMALLER = "source_smaller"
    STANDS_STILL = "stands_still"
    NOT_IN_TABLE = "not_in_table"
    NO_FFMPEG = "no_ffmpeg"
    OUT_OF_TIME = "out_of_time"
    OUT_OF_MEMORY = "out_of_memory"
    NO_SPACE = "no_space"
    NOT_STORED = "not_stored"
    GAVE_UP = "gave_up"


CAUSES = {
    Cause.EMPTY: "It has not one octet.",
    Cause.TOO_LARGE: "It is larger than is taken in here.",
    Cause.UNKNOWN_FORMAT: "It is neither JPEG, PNG, GIF, WebP or AVIF nor MP4, MOV or WebM.",
    Cause.MISLABELLED: "It is something else than its type says.",
    Cause.TOO_MANY_PIXELS: "It has more pixels than is safe to unpack.",
    Cause.TOO_LONG: "It lasts longer than is taken in here.",
    Cause.BROKEN: "It breaks off or cannot be decoded.",
    Cause.BAD_ADDRESS: "Its address is not one that may be fetched.",
    Cause.NOT_THERE: "There is nothing to fetch at its address.",
    Cause.UNREACHABLE: "Its address did not answer.",
    Cause.LOST: "Its octets are not in the storage any more.",
    Cause.SOURCE_SMALLER: "The source is not that large, and a smaller version has all of it.",
    Cause.STANDS_STILL: "The picture does not move.",
    Cause.NOT_IN_TABLE: "The table of renditions was changed, and has no such version any more.",
    Cause.NO_FFMPEG: "There is no ffmpeg on the machine; the README says how to get it.",
    Cause.OUT_OF_TIME: "It took longer than it may.",
    Cause.OUT_OF_MEMORY: "It took more memory than it may.",
    Cause.NO_SPACE: "There is no room left to write it.",
    Cause.NOT_STORED: "The storage did not take it.",
    Cause.GAVE_UP: "Whoever worked on it died each time.",
}
# Trying again changes nothing about these.
FINAL_CAUSES = frozenset(
    {
        Cause.EMPTY,
        Cause.TOO_LARGE,
        Cause.UNKNOWN_FORMAT,
        Cause.MISLABELLED,
        Cause.TOO_MANY_PIXELS,
        Cause.TOO_LONG,
        Cause.BROKEN,
        Cause.BAD_ADDRESS,
        Cause.LOST,
        Cause.SOURCE_SMALLER,
        Cause.STANDS_STILL,
        Cause.NO_FFMPEG,
        Cause.OUT_OF_MEMORY,
    }
)
# Nothing is wrong with the asset: it is we who have no room for it.
OUR_CAUSES = frozenset({Cause.NO_SPACE, Cause.NOT_STORED})
# Nothing is wrong with these: there is simply no such version.
SKIPPED = frozenset({Cause.SOURCE_SMALLER, Cause.STANDS_STILL, Cause.NO_FFMPEG})


class Refused(Exception):
    """An asset, or one version of it, cannot be had. `detail` says more where there is more to say."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(detail or CAUSES[cause])
        self.cause = cause
        self.detail = detail

    @property
    def sentence(self) -> str:
        """What is wrong and, where it is known, what would be right."""
        return f"{CAUSES[self.cause]} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken in, and how much making one version may take. Times are seconds."""

    image_octets: int = 20 * MB
    video_octets: int = 100 * MB
    pixels: int = 50_000_000  # of a still, or of all frames of a moving one that are looked at
    side: int = 16_384
    frames: int = 36_000
    duration: float = 180
    video_side: int = 3_840
    image_seconds: float = 30  # for all versions of a picture
    image_memory: int = 1_024 * MB
    video_memory: int = 2_048 * MB
    written_octets: int = 512 * MB  # of one file that is made
    fetch_seconds: float = 30
    heic: bool = False  # whether there is a decoder of it

    @property
    def most_octets(self) -> int:
        return max(self.image_octets, self.video_octets)

    def check_format(self, format: Format) -> None:
        """Raises `Refused` where nothing here can decode it."""
        if format is Format.HEIC and not self.heic:
            raise Refused(Cause.UNKNOWN_FORMAT, NO_HEIC)

    def check_octets(self, octets: int, media: Media | None = None) -> None:
        """Raises `Refused` where there is nothing, or more than is taken in; `media` where it is known yet."""
        most = {Media.IMAGE: self.image_octets, Media.VIDEO: self.video_octets, None: self.most_octets}[media]
        if not octets:
            raise Refused(Cause.EMPTY)
        if octets > most:
            raise Refused(Cause.TOO_LARGE, f"At most {most // MB} MB are.")

    def check_pixels(self, width: int, height: int, media: Media) -> None:
        """Raises `Refused` where unpacking would take too much, or there is nothing to see."""
        if width < 1 or height < 1:
            raise Refused(Cause.BROKEN, "It is nothing wide or nothing high.")
        side = self.video_side if media is Media.VIDEO else self.side
        if max(width, height) > side or width * height > self.pixels:
            most = f"at most {side:,} a side and {self.pixels / 1e6:.0f} million in all"
            raise Refused(Cause.TOO_MANY_PIXELS, f"It has {width:,} × {height:,}; {most} are taken in.")

    def check_duration(self, seconds: float) -> None:
        """Raises `Refused` where a video lasts too long."""
        if seconds > self.duration:
            raise Refused(Cause.TOO_LONG, f"It lasts {seconds:.0f} s; at most {self.duration:.0f} s are taken in.")

    def video_seconds(self, seconds: float) -> float:
        """How long making the versions of a video of so many seconds may take."""
        return 30 + 6 * seconds
