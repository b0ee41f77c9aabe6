"""Word lists for reading claims: numerals, operations, comparisons and denials, which are never the noun after a number; and words that may
stand beside a claim: verbs that lead to it, nouns and adjectives that name it, comments on it.

Verbs are listed in their plain form; regular forms are recognized by their endings. The lists come from solutions by people and models
(MATH, AIME, GSM8K, MGSM). A word on no list may only be among the words that say whose number it is (`aha/answers/grammar.py`)."""

from __future__ import annotations

import re

from aha.answers.languages import ENGLISH, LANGUAGES
from aha.lazy import lazy_pattern

SCALES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
    "score": 20,
    "lakh": 10**5,
    "crore": 10**7,
}
PARTS = {
    "half": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
    "twelfth": 12,
    "hundredth": 100,
    "thousandth": 1000,
    "millionth": 10**6,
}
SCALE = "|".join(
    (
        *(f"{name}s?" for name in SCALES),
        *(f"{name}s?" for name in PARTS if name not in ("half", "third", "fourth")),
        "halves",
        "thirds",
        "fourths",
    )
)

SUSPECT = frozenset(
    (
        "least most more less fewer greater larger smaller higher lower above below over under than except unless "
        "without almost nearly not never "
        "cannot neither nor none wrong incorrect false between through till until versus vs either otherwise maybe "
        "perhaps possibly probably plus "
        "oder squared cubed factorial choose divided multiplied twice double triple thrice modulo "
        "doubt disagree deny no nicht kein keine pas não half thirds millionen milliarden millones milliards mille "
        "promille zillion if january february march april june july august september october november december "
        "mindestens höchstens fast beinahe ungefähr etwa circa weniger mehr kaum moins environ presque menos "
        "casi más mais quase almeno quasi "
        "milioni juta ribu ratus puluh triệu nghìn ngàn elfu laki bin milyon tysięcy tysiące milionów mil millón mila milhões "
        "duizend miljoen tausend tusen milj salah sai salado sbagliato falso faux falsch yanlış błędna źle mal zaidi "
        "minstens hoogstens bijna тысяч тысячи тыс миллион миллионов млн млрд не менее более почти около"
    ).split()
)
ENGLISH_TOO = (
    "cent cents miles quart falls minus premier robo rond hana kali kama mara kira laut maar lusin tort mult fois tiers halve hier halb"
)
AGAINST = frozenset(  # words of at least four letters that take a number away, as in "36 lira fazla", and are no English words
    word for language in LANGUAGES.values() for word in language.against.split() if len(word) >= 4 and "*" not in word
).difference(ENGLISH_TOO.split(), ENGLISH)
SAYS_MORE = lazy_pattern(
    rf"(?i)\b(?:{'|'.join(sorted(SUSPECT))}|to(?=[\s$\\(*]*(?:[-−]?[0-9]|(?:one|two|three|four|five|six|ten|twelve|a hundred)\b))"
    r"|or|too [a-z]+|times (?:one|two|three|ten|[0-9])|(?:any|every)thing but|and (?:above"
    rf"|up|below|an? (?:half|third|quarter)))\b|n['’]t\b|"
    rf"[-–—]{{2}}|[不非‰]|아니|아닙|❌|✗|✘|नहीं|ไม่|కాదు|নয়|নয়|ليس|không|değil|이상|이하|미만|초과|ではありません|ではない|じゃない|大于|小于|多于|少于|未満|至少|至多|最多|最少|顶多|起码|不足|接近|以上|以下|超过|大约|大概|差不多|将近|几乎|不到|左右"
)


IS = (  # forms of to be
    "is are was were be been being am"
)

UPHOLDS = (  # verbs that may also follow a claim
    "equal agree match complete conclude confirm prove show verify check follow satisfy work hold make made come came correspond use "
    "simplify represent occur happen finish end give mean has have had having seem fit remain belong lie lies differs"
)

SOLVES = (  # verbs of a solver or a calculation
    "give gave given yield get got gotten obtain find found produce lead led result deduce deliver return reach arrive conclude see saw "
    "seen compute calculate derive determine imply mean show shown reveal count solve answer write wrote written express assign accept "
    "choose chose pick select set put mark call go meant"
)

