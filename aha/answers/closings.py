"""How replies end around a claim, in many languages: one value instead of another, a check after it, a word that takes it back."""

from __future__ import annotations

import re
import unicodedata

from aha.answers.context import suspect
from aha.answers.grammar import kinds
from aha.answers.units import known_unit

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
    r"|(?:depends on|unclear|not clear) which (?:case|of)|we are not told|(?:would )?need (?:more|further) (?:data|information|details))"
    r"\b[^.\n]{0,60}[.!]?\s*\Z"
)
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"(?![0-9])\d|(?<=\d)[٫٬](?=\d)")
_CORRECTS = (  # words that correct what was said, in other languages than English
    r"(?:anzi|aspetta|espera|en realidad|mejor dicho|en fait|attends|(?:ou )?plutôt|besser gesagt|genauer gesagt"
    r"|doch nicht|вернее|точнее"
    r"|na verdade|ou melhor|eigenlijk|właściwie|aslında|à vrai dire|(?:nein|нет|nee|hayır|no|não|non|nie|pardon|perdón|scusa)(?=[,:.!…—–]))"
)
_CORRECTED = re.compile(rf"(?i)(?:[.,;!?\n—–-]|\.\.\.)\s*{_CORRECTS}\b(?:[\s,.:;!…—–]+{_CORRECTS}\b)*(?P<said>[^.!?\n]{{0,60}})")
_INSTEAD = re.compile(rf"(?i)[\s,.:;!…—–]*(?:(?:è|es|son|ist|sind|c['’]est|est|это|é|são|sono|het is|to)\s+)?(?P<said>{_VALUE})\W*\Z")
_CLOSES_AFTER = re.compile(
    r"\n[ \t]*\n\s*(?=(?:[*_]{1,2})?(?:So|Thus|Hence|Therefore|In total|Altogether|Also|Insgesamt|Donc|Ainsi|Así que)\b)"
)
_THINKS = re.compile(
    r"(?i)\b(?:glaubt|denkt|meint|vermutet|behauptet|(?<!je )pense|(?<!je )crois?t|cree|piensa|(?<!eu )acha|pensa|crede|dice"
    r"|думает|считает|myśli|sądzi)\b"
    r"[^.!?\n]*\Z"
)
_SUPPOSED = re.compile(
    r"(?i)\b(?:(?:in|under) (?:that|this|which|such an?|these|those) (?:cases?|scenario|assumptions?"
    r"|conditions?|circumstances)|if so|otherwise)\b"
    r"[^.\n]*\bwould\b[^.\n]*\Z"
)
_TOO_LONG, _NEAR = 4_000, 300  # characters after a claim
_MONEY = r"(?=\s?(?:€|EUR\b|[Ee]uros?\b|zł\b|₺))"
_POINTS = re.compile(rf"(?<![\d.,])([0-9]{{1,3}}(?:\.[0-9]{{3}})+)(?![\d.]){_MONEY}")
_COMMA = re.compile(rf"(?<![\d.,])([0-9]{{1,3}}(?:\.[0-9]{{3}})+|[0-9]{{1,9}}),([0-9]{{2}}){_MONEY}")


def settled(text: str) -> str:
    """The text with one value where it says that it is not another but this one."""
    text = _DIGIT.sub(_in_ascii, text) if not text.isascii() and _LETTER.search(text) else text
    text = _with_points(text) if "€" in text or "uro" in text or "EUR" in text or "zł" in text or "₺" in text else text
    if not ("but" in text or "sondern" in text or "mais" in text or "sino" in text or "而是" in text or " ma " in text or "mas " in text):
        return text
    return _CONTRAST.sub(lambda found: f"{next(filter(None, found.groups()))} ", text)


def _in_ascii(found: re.Match[str]) -> str:
    """A digit of any script, or the point between such digits, as in 0.5."""
    return "." if found.group() == "٫" else "" if found.group() == "٬" else str(unicodedata.decimal(found.group()))


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
        checked, *closing = _CLOSES_AFTER.split(found["said"], maxsplit=1)
        if _FAILS.search(checked):
            return None
        return f"{text[: found.start()]}\n\n{closing[0]}" if closing and re.search("[0-9]", closing[0]) else text[: found.start()]
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


def supposed(head: str) -> bool:
    """Whether the sentence that leads to a claim says what would be in the case before it, or in another language what somebody thinks."""
    return _SUPPOSED.search(head) is not None or _THINKS.search(head) is not None


