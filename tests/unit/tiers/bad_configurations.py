"""Bad configurations without end: each is bad by construction, and carries a secret that must not come out.

`make_bad(seed, folder)` changes a good document at random, then damages it for certain (the last damage starts from a
good section, so that nothing before can have undone it). The secret's core is 12 random letters and digits: whatever
form it takes (percent-encoded, quoted, in a file, in the environment), a leak shows the core.
"""

from __future__ import annotations

import copy
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tiers
from tiers.parameters import POSTGRES
from tiers.schema import _MODELS, keys_of

Document = dict[str, Any]
DEFAULTS = (tiers.DEFAULT_LOCAL_CONFIG, tiers.DEFAULT_STANDALONE_CONFIG, tiers.DEFAULT_FEDERATED_CONFIG)
KEYS = sorted({key for model in _MODELS.values() for key in keys_of(model)})


@dataclass
class Bad:
    """One bad configuration: the bytes of the file, the environment beside it, and how it was damaged."""

    content: bytes
    environ: dict[str, str]
    core: str
    damage: str
    has_path: bool  # else the file as a whole is at fault


@dataclass
class Maker:
    rng: random.Random
    folder: Path
    core: str
    environ: dict[str, str] = field(default_factory=dict)

    def secret(self) -> str:
        """Return the secret raw or with characters that have to be encoded in an address."""
        return self.rng.choice([self.core, f"{self.core}%21", f"{self.core}%2F%40x", f"x%25{self.core}"])

    def text(self) -> str:
        """Return a text that holds the secret, in one of the forms people use."""
        forms = [
            f"postgresql://u:{self.secret()}@h:5432/d", f"postgres://:{self.secret()}@h/d", f"redis://{self.core}@h/0",
            f"postgresql://h/d?password={self.secret()}", f"postgresql://h/d?user=u&sslpassword={self.secret()}",
            f"host=h user=u password={self.core}", f"host=h password='it\\'s {self.core}' dbname=d",
            f"PGPASSWORD={self.core}", f'{{"password": "{self.core}"}}', f"Authorization: Bearer {self.core}",
            "${APP_SECRET}", "postgresql://u:${APP_SECRET}@h/d", f"${{UNSET_SECRET:-{self.core}}}",
        ]  # fmt: skip
        return self.rng.choice(forms)

    def junk(self) -> Any:
        leaves: list[Any] = [None, True, False, 0, 1, -1, 1.5, "", "local", "postgres", self.text(), self.text()]
        value = self.rng.choice([*leaves, [self.text()], {"password": self.core}, {self.rng.choice(KEYS): self.text()}])
        return copy.deepcopy(value)

    def near(self, word: str) -> str:
        """Return a slip of the fingers that is no word of any list."""
        while True:
            at = self.rng.randrange(len(word))
            letter = self.rng.choice(string.ascii_letters)
            swapped = word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
            slip = self.rng.choice([word[:at] + word[at + 1 :], word[:at] + letter + word[at:], swapped, word.upper()])
            if slip not in (*KEYS, *POSTGRES, "local", "standalone", "federated", "team", ""):
                return slip

    def section(self, name: str) -> Document:
        """Return a good section with an address."""
        return copy.deepcopy(tiers.DEFAULT_STANDALONE_CONFIG[name])

    def file(self, content: bytes) -> str:
        name = f"secret-{self.rng.getrandbits(64):x}"
        (self.folder / name).write_bytes(content)
        (self.folder / name).chmod(0o600)
        return name


def unknown_key(make: Maker, document: Document) -> Document:
    place = make.rng.choice(["", "storage", "queue", "memory"])
    target = document.setdefault(place, {}) if place else document
    if not isinstance(target, dict):
        target = document[place] = make.section(place)
    target[make.near(make.rng.choice(KEYS))] = make.text()
    return document


def missing(make: Maker, document: Document) -> Document:
    document.pop(make.rng.choice(["version", "tier", "storage", "queue", "memory"]), None)
    return document


def wrong_type(make: Maker, document: Document) -> Document:
    name = make.rng.choice(["version", "tier", "storage", "queue", "memory"])
    document[name] = make.rng.choice([None, [], [make.text()], 7, make.text(), True])
    return document


def wrong_word(make: Maker, document: Document) -> Document:
    document["tier"] = make.rng.choice([make.near("standalone"), make.near("federated"), "Local", "", make.text()])
    return document


def wrong_for_the_tier(make: Maker, document: Document) -> Document:
    choices: list[Document] = [
        {"tier": "local", "storage": make.section("storage")},
        {"tier": "local", "queue": make.section("queue")},
        {"tier": "federated", "queue": {"type": "local"}},
        {"tier": "federated", "storage": make.section("storage")},  # without vectors
        {"tier": "standalone", "memory": {"type": "pgvector"}},
        {"tier": "team", "storage": {**make.section("storage"), "enableVector": True}},
    ]
    return document | make.rng.choice(choices)


def empty(make: Maker, document: Document) -> Document:
    section = make.rng.choice(["storage", "queue"])
    return document | {section: {**make.section(section), make.rng.choice(["url", "passwordFile"]): ""}}