VERBS = (  # verbs of quantities and of people in problems
    "amount total number measure sum add evaluate reduce collapse shrink turn boil stay become became range cost weigh last contain "
    "diverge comprise include form constitute denote factor factorize telescope converge tend read stand rise rose fall fell climb drop "
    "goes went grow grew run ran meet intersect pass require approximate leave left force know known recover let pick expand differentiate "
    "integrate need want take took taken buy bought sell sold pay paid spend spent save earn owe own lose lost win won keep kept held "
    "carry bring brought send sent receive eat ate eaten drink drank drunk cook bake build built type print draw drew drawn paint plant "
    "grown collect gather catch caught walk ride rode drive drove driven fly flew swim swam travel cover hike jog cycle jump throw "
    "threw score hit play watch visit attend invite serve seat feed fed accommodate charge deposit withdraw withdrew borrow lend lent "
    "donate contribute raise invest share split distribute load pack fill pour wash iron fold clean mow rake shovel dig dug cut chop "
    "slice peel sew knit wrap tie wear wore fix repair manufacture create supply provide order purchase download upload store memorize "
    "learn study start begin began do sleep slept live rest practice exercise lift perform teach taught harvest lay laid breed burn "
    "consume generate transport move push pull place arrange gain age accumulate assemble average commute craft gift glue juggle mail "
    "polish rent reserve rotate sharpen shred stack stock trade attain wait sail pluck net fetch house employ hire enroll release "
    "stretch increase decrease subtract multiply divide double halve achieve pocket gross bank clear maximize minimize plot sketch "
    "combine rearrange cross "
    "proceed note notice observe recognize realize recall remember indicate ensure guarantee convert round translate rewrite rewritten "
    "format ask name substitute seek sought speak tell told suppose picked arrive correspond divisible square plug apply construct "
    "capture finish sort host trim strike going look consist reflect justify believe claim think thought hope say said thank expect "
    "enjoy consider define lands there using doing trying testing continuing equating comparing examining clearing isolating shifting "
    "connecting iterating replacing rationalizing correcting labeling removing cubing changing canceling cancelling scaling "
    "manipulating repeating reordering reviewing tackling utilizing inverting relating dilating compressing factorising figuring "
    "dealing restricting generalizing negating bounding extending regrouping eliminating projecting separating settling summarizing "
    "breaking grinding accounting putting letting noting noticing viewing thinking working reading translating building"
)

OF_MONEY = frozenset(  # plain forms of verbs that take an amount of money
    """be is are was were equal have has had make made cost pay paid charge earn receive get got give gave take took need want require
    save spend spent owe raise collect bring brought donate contribute invest lend lent borrow deposit withdraw withdrew bank pocket
    net gross clear fetch sell sold buy bought purchase rent win won lose lost leave left remain total amount come sum add keep kept
    return hand share split yield produce find found obtain put set use reach offer tip average stay become became contain include
    profit gain accumulate achieve attain withhold refund budget""".split()
)

ANSWERS = (  # nouns for an answer
    "answer answers result results value values count total number solution solutions conclusion outcome"
)

QUANTITIES = (  # nouns for what a name stands for
    "sum product difference quotient remainder ratio fraction proportion percentage percent probability chance expectation average mean "
    "median mode range maximum minimum max min area perimeter volume length width height depth distance radius diameter circumference "
    "angle side slope intercept base hypotenuse diagonal surface speed rate time age weight mass price profit amount sequence series "
    "function polynomial equation vector matrix determinant point midpoint vertex limit derivative integral coefficient discriminant"
)
SUBJECTS = (  # nouns for a calculation and its subject
    "capacity population runtime salary budget "
    f"{QUANTITIES} "
    "term degree root zero factor divisor multiple digit integer prime pair triple set subset interval domain function equation "
    "expression formula identity inequality matrix determinant vector point line graph limit derivative integral constant variable "
    "quantity quantities possibility possibilities way case choice option arrangement combination permutation calculation computation "
    "method approach argument theorem lemma rule law induction symmetry definition substitution simplification elimination "
    "factorization expansion multiplication addition subtraction division algebra arithmetic inspection discriminant denominator "
    "numerator exponent logarithm sine cosine tangent modulus conjugate inverse period frequency amplitude step fact problem question "
    "condition system others left right hand pythagoras pythagorean vieta euler heron cauchy schwarz gauss newton fermat "
    "lagrange pascal cramer simpson bayes stirling wilson stewart ptolemy ceva menelaus descartes archimedes euclid legendre laplace "
    "taylor maclaurin riemann jensen chebyshev bernoulli burnside hooke ohm kepler am gm all everything triangle "
    "circle square rectangle polygon coordinate center midpoint vertex vertices unit cent dollar hour minute meter metre foot feet inch "
    "inches stack group pool pattern list table quadratic asymptote half polynomial coefficient parabola residue word part letter "
    "explanation remark proof verification justification detail source credit reason luck thing"
)