def corrected_to(rest: str) -> str | None:
    """What another language's "no, rather" puts in the place of a claim: a value, "" where it is not plain which, `None` without one."""
    corrections = list(_CORRECTED.finditer(rest[:_NEAR]))
    if not corrections:
        return None
    instead = _INSTEAD.match(corrections[-1]["said"])
    return instead["said"] if instead else ""


# --- sentences of other languages -------------------------------------------------------------------------------------

_HAVE = (  # verbs of having, needing, costing, paying, being left
    r"(?:hat|ma|ha)(?:\s(?:sie|er|es|man|jetzt|nun|noch|also|insgesamt|teraz|ora|ancora))?(?=\s[*\\$€]{0,4}[0-9])|haben|braucht|brauchen|benötigt|benötigen|zahlt|zahlen|bezahlt|kostet|kosten|bleiben|bleibt|verdient|bekommt|erhält"
    r"|verkauft|kauft|isst|sind es"
    r"|tienen?|pagan?|quedan?|necesitan?|cuestan?|ganan?|gastan?|recibe|hay|vende|compra"
    r"|(?:il|elle|on|qui) (?:en |y |lui )?a|ont|paie(?:nt)?|paye(?:nt)?|restent?|faut|coûte(?:nt)?|gagne(?:nt)?|dépense|reçoit|il y a"
    r"|hanno|pagano|resta|restano|rimangono|costa|costano|servono|guadagna|spende|riceve|sono|ci sono"
    r"|tem|têm|paga|pagam|restam?|sobram?|precisa|precisam|custa|custam|ganha|gasta|há|são"
    r"|heeft|hebben|betaalt|betalen|kost|verdient|nodig heeft|krijgt|blijven er"
    r"|имеет|имеют|осталось|останется|остаётся|остается|нужно|потребуется|заплатит|платит|заплатил[аи]?|стоит|стоят|получит|получил[аи]?|всего"
    r"|mają|zapłaci|płaci|zostało|zostanie|potrzebuje|kosztuje|zarabia|kosztują"
    r"|memiliki|punya|membayar|membutuhkan|tersisa|analipa|anahitaji|anapata|còn(?: lại)?|có|cần|phải trả|trả"
)
_LATIN_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
_COUNTED = r"(?P<count>\*{0,2}\\?[$€£₹]?-?[0-9](?:[0-9.,]*[0-9])?(?:\s?(?:€|\\?%))?\*{0,2})"
_OTHER_SENTENCE = re.compile(
    rf"(?i)\s*[*_]{{0,2}}(?:{_LATIN_WORD},?\s){{0,7}}?(?:{_HAVE})\s(?:{_LATIN_WORD}\s){{0,3}}?{_COUNTED}"
    rf"(?P<noun>(?:\s{_LATIN_WORD}){{0,4}})[*_]{{0,2}}\s*[.!]?\s*\Z"
)
_TURKISH = re.compile(
    rf"(?i)\s*(?:{_LATIN_WORD},?\s){{0,5}}?{_COUNTED}(?P<noun>(?:\s{_LATIN_WORD}){{1,3}})\s(?:kaldı|kalır|var|vardır|öder|ödedi|gerekir)[.!]?\s*\Z"
)
_JAPANESE = re.compile(
    rf"(?:[^0-9。\n]{{0,12}}[、,は])?(?:全部で|合計で?|合わせて|残りは)\s?{_COUNTED}\s?(?P<noun>[個人本枚円冊匹台回歳分日時間つ]{{0,2}})(?:です|になります|となります|だ|である)[。.]?\s*\Z"
)
_THAI = re.compile(
    rf"\s*[\u0e00-\u0e7f ]{{0,40}}?(?:เหลือ|มี|จ่าย|ต้องการ|ทั้งหมด|ใช้เวลา)\s?{_COUNTED}(?P<noun>\s?[\u0e00-\u0e7f]{{0,12}})[.]?\s*\Z"
)
_THAI_TAKES_AWAY = re.compile("ไม่|อย่าง|ประมาณ|เกือบ|ถ้า|หาก|กว่า|ครึ่ง|ล้าน|พัน|หมื่น|แสน|ร้อย|เท่า|อาจ|คิดว่า|บอกว่า|สมมติ|เปอร์|ผิด|หรือ|และ|เกิน")
_NO_SENTENCE = re.compile(  # denials, bounds, conditions, opinions, comparisons, scales and parts of other languages, and words of English
    r"(?i)(?<![^\W_])(?:the|was|were|of|his|would|is|are|has|have|had|than|with|for|by|if|not|never|it"
    r"|nicht|nie|niemals|kein\w*|mindestens|höchstens|etwa|ungefähr|circa|ca|rund|fast|knapp|beinahe|über|unter|bis|zu|wenn|falls|ob|würde|hätte|wäre|könnte|vielleicht"
    r"|wohl|angeblich|fälschlich\w*|falsch\w*|glaubt|denkt|meint|sagt|behauptet|dass|mehr|weniger|mal|halb\w*|prozent|tausend|million\w*|milli\w*|dutzend|statt|naiv\w*"
    r"|noch zu|zunächst|erst|ohne|jemand|mancher|manche|hundert|oder|als|je|pro|wäre|welche\w*|wie|wer|was|zwischen|plus|minus|soviel\w*"
    r"|ne|pas|jamais|aucune?|moins|presque|environ|près|si|peut-être|pense|dit|croit|que|qu['’]\w+|fois|demi\w*|pour|cent|mille|ou|entre|quand|serait|aurait|faux|fausse|sans"
    r"|n['’]\w+|d['’]abord|selon|sinon|quel\w*|combien|certains"
    r"|no|nunca|ningun\w*|ningún|menos|máximo|mínimo|casi|aproximadamente|unos|unas|cerca|más|dice|cree|piensa|quizás?|tal|vez|veces|ciento|mil|medi[oa]|hasta|sobre|cuando|tendría"
    r"|sería|falso|sin|según|cuánt\w+|mitad|algunos|cada|primero"
    r"|não|nunca|nenhum\w*|quase|mais|diz|acha|pensa|talvez|vezes|cento|milhões|milhão|meia|meio|até|se|quando|teria|seria|errado|sem|segundo|quant\w+|metade"
    r"|non|mai|nessun\w*|almeno|meno|massimo|quasi|circa|più|dice|crede|forse|volte|percento|mila|mezz[oa]|fino|che|avrebbe|sarebbe|falso|senza|secondo|quando|metà"
    r"|niet|geen|nooit|minstens|hoogstens|ongeveer|bijna|als|misschien|zegt|denkt|meer|minder|keer|procent|duizend|half|halve|zonder|zou|tussen|maar|of|dan|tot"
    r"|не|нет|ни|никогда|минимум|максимум|около|почти|примерно|более|менее|больше|меньше|если|бы|может|возможно|думает|говорит|считает|что|раза?|процент\w*|тысяч\w*|тыс"
    r"|миллион\w*|млн|половин\w*|полтор\w*|без|или|до|от|свыше|якобы|сначала|на|чем|сколько|ошибочно|неверно|миллиард\w*|млрд|сот\w*|дюжин\w*|десятк\w*"
    r"|nie|nigdy|co|najmniej|najwyżej|około|prawie|jeśli|gdyby|może|mówi|myśli|więcej|mniej|razy|tysi\w+|milion\w*|pół|bez|lub|albo|niż|żeby|by"
    r"|değil|en az|en çok|en fazla|yaklaşık|eğer|belki|kat|milyon|bin|yarım|yüzde|az|fazla|çok|daha|yok|neredeyse"
    r"|không|chưa|ít|nhất|khoảng|gần|nếu|có thể|hơn|lần|nghìn|triệu|phần|trăm|nửa|hoặc|tối|dưới|trên|rằng|nghĩ"
    r"|tidak|bukan|tanpa|minimal|maksimal|paling|sekitar|hampir|kira-kira|jika|kalau|mungkin|lebih|kurang|kali|persen|ribu|juta|setengah|atau|bahwa|belum"
    r"|si|sio|angalau|karibu|kama|labda|zaidi|mara|asilimia|elfu|milioni|nusu|hana|hawana|haitaji)(?![^\W_])"
)
_JOINS_NOUNS = re.compile(r"(?i)(?<![^\W_])(?:und|et|y|e|ed|en|и|i|ve|và|dan|na|sowie|aber|mais|pero|mas|ma|но|ale)(?![^\W_])")


