"""Choose the particle after a number that is known only once the book is built.

"그림 2.2" takes 와, "그림 2.3" takes 과. An author writes any form of the pair
(을, 를, 을(를), ...) right after a reference or a glued value, with at most a
percent sign between, and the form that the reading of the text asks for
replaces it. Where the reading is unknown (Latin letters), it stays as written.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

# After a final consonant, after a vowel.
PAIRS = [("으로", "로"), ("을", "를"), ("이", "가"), ("은", "는"), ("과", "와")]
FORMS = {form: (a, b) for a, b in PAIRS for form in (a, b, f"{a}({b})", f"{b}({a})", f"{a}/{b}", f"{b}/{a}")} | {
    "(으)로": PAIRS[0]
}
# A final 0 is read 영, 십, 백, 천 or 만: for the particle all the same.
DIGITS = "영일이삼사오육칠팔구"
NO_FINAL, RIEUL = 0, 8

# Particles that may follow a particle; any other Hangul makes another word of it.
TAIL = r"(?=(?:는|도|만|의|서|써|서는|써는|부터)?(?![가-힣]))"
ALTERNATIVES = "|".join(map(re.escape, sorted(FORMS, key=len, reverse=True)))
LEADING = re.compile(rf"(\s?%p?)?({ALTERNATIVES}){TAIL}")


def final_consonant(text: str) -> int | None:
    """Index of the last syllable's final consonant as read; None if unknown."""
    text = text.rstrip(" )]}」』”’\"'")
    if re.search(r"%p?$", text):
        return NO_FINAL
    last = text[-1:]
    syllable = DIGITS[int(last)] if last.isascii() and last.isdigit() else last
    return (ord(syllable) - 0xAC00) % 28 if "가" <= syllable <= "힣" else None


def particle(text: str, written: str) -> str:
    """Return the form of the particle ``written`` that belongs after ``text``."""
    final = final_consonant(text)
    if final is None:
        return written
    closed, open_ = FORMS[written]
    takes_open = final == NO_FINAL or (closed == "으로" and final == RIEUL)
    return open_ if takes_open else closed


def is_computed(node: nodes.Node | None) -> bool:
    """Whether a node holds a resolved reference or a glued value. Of "망 [28]과" only 망 is read aloud."""
    if not isinstance(node, nodes.Element) or re.fullmatch(r"\[\d+(, \d+)*\]", node.astext()):
        return False
    return any(
        isinstance(child, nodes.reference) or "pasted-text" in child.get("classes", ())
        for child in node.findall(nodes.Element)
    )


class Particles(SphinxPostTransform):
    default_priority = 500  # after references and glue are resolved

    def run(self, **kwargs):
        for reference in self.document.findall(nodes.reference):
            # One format serves all levels: a number with a dot is a section (절).
            if re.fullmatch(r"\d+(\.\d+)+장", reference.astext()):
                text = next(reference.findall(nodes.Text))
                text.parent.replace(text, nodes.Text(text[:-1] + "절"))
        for text in list(self.document.findall(nodes.Text)):
            if text.parent is None:  # left over where the theme shortens a link
                continue
            before = text.parent.children[: text.parent.index(text)]
            match = LEADING.match(text)
            if match and before and is_computed(before[-1]):
                unit, written = match[1] or "", match[2]
                right = particle(before[-1].astext() + unit, written)
                text.parent.replace(text, nodes.Text(unit + right + text[match.end() :]))


def setup(app):
    app.add_post_transform(Particles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