KINDS = (  # adjectives and adverbs that may describe an answer
    "final correct right exact desired required requested wanted sought overall actual numerical numeric whole only unique possible "
    "smallest largest greatest least minimal maximal new same positive negative real common combined resulting remaining last "
    "simplified simplest simple full single main best true entire original corresponding following expected valid distinct different "
    "such exactly precisely just simply clearly now also still already always currently finally ultimately together altogether alone "
    "indeed easily immediately directly readily again obviously evidently certainly definitely surely naturally quickly equally namely "
    "approximately about around roughly consequently accordingly similarly likewise additional extra further another more fewer "
    "corrected revised updated amended principal "
    "surprisingly fortunately conveniently equivalently explicitly "
    "respectively identically eventually merely essentially trivially "
    "necessarily actually really well very even nicely neatly larger smaller greater lesser bigger higher lower shorter longer older "
    "younger fewest closest nearest highest lowest shortest longest most complex odd ordered integral allowable allowed favorable "
    "successful first second third fourth fifth sixth seventh eighth ninth tenth mixed general particular specific good other next own "
    "moreover furthermore otherwise instead here there conversely alternatively lastly secondly latter former grand ergo middle "
    "decimal removed "
    "geometrically graphically algebraically numerically visually hundredth thousandth done yes enough equivalent strictly confident "
    "certain sure clear helpful simultaneously "
    "accurate appropriate suitable fitting correction edit update erratum"
)

POINTS = (  # articles, possessives and quantifiers
    "a an the my our your his her its their each every any all both some none no"
)

LEADS = (  # prepositions that may stand between a verb's object and the claim
    "by at after with in for from on as"
)

LIGHT = (  # prepositions and pronouns
    "us me one you him them he she they there here what how many much not of into up out off down over per within between among through "
    "across along under above after before during until than"
)