def _plain_sentence(sentence: str) -> re.Match[str] | None:
    """A sentence of another language that says with a verb of having how many there are, and nothing else."""
    if found := _OTHER_SENTENCE.match(sentence) or _TURKISH.match(sentence):
        words = f"{sentence[: found.start('count')]} {sentence[found.end('count') :]}"
        return None if _NO_SENTENCE.search(words) or _JOINS_NOUNS.search(found["noun"]) or "?" in sentence else found
    found = _JAPANESE.match(sentence) or _THAI.match(sentence)
    return None if found and _THAI_TAKES_AWAY.search(sentence) else found


_NAMED_COUNT = re.compile(rf"\s*{_COUNTED}(?P<noun>(?:\s[\u0370-\u04ff]+){{1,2}})[*_]{{0,2}}\s*[.!]?\s*\Z")
_EARNS = re.compile(
    r"\s*(?:So|Thus|Hence|Therefore|In total|Altogether|In the end),? (?:the )?[A-Z]?[a-z]+ (?P<verb>[a-z]+s) "
    r"(?P<count>\*{0,2}\\?\$[0-9](?:[0-9.,]*[0-9])?\*{0,2})"
    r"(?:,? (?:every|each|per|a|in|at|from|on|this|daily|weekly)\b[^.,;:$0-9]*)?[.!]?\s*\Z"
)
_NO_EARNING = re.compile(
    r"(?:guess|estimat|assum|imagin|suppos|predict|doubt|miss|want|hope|bet|den(?:y|ie)|refus|reject|ignor|forget|lack|disput|claim|expect|wish|demand"
    r"|propos|suggest|fear|dream|contest|question|request|adds|subtract|doubl|halv|tripl|exceed|top|approach|near|fak|forg|pretend|confus|mis|inflat|round)\w*"
)