def bad_address(make: Maker, document: Document) -> Document:
    word, word2 = make.secret(), make.secret()
    postgres = [
        f"mysql://u:{word}@h/d", f"postgresql://u:{word}@h:99999/d", f"postgresql://u:{word}@[::1/d",
        f"postgresql://u:{word}@/d", f"postgresql://u:{word}@h", f"postgresql://u:{word}@h:x/d",
        f"host=h password={make.core} dbname=d", f"postgresql://u:{make.core} {word2}@h/d", make.core,
        f"postgresql://u:{word}•••@h/d", f"//u:{word}@h/d", f"postgresql:/u:{word}@h/d", f"postgresql:///u:{word}@h/d",
        f"postgresql://u:{word}@h/d?sslmode={make.near('require')}", f"postgresql://u@h/d?password={word}&{make.near('sslmode')}=require",
        f"postgresql://u@h/d?password={word}&password={word2}", f"postgresql://u:{word}@h/d?sslmode",
    ]  # fmt: skip
    valkey = [
        f"http://:{word}@h", f"redis://:{word}@", f"redis://:{word}@h/zero", f"redis://{word}@h:70000/0",
        f"redis://h/0?password={word}&{make.near('ssl_cert_reqs')}=none", f"redis://:{word}@h/0?ssl_cert_reqs=required",
        f"rediss://:{word}@h/0?ssl_cert_reqs={make.near('required')}",
    ]  # fmt: skip
    section = make.rng.choice(["storage", "queue"])
    url = make.rng.choice(postgres if section == "storage" else valkey)
    return document | {"tier": "standalone", section: {**make.section(section), "url": url}}


def bad_reference(make: Maker, document: Document) -> Document:
    name = f"V{make.rng.getrandbits(32):X}_PASSWORD"
    case = make.rng.randrange(6)
    reference = f"${{{name}}}"
    if case == 0:
        make.environ[name] = ""
    elif case == 1:
        make.environ |= {name: make.core, f"{name}_FILE": make.file(make.core.encode())}
    elif case == 2:
        make.environ[f"{name}_FILE"] = make.rng.choice(["no-such-file", ".", make.file(b"")])
    elif case == 3:
        make.environ[f"{name}_FILE"] = make.file(make.rng.choice([f"{make.core}\nmore", "\n"]).encode())
    elif case == 4:
        make.environ[f"{name}_FILE"] = make.file(b"\xff" + make.core.encode())
    else:
        reference = make.rng.choice([reference, f"${{{name}", "${}", f"${{{name}-{make.core}}}"])
    return document | {"storage": {**make.section("storage"), "url": f"postgresql://u:{reference}@h/d"}}


def bad_secret_file(make: Maker, document: Document) -> Document:
    content = make.rng.choice([b"", f"{make.core}\n{make.core}".encode(), b"\xfe" + make.core.encode(), b"x" * 65_000])
    name = make.rng.choice([make.file(content), "no-such-file", "."])
    url = "postgresql://u@h/d"
    if make.rng.random() < 0.3:  # a good file, and a password in the address as well
        name, url = make.file(make.core.encode()), f"postgresql://u:{make.secret()}@h/d"
    return document | {"storage": {**make.section("storage"), "url": url, "passwordFile": name}}


DAMAGES: tuple[Callable[[Maker, Document], Document], ...] = (
    unknown_key, missing, wrong_type, wrong_word, wrong_for_the_tier, empty, bad_address, bad_reference,
    bad_secret_file,
)  # fmt: skip


def broken_text(make: Maker, text: str) -> bytes:
    """Return what is no document at all."""
    middle = make.rng.randrange(1, len(text) - 2)
    choices: list[bytes] = [
        text[:middle].encode(), text.replace(":", "", 1).encode(), (text.rstrip()[:-1] + ",}").encode(),
        text.replace("{", "{ // a remark\n", 1).encode(), text.encode("utf-16"), b"\xff" + text.encode(),
        ("[" * 3000).encode(), f"[{json.dumps(make.text())}]".encode(), b"", b"null",
        f'{{"url": {json.dumps(make.text())}, "url": 1}}'.encode(),
        f'{{"a": NaN, "b": {json.dumps(make.text())}}}'.encode(),
        f'{{"a": "\\ud800", "b": {json.dumps(make.text())}}}'.encode(), f"password={make.core}".encode(),
        (text + "\0").encode(), text.encode() + b" " * 1_000_001 if make.rng.random() < 0.05 else b"{",
    ]  # fmt: skip
    return make.rng.choice(choices)


def make_bad(seed: int, folder: Path) -> Bad:
    """Return the bad configuration of this number; the same number gives the same one."""
    rng = random.Random(seed)
    core = "".join(rng.choices(string.ascii_letters + string.digits, k=10)) + "7Q"
    make = Maker(rng, folder, core, {"MOSAIC_PG_PASSWORD": core, "MOSAIC_VALKEY_PASSWORD": core, "APP_SECRET": core})
    document: Document = copy.deepcopy(rng.choice(DEFAULTS))
    for _ in range(rng.randrange(3)):
        place = rng.choice(["storage", "queue", "memory"])
        if isinstance(document.get(place), dict):
            document[place][rng.choice(KEYS)] = make.junk()
    damage = rng.choice(DAMAGES)
    document = damage(make, document)
    text = json.dumps(document, indent=rng.choice([None, 1, 2]), ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.15:
        return Bad(broken_text(make, text), make.environ, core, "broken_text", has_path=False)
    return Bad(text.encode(), make.environ, core, damage.__name__, has_path=True)