# What stands before the letter of an option, in other languages: rows of alternatives of one expression.
RIGHT_ROW = (
    r"richtige?[rs]?|korrekte?[rs]?|zutreffende?|bonne|correcte?|exacte?|juste|corr(?:ett|ect|et)[aoe]s?|giust[ao]|esatt[ao]|cert[ao]|juiste|goede|poprawn[ay]"
    r"|właściw[ay]|prawidłow[ay]|верн\w{2}|правильн\w{2}|doğru|đúng|benar|tepat|betul|rätta?|riktiga?|korrekta|oikea|corect[aă]?|správn[áéý]|सही|الصحيح[ةه]?|ถูกต้อง"
)
OPTION_ROW = (
    r"antwort(?:möglichkeit)?|lösung|option|opción|respuesta|alternativ(?:et|[ae])?|solución|resposta|opção|letra|lettera|risposta|opzione|soluzione|réponse|lettre|choix"
    r"|solution|antwoord|optie|letter|odpowied[źz]|opcj[aąę]|liter[aąę]|ответ(?:а)?|вариант(?:а)?|букв[аы]|cevap|yanıt|şık|seçenek|đáp|án|phương|câu|jawaban(?:nya)?"
    r"|pilihan(?:nya)?|opsi|huruf|svar(?:et)?|vastaus|vaihtoehto|răspuns(?:ul)?|odpověď|možnost|varianta|gabarito|เฉลย|απάντηση|उत्तर|विकल्प|الجواب|الإجابة|الخيار|الحرف"
)
IS_ROW = r"agit|trata|je|ist|lautet|est|es|è|é|is|to|jest|là|adalah|ialah|är|on|este|हैं?|هو|هي|[-–—:]"
SMALL_ROW = (  # articles, prepositions and words that lead to a conclusion
    r"die|der|das|also|daher|somit|folglich|damit|la|le|l['’]|il|lo|el|los|(?-i:[ao]s?|[AO]s?(?=\s[a-z]))|la|de|di|da|du|del|della|het|een|dus|donc|ainsi|alors|c['’]|ce|por|lo"
    r"|tanto|entonces|así|luego|portanto|logo|assim|quindi|pertanto|dunque|więc|zatem|итак|значит|поэтому|следовательно|таким|образом|öyleyse|yani|vậy|do|đó|nên"
    r"|jadi|maka|yang|så|alltså|siis|deci|isto|अतः|इसलिए|तो|إذن|إذًا|لذلك|لذا|ดังนั้น|endgültige|finale?|final|richtigerweise|này|bu|yüzden|nedenle|dolayısıyla|vì|así|que"
)
CHOOSES_ROW = (
    r"debe ser|deve ser|deve essere|doit être|pense|creo|penso|acho|denke|glaube|думаю|bleibt|reste|queda|resta|rimane|blijft|остаётся"
    r"|верно|choisit|choisissons|elegimos"
    r"|wählen|scegliamo|kiezen|wähle|elijo|escojo|escolho|scelgo|choisis|kies|wybieram"
    r"|выбираю|выбираем|seçiyorum|chọn|pilih|väljer|valitsen|aleg"
)
SPEAKER_ROW = r"on|il|se|s['’]|que|che|dass|ich|je|yo|eu|io|ik|я|saya|tôi|jag"
FILLER = lazy_pattern(
    r"(?i)^(?:[\s,:：\"“”'‘>#*→⇒➡️✅☑✔👉]+|=>|-\s(?!\s*[\d.$\\])|(?!(?-i:[A-Z]{2,10})\W*\Z)(?:so|thus|hence|therefore|clearly|definitely|simply|indeed|then|probably|likely"
    r"|most likely|it is|it's|"
    r"it must be|that is|the|correct|right|final|best|answer|options?|choice|letter|is|are|be|i think|i believe|i would say|antwort"
    r"|r[ée]ponse|respuesta|resposta|risposta|ответ|вариант|odpowiedź|cevap|yanıt|opci[óo]n|letra|lettre|buchstabe|donc|also)\b(?!\))(?=\W)|選択肢|보기|선택지|\d번(?=\s?\([A-Z])|所以|因此|故|应该|只有|仅有|选项|应选|选择|选|是|为|は|은|는)+"
)
LINK = (
    r"(?:\s*(?:[,;、/&|~+?∨∧]|\\(?:lor|vee|land|wedge|cup)\b|-+>|→|[-–—](?!\s*[a-z])|\b(?:and|or|nor|then|und|oder|et|ou|y|o|e|to|или|lub|albo|veya|atau|of|eller|hoặc|أو)\b|या|หรือ|か(?=\W*[A-Z])|还是|或者?|和|与|及|または|と"
    r"|또는|혹은|이?나(?=\W*[A-Z])|와|과)\s*)+"
)
CLAUSE_BEFORE = lazy_pattern(
    r"(?i)\A.*(?:,\s(?:so|thus|hence|therefore)\s|\bbut\s"
    r"|(?:므로|니까|아서|어서|고)\s|(?:ので|から|ため|\A[^A-Z]*)[、，])",
    re.S,
)  # A and B contradict it, so
UNSURE = lazy_pattern(r"(?i)(?:\bnot|n['’]t)\s(?:\w+\s)?(?:sure|certain)\b|\bno idea\b|\b(?:wild|random|blind|mere) guess\b")
TURKISH_IS = lazy_pattern(r"(?<=\b[A-Z])['’]d[ıi]r\b")
SPACES = lazy_pattern(r"\\[ ,;:!]")
DEFINES = lazy_pattern(r"[)\]]?\s(?:follows from|denotes|represents|stands for|refers to|implies)\b")
SHARE = lazy_pattern(r"\A[\s*]*\(?\d{1,3}\s?%\)?")
AND = lazy_pattern(r"\s*[,;]\s*(?:and\s+)?|\s+(?:and|und|et|y)\s+")
REFERS = lazy_pattern(r"(?i)\b(?:see|compare|consider|recall|unlike|versus|vs|refer|follows from|above|below)\b")  # see option B
CONCLUDES_ROW = (
    r"also|daher|somit|folglich|deshalb|damit|donc|alors|así que|por (?:lo )?tanto|entonces|luego|portanto|logo|então|quindi|dunque"
    r"|pertanto|więc|zatem|dlatego"
    r"|bu yüzden|bu nedenle|dus|daarom|vì vậy|do đó|nên|jadi|maka|поэтому|значит|следовательно|لذلك|لذا|إذن|इसलिए|अतः"
)
OPENING = lazy_pattern(  # what may stand before a sentence that chooses: In my opinion, B
    r"(?i)\A(?:in my (?:opinion|view|judge?ment)|in (?:summary|conclusion|short|sum|the end)|according to [^,:]{1,80}|as (?:stated|shown"
    r"|explained|noted|discussed|seen|mentioned)"
    r"(?: (?:above|before|earlier))?|to (?:sum up|conclude|summari[sz]e)|with (?:this|that) in mind|(?:since|because|as"
    r"|given that)\s(?!well\b|if\b)[^.;?!\n]{1,200}"
    r"|(?:given|based on|considering) [^,:]{1,80}|after (?:careful|some|much|more|further) [^,:]{1,60}|overall|all in all|finally"
    r"|ultimately|altogether|sure|okay|yes|well|hmm+|right)[,:!]\s"
)
ONLY_BUT = lazy_pattern(  # rules out everything but B; none but B fits
    r"(?i)\b(?:(?:rul(?:es?|ed|ing) out|eliminat\w+|exclud\w+) (?:everything|all(?: options| choices| answers)?|every (?:option|choice"
    r"|answer)) (?:except|but|other than|besides)"
    r" (?:for )?(?:option )?[(]?(?-i:([A-Z]))\b[)]?(?=\W*\Z)|(?:none|nothing|no (?:other )?(?:option|choice|answer|one)) (?:except|but"
    r"|other than|besides) (?:option )?[(]?(?-i:([A-Z]))\b[)]?"
    r" (?:fits?|works?|remains?|satisf\w+|holds?|is (?:left|right|correct|possible))\b)"
)
BUT = lazy_pattern(
    r"(?i)\b(all|every(?:thing| option)?|none|nothing)\b[^.\n]{0,30}?\b(?:except|but|other than|besides)\b\s*(?:for\s+)?(?:option\s+)?"
    r"[(\[<{\"'“”‘’*_ ]*(?-i:([A-Z]))\b[)\]>}\"'“”‘’*_ ]*\s*(?:is|are|was|were)\s+(?:all\s+)?(wrong|incorrect|false|impossible|right"
    r"|correct|true|possible)\b"
)
ALSO = lazy_pattern(
    r"(?-i:\b([A-Z]))\b\s*(?:is|are|could be|may be|might be|would be)\s+(?:also|equally|both)\s+(?:correct|right|possible|true|valid)",
    re.I,
)
HEDGE = lazy_pattern(
    r"(?i)\bor (?:maybe|perhaps|possibly|it (?:could|might))\b|\bbut (?:it )?(?:might|may|could)(?: also)? be\b"
    r"|\bif \w+ is\b|\binstead of\s*\Z"
)
_OPEN, _CLOSE = r"[(\[<{\"'“”‘’«「*_ ]*", r"[)\]>}\"'“”‘’»」*_ ]*"
ADDED_LETTER = lazy_pattern(  # C) cow and I
    r"(?<=[a-z]{2})[)\]\"'”’*]*(?:,?\s(?:and|or|&|und|oder|et|ou|y|o|e)\s|\s?[/&+|]\s?|\s?[和或]\s?)"
    rf"{_OPEN}([A-Z]){_CLOSE}\.?\s*\Z"
)
WORD_AFTER = lazy_pattern(
    r"\s+(?!(?:or|and|is|nor|are|because|since|as|but|then|was|being|instead|rather|not|over|only|too|also"
    r"|satisfies|meets|fulfils|matches|qualifies|passes|obeys|agrees|makes|complies|corresponds|remains|works|fits|holds|survives|can)\b)[a-z]"
)
RULED_OUT = lazy_pattern(  # A, B and D are eliminated.
    r"(?:\A|(?<=[.;!\n]))[ \t]*(?:(?:[Ss]o|[Tt]hus|[Hh]ence|[Ff]irst),?\s)?(?:(?:[Oo]ptions?|[Cc]hoices?|[Aa]nswers?)\s)?\(?[A-J]\)?"
    r"(?:,\s(?:and\s)?\(?[A-J]\)?|\s(?:and|&|or)\s\(?[A-J]\)?)+"
    r"(?:\s(?:are|were|have been|can (?:all |both )?be|must be)\s(?:(?:all|both|thus|therefore|clearly|also)\s)*"
    r"(?:eliminated|ruled out|excluded|wrong|incorrect|false|out|discarded|rejected|impossible|invalid|crossed out|dismissed"
    r"|implausible|not)\b"
    r"|\s(?:all |both )?(?:fail|do not|don['’]t|cannot|can['’]t)\b|:\s(?:no|wrong|false|incorrect)\b)[^.;,!\n]*(?:[.;!\n]|\Z)"
    r"|\b(?i:after|by|having)\s(?i:eliminat|rul|exclud|discard|reject|cross)(?:ing|ed)(?:\sout)?\s(?i:(?:options?|choices?|answers?)\s)?"
    r"\(?[A-J]\)?(?:,\s(?:and\s)?\(?[A-J]\)?|\s(?:and|&|or)\s\(?[A-J]\)?)*,\s"
)
OTHER_THAN_RIGHT = lazy_pattern(  # the least plausible option is
    r"(?i)\b(?:least|worst|weakest|poorest|un(?:likely|true|acceptable)|improbable|implausible"
    r"|(?:my|our) (?:second|third|next)|alternative|(?:second|third|next)[- ]best|one possible)\s(?:[a-z]+\s)?"
    r"(?:options?|choices?|answers?|letters?)\b[^.\n]{0,30}\Z"
)
CLAUSE_END = lazy_pattern(r"(?<=으므로)\s|(?<=니까)\s|(?<=ので)[、,]|(?<=ため)[、,]")
RELATIVE_SUBJECT = lazy_pattern(
    r"(?P<head>the (?:one|option|choice|statement|element|answer|word|item|thing|sentence|pair|figure|substance|animal"
    r"|material)\s(?:that|which|we|whose|who)\s[^.,;:?!]{2,60}?\s)"
    r"(?:is|must be|would be)\s(?:option\s)?\(?(?P<letter>[a-z])\)?"
)
CALLS_RIGHT = lazy_pattern(  # C is the only one that fits; C because it bends
    r"(?i)\s*(?:(?:is|are|must be|would be|should be|has to be|will be|seems?|appears?|looks)\s(?:to be\s)?(?:(?:also|clearly|indeed"
    r"|therefore|thus|definitely|obviously|most|likely|probably|surely|really|simply|hence|so|the|our|my|a|only|very|by far)\s)*"
    r"(?:correct|right|true|answer|best|one|choice|option|it|left|valid|solution|supported|consistent|accurate|appropriate|suitable"
    r"|plausible|likely|possible|fitting|match|what (?:we|is|was|the question)|statement|better|proper|ideal|top|pick|final|true"
    r"|preferred|intended"
    r"|expected|strongest|closest)\b"
    r"|(?:(?:alone|best|also|clearly|perfectly)\s)*(?:matches|fits|satisfies|meets|fulfil+s|works|holds|remains|wins|explains|agrees"
    r"|corresponds|describes|captures|follows|it is|makes sense|stands|applies|qualifies|survives|passes|obeys|is)\b(?!\s(?:from|[a-z]))"
    r"|(?:(?:alone|best|also|clearly|perfectly)\s)*(?:matches|fits|satisfies|meets|fulfil+s|explains|agrees|corresponds|describes"
    r"|captures|is (?:it|left))\b"
    rf"|(?:{IS_ROW})\s(?:(?:{SMALL_ROW})\s)*(?:{OPTION_ROW}|{RIGHT_ROW})(?![^\W_])"
    r"|(?:passt|stimmt|convient|corresponde|encaja|подходит|верно|pasuje)\b(?!\s(?:nicht|pas|no|не|nie)\b)"
    r"|(?:because|since|as(?!\s(?:well|opposed))|for|due|given|where|which|and|or|but|not|rather|instead|only(?! (?:partly|part|some"
    r"|half)\b)|over|then|final|it is|my"
    r"|our|has the|have the)\b)"
)
RETRACTION = lazy_pattern(
    r"(?i)(?:[.!?;,\n—–]\s*)(?:(?:actually|wait|no|correction|sorry|oops|hmm|on second thoughts?|rather|scratch that|but)\b"
    r"[,.:!\s—–-]{0,9}){1,5}"
    r"(?:(?:it(?:'s|’s| is| should be| must be)|the (?:\w+ )?answer (?:is|should be|must be)|i meant?|make (?:it|that))\b[:\s]{0,9}|)"
)
SPELLING = lazy_pattern(r"(?i)\b(?:starts?|begins?|ends?|contains?|rhymes)\s(?:with|in|on)?\s?(?:the\s|an?\s)?(?:letter\s)?\W*\Z")
LIMITS = lazy_pattern(  # C is correct only if it is cold; C is right about gold but wrong about rust
    r"(?i)\s*,?\s*(?:only (?:if|in|when|for|about|under|because)|if|when|unless|provided|except|about|as (?:is|are)|of the (?:wrong"
    r"|incorrect|false)"
    r"|(?:but|yet) (?!(?:option )?[(]?(?-i:[A-Z])\b)(?:\w+ ){0,3}?(?:wrong|incorrect|irrelevant|false|not|incomplete|fails?|misses"
    r"|beside))\b"
)
NEAREST = lazy_pattern(r"(?i)\b(is|are|was|comes|lies) (?:the )?(?:closest|nearest) (?:in value )?to\b")  # is closest to (C)
OF_A_PART = lazy_pattern(  # the claim is a part of something, or something of the answer
    r"(?i)\b(?:divisors?|multiples?|factors?|powers?|functions?|members?|elements?|subsets?|half|third|quarter|parts?|digits?|residues?|neighbou?rs?"
    r"|approximations?|estimates?|bounds?|multiplicity|order) (?:of|for|to)\W*\Z"
    r"|\b(?:divided|divisible|multiplied|shift(?:ed)?|increased|decreased|reduced|replaced|index|exponent) (?:[a-z]+ )?by\W*\Z"
    r"|\bfor (?:some|infinitely many|certain|almost (?:all|every)|at (?:least|most) [a-z]+)\W*\Z"
)
SIGNED_BOX = lazy_pattern(r"[-−]\s*\\boxed\{([0-9][^{}]{0,30})\}")
REASON = lazy_pattern(r"(?i)\s*,\s(?:because|since|for)\s")
NO_COPULA = lazy_pattern(r"(?i)(?:cevap|yanıt|jawaban(?:nya)?|ответ|вариант|đáp án)\s*\Z")
AS_OPTION = lazy_pattern(r"(?:,\swhich)?\s(?:is|matches|corresponds to)\s(?:the\s)?(?:option|choice|answer)\s(?=\(?[a-z]\)?\Z)")
IS_SAID_OF_IT = lazy_pattern(r"\s*(?:is|was|has|can|does|looks|seems|fits|matches|satisfies|explains|covers)\b")  # C is popular
OPTION_I = lazy_pattern(r"\bI(?= is\b)")  # the option, not the pronoun
DOUBT = lazy_pattern(r"(?i)\s*(?:nicht|not|never|anything but|i (?:doubt|do not|don['’]t)|one of)\b")
GOES_ON_TO = lazy_pattern(r"(?:\b(?:or|oder|ou)\b|\bbut (?:it is|it's|rather|actually)\b|,)[\s$(]*(?:[a-z]\s*=\s*)?(?:\\text\s*)?\Z")
CORRECTORS = (  # words that put the next claim in the place of the one before
    r"actually|wait|no(?:pe)?|correction|sorry|oops|my bad|hmm+|on second thoughts?|(?:or )?rather|better|hold on"
    r"|let me correct(?: (?:that|this|it|myself))?|i meant?|make (?:that|it)"
)
INSTEAD_OF = lazy_pattern(r"(?i)\s*(?:,\s*|,?\s*(?:and|but)\s+)not\b|\s*,?\s*(?:instead of|rather than)\b")
EQUATIONS = lazy_pattern(r"\b[a-z](?:_\{?\w+\}?)?\s*=\s*\(?[A-J]\)?[^=,;\n]{0,40}[,;]\s*[a-z](?:_\{?\w+\}?)?\s*=")  # x_1 = (D), x_2 = 0.25
ANSWER_TAGS = lazy_pattern(r"(?m)^[ \t]*`{3,}\w*[ \t]*$|</?(?i:answer|final|option|choice|result)>")
FIELD_OF_ANSWER = lazy_pattern(r"'(?:final_)?(?:answer|choice|option)'\s*:\s*'([^'\n]{1,80})'")
SENTENCE_END = lazy_pattern(r"[.!?](?:\s|$)|\n")
OTHER_OPTIONS = lazy_pattern(r"\b(?:[Oo]ptions?|[Cc]hoices?|others?|[B-HJ]|[AI](?= (?:is|was|would|does|has|and|or)\b))\b")
OTHER_WORD = lazy_pattern(r"[\u0400-\u04ff\u0600-\u06ff\u0980-\u09ff]{3}")
HAS_QUANTITY = lazy_pattern(  # has degree
    r"(?i)\bha(?:s|ve) (?:an? |the )?(?:degree|area|perimeter|volume|length|width|height|slope|radius|diameter|measure|probability"
    r"|value|order|period|rank|dimension|magnitude|size|mass|weight|speed)(?: of)?\W*\Z"
)
OTHER_QUANTITY = lazy_pattern(  # the square of the distance is
    r"(?i)\A\W*(?:(?:so|thus|hence|therefore|then),? )?(?:the |its |our |this )?"
    r"(?:(?:squared|cubed|doubled|halved|tripled) (?:[a-z]+ ){1,2}"
    r"|(?:(?:square|cube)(?: root)?|reciprocal|opposite|double|triple|half|supplement|complement|logarithm) of "
    r"(?:the|this|that|our|its) (?:[a-z]+ ){1,3}"
    r"|(?:half|twice|double|triple|thrice|(?:two|three|four) times) (?:the|this|that|its|our) (?:[a-z]+ ){1,3})"
    r"(?:is|are|was|equals?|comes to)\W*\Z|\b(?:clos(?:e|er|est)|nearer) to\W*\Z"
)