def plainly_counted(sentence: str, *, marked: bool) -> str:
    """The sentence as "The answer is …", where it is a plain one of another language, or says in dollars what somebody gets."""
    earns = _EARNS.match(sentence) if "$" in sentence else None
    if earns and kinds(earns["verb"]) in ("s", "n", "b") and not (_NO_EARNING.match(earns["verb"]) or suspect(sentence)):
        return f"The answer is {earns['count']}"
    found = _NAMED_COUNT.match(sentence) if marked else _plain_sentence(sentence)
    if found is None or (marked and _NO_SENTENCE.search(found["noun"])) or (marked and _JOINS_NOUNS.search(found["noun"])):
        return sentence
    noun = found["noun"].split()
    return f"The answer is {found['count']}{f' {noun[0]}' if noun and noun[0].isascii() and known_unit(noun[0]) else ''}"


_LEADS_ON = re.compile(
    r"(?i)(?:.*[.!?\n,;]\s*)?(?:donc|also|daher|somit|por tanto|por lo tanto|portanto"
    r"|quindi|dunque|dus|значит|więc|d['’]où)\s\$[a-zA-Z]\s*=\s*\Z",
    re.S,
)
_SENTENCE_BEFORE = re.compile(r"[^.!?\n]*\Z")


def in_plain_words(text: str, start: int, end: int) -> bool:
    """Whether a box stands in a sentence of another language that plainly states it."""
    head = text[max(0, start - _NEAR) : start]
    sentence = _SENTENCE_BEFORE.search(head)
    stated = sentence.group() if sentence else head
    rest = re.split(r"[.!?\n]", text[end : end + _NEAR], maxsplit=1)[0]
    if _NO_SENTENCE.search(stated) or _NO_SENTENCE.search(rest) or suspect(stated) or suspect(rest):
        return False
    if _LEADS_ON.match(stated):
        return not rest.strip(" $*)\\,}")
    return _plain_sentence(f"{stated.rstrip(' $')} 7{re.sub(r'^[$ ]+', ' ', rest)}") is not None


_FORMULAS = re.compile(r"\s*(?:(?:\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|[-+*/=·×÷0-9()])[.,\s✓✔✅]*)+")
_OTHER_CHECK = re.compile(
    r"(?i)\s*[.$*)\\]*\s*\n\s*[*_]{0,2}(?:vérification|probe|comprobación|verificação|verifica|проверка|controle|sprawdzenie|kontrol)[*_]{0,2}\s?[:：][*_]{0,2}(?P<said>[^\n]*)\Z"
)


def without_other_check(rest: str) -> str:
    """What follows a claim, without a check in another language that is nothing but formulas."""
    found = _OTHER_CHECK.match(rest)
    return "" if found and _FORMULAS.fullmatch(found["said"]) and not re.search(r"\\ne|≠", found["said"]) else rest
