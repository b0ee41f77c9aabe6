"""How replies end around a claim, in many languages: one value instead of another, a check after it, a word that takes it back."""

from __future__ import annotations

import re

_VALUE = r"[*$\\(]{0,3}-?[0-9][0-9.,/]*[0-9]?[*$\\)%°€]{0,3}"
_CONTRAST = re.compile(  # "isn't 32 but 64"
    rf"(?i)(\b(?:is|are|was|were))(?: not|n['’]t) {_VALUE}(?: [a-z]+)?,? but (?:rather |instead )?(?={_VALUE})"
    rf"|(\b(?:ist|sind|beträgt)) nicht {_VALUE},? sondern (?={_VALUE})|\bn['’](est) pas {_VALUE},? mais (?={_VALUE})"
    rf"|\bno (es|son) {_VALUE},? sino (?={_VALUE})|不(是){_VALUE}[，,]?而是(?={_VALUE})|\bnon (è) {_VALUE},? ma (?={_VALUE})"
    rf"|\bnão (é) {_VALUE},? mas (?:sim )?(?={_VALUE})"
)
_CHECK = re.compile(
    r"(?is)\n[ \t]*(?:[(]|\*\*|#{1,4} ?)?(?:check(?:ing)?|quick check|sanity check|verification|verify|probe|vérification|comprobación|"
    r"verificação|verifica|проверка|检验|验算|検算|검산)(?:\*\*)?[ \t]*[:：](?P<said>.*)\Z"
)
_FAILS = re.compile(
    r"(?i)\b(?:not|wrong|incorrect|false|fails?|failed|but|however|should|instead|mistake|error|off|contradict\w*|neither|never|nicht|falsch"
    r"|faux|falso|errado|no)\b|n['’]t\b|[≠✗✘❌×]\s*$|❌|✗|✘|不|错|误|誤|違|틀|아니|не\b|неверно"
)
_REMARK = re.compile(r"(?i)\s*\(?(?:\*+)?a (?:common|typical|frequent) (?:mistake|error|slip) (?:is|would be) to [^.\n]{1,120}[.]?\)?\s*\Z")
_SMILES = re.compile("[\\s\u2600-\u2604\u2606-\u2712\u2714-\u274b\u2753-\u27bf\ufe0f\U0001f300-\U0001faff]+\\Z")
_CROSS = re.compile(r"[\s*_$)}\]]*[.。]?\s*(?:❌|✗|✘|🚫|❎)")
_TAKEN_BACK = re.compile(  # sentences that take back what stands before them
    r"(?i)等等|等一下|不对|不對|搞错|算错|弄错|我错了|漏掉|漏了|待って|間違え|間違い(?:です|でし)|잠깐|아니[,.]|틀렸|실수|стойте|подожд|нет,|ошиб|неверн"
    r"|\b(?:moment mal|halt,|stimmt nicht|das ist falsch|ich habe (?:mich )?\w{0,12}(?: \w+)? (?:vergessen|verrechnet|geirrt)|irrtum"
    r"|attendez|je me (?:suis )?tromp\w*|c['’]est faux|j['’]ai oublié|espera\b|me equivoqu\w+|está mal|es incorrect\w|olvidé|esper[ae]\b"
    r"|me enganei|está errad\w|esqueci|aspetta|mi sono sbagliat\w|è sbagliat\w|ho dimenticato)"
)
_ERRATUM = re.compile(
    r"(?i)(?:\n|^)[ \t]*(?:[*_#]{1,4})?(?:edit|erratum|correction|corrigendum|corrected (?:answer|result)"
    r"|korrektur|corrección|修正|更正)[*_]{0,3}[ \t]*[:：]"
)
UNDECIDED = re.compile(  # a reply that ends with several cases
    r"(?i)\b(?:(?:are|were|is) not (?:told|said|given|known|stated) (?:which|whether)|(?:cannot|can['’]t"
    r"|could not) (?:tell|say|know) (?:which|whether)"
    r"|(?:depends on|unclear|not clear) which (?:case|of)|we are not told)\b[^.\n]{0,60}[.!]?\s*\Z"
)
_TOO_LONG, _NEAR = 4_000, 300  # characters after a claim
_MONEY = r"(?=\s?(?:€|EUR\b|[Ee]uros?\b|zł\b|₺))"
_POINTS = re.compile(rf"(?<![\d.,])([0-9]{{1,3}}(?:\.[0-9]{{3}})+)(?![\d.]){_MONEY}")
_COMMA = re.compile(rf"(?<![\d.,])([0-9]{{1,3}}(?:\.[0-9]{{3}})+|[0-9]{{1,9}}),([0-9]{{2}}){_MONEY}")


def settled(text: str) -> str:
    """The text with one value where it says that it is not another but this one."""
    text = _with_points(text) if "€" in text or "uro" in text or "EUR" in text or "zł" in text or "₺" in text else text
    if not ("but" in text or "sondern" in text or "mais" in text or "sino" in text or "而是" in text or " ma " in text or "mas " in text):
        return text
    return _CONTRAST.sub(lambda found: f"{next(filter(None, found.groups()))} ", text)


def _with_points(text: str) -> str:
    """Amounts of money with a comma for the point, 1.250,50 €, as 1250.50; with points for thousands where several amounts have them."""
    text, changed = _COMMA.subn(lambda found: f"{found[1].replace('.', '')}.{found[2]}", text)
    if changed or len(set(_POINTS.findall(text))) > 1:
        return _POINTS.sub(lambda found: found[1].replace(".", ""), text)
    return text


def without_check(text: str) -> str | None:
    """A reply that marks no claim without the check, the teaching remark and the signs that it ends with; `None` where its check fails."""
    text = _SMILES.sub("", _REMARK.sub("", text.rstrip())) if len(text) < _TOO_LONG else text
    if found := _CHECK.search(text, max(0, len(text) - _TOO_LONG)):
        return None if _FAILS.search(found["said"]) else text[: found.start()]
    return text


def revoked(said: str, rest: str) -> bool:
    """Whether what follows a claim crosses it out, calls it wrong by name, corrects it in a note, or takes it back in another language."""
    if len(rest) < 2:
        return False
    rest = rest[:_TOO_LONG]
    if _CROSS.match(rest) or _TAKEN_BACK.search(rest, 0, _NEAR) or _ERRATUM.search(rest):
        return True
    name = said.strip(" $*().")
    return (
        0 < len(name) <= 40
        and name in rest
        and (
            re.search(
                rf"(?i)(?<![\w.,]){re.escape(name)}[$*\s)]*(?:is|was|must be|cannot be|can['’]t be) "
                r"(?:\w+ly )?(?:wrong|incorrect|false|too|impossible|not|right\?)(?! .{0,40}\bbecause of)",
                rest,
            )
            is not None
        )
    )