def exception(text: str, letters: str) -> str | None:
    """Return the letter that a text takes out of all: none but B fits; "" if it only denies or doubts one; None for any other text."""
    if hit := ONLY_BUT.search(text):
        return str(hit[1] or hit[2])
    if (hit := BUT.search(text)) is None:
        return "" if DOUBT.match(text) else None
    positive = hit[3].lower() in ("right", "correct", "true", "possible")
    return str(hit[2]) if hit[2] in letters and positive == (hit[1].lower() in ("none", "nothing")) else ""


MAY_BE_THAT = (  # doubt about the whole sentence: it may be that, chances are
    r"\b(?:(?:it|that|this)\s(?:may|might|could|can|cannot|can['’]t|would)\s(?:well |also |not )?be\s(?:(?:true|so|the case)\s)?that"
    r"|chances are|(?:it is|it['’]s) (?:\w+ )?(?:im)?(?:possible|conceivable|plausible) that|(?:perhaps|maybe)\b[^,;.]*\bthat"
    r"|(?:is|['’]s|be) (?:a|some|every) (?:\w+ )?(?:(?:chance|possibility|probability|risk) that|possibility of))\b[^,;.]*\Z"
)
MAY_BE_DONE = lazy_pattern(r"\b(?:may|could)(?= be [a-z]+(?: up| out)? in\W*\Z)")  # a permission: they may be arranged in
BRACED_BOX = lazy_pattern(r"(?<![A-Za-z}^_\\\]])\{(\\boxed\{[^{}]{1,80}\})\}")  # {\\boxed{7}}^2
SIDE_BY_SIDE = lazy_pattern(r"(?<![\w.,])([0-9][0-9.,]*) \1(?![\w.,%])")  # a number twice, with nothing that joins the two
RULE_OF = lazy_pattern(r"\b((?:[A-Za-z]+['’]s|[Tt]he(?: [a-z]+)?|[Tt]his|[Bb]y) )rule\b(?! out)")  # Cramer's rule, which rules nothing out
