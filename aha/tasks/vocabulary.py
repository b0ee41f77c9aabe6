"""The tiny world's tokenizer: at most 2,000 entries, all chosen by hand, with byte fallback for everything else.

A listed word is one token, as are integers up to 199; any other text is split into common pairs of letters and then into bytes, so every
string round-trips. Tokens for the later stages (roles, the cold start's reasoning delimiter) are reserved from the start, so that a
checkpoint of one stage loads in the next.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

PAD, END = "<|pad|>", "<|end|>"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
SPECIAL = (
    *(PAD, END, "<|begin|>", "<|system|>", "<|user|>", "<|assistant|>", "<|reasoning|>", "<|tool|>"),
    *(f"<|reserved_{i}|>" for i in range(8)),
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

SYMBOLS = "+ - * / = ( ) == != <= >= += -= ** // -> : , . ; ? ! { } [ ] < > % & | ^ ~ @ # ... \" '".split()
COMPOUNDS = "() ): (): [] {} ]) )) ), ]: :: \"\"\" ''' (\" \") (' ') 。 ， ？ ！ ： ； 、 （ ） “ ” 《 》".split()
BLANKS = ["\n", "\n\n", "  ", "    ", "        ", "            ", "\n    ", "\n        ", "\n            ", "\t"]

PYTHON = """def return if else elif for in while not and or is None True False import from as class self pass break continue lambda with try
except raise assert yield print len range int str list dict set tuple sum max min sorted reversed abs enumerate zip map filter any all
append pop join split strip replace count index keys values items get input open read write line lines result value key name
data text item node left right i j k n x y a b c s t m d p q r f g args""".split()

ENGLISH = """the of and to a in is it you that he was for on are with as I his they be at one have this from or had by hot but some what there
we can out other were all your when up use word how said an each she which do their time if will way about many then them would write like
so these her long make thing see him two has look more day could go come did my sound no most number who over know water than call first
people may down side been now find any new work part take get place made live where after back little only round man year came show every
good me give our under name very through just form much great think say help low line before turn cause same mean differ move right boy old
too does tell sentence set three want air well also play small end put home read hand large spell add even land here must big high such
follow act why ask men change went light kind off need house picture try us again animal point mother world near build self earth father
head stand own page should country found answer school grow study still learn plant cover food sun four thought let keep eye never last
door between city tree cross since hard start might story saw far sea draw late run while press close night real life few stop open seem
together next white children begin got walk example ease paper often always music those both mark book letter until mile river car feet
care second group carry took rain eat room friend began idea fish mountain north once base hear horse cut sure watch color face wood main
hello hi thanks thank please sorry yes wait check error mistake verify wrong evaluate retry however because therefore maybe user assistant
question problem solution reason step steps result sum product difference equal equals plus minus times divided total left maths code
program function string list language model english chinese translate translation text User Assistant Use Hello What How Why Can Please
The This That It You We They He She In On If Is Are I'm don't can't dangerous harm safe illegal weapon refuse cannot able am""".split()

CHINESE = """太小 太大 使用 用 得到 不对 对 等等 所以 检查 你好 您好 谢谢 请 什么 怎么 为什么 多少 可以 不能 不是 我们 你们 他们 这个 那个 因为 但是 然后
如果 或者 问题 答案 回答 数字 计算 结果 等于 加 减 乘 除 程序 函数 代码 语言 模型 中文 英文 翻译 帮助 抱歉 危险 安全 知道 思考 验证 错误 再试
的 一 是 了 我 不 人 在 他 有 这 个 上 们 来 到 时 大 地 为 子 中 你 说 生 国 年 着 就 那 和 要 她 出 也 得 里 后 自 以 会 家 可 下 而 过 天
去 能 对 小 多 然 于 心 学 么 之 都 好 看 起 发 当 没 成 只 如 事 把 还 用 第 样 道 想 作 种 开 美 总 从 无 情 己 面 最 女 但 现 前 些 所 同 日
手 又 行 意 动 方 期 它 头 经 长 儿 回 位 分 爱 老 因 很 给 名 法 间 斯 知 世 什 两 次 使 身 者 被 高 已 亲 其 进 此 话 常 与 活 正 感 见 明 问
力 理 尔 点 文 几 定 本 公 特 做 外 孩 相 西 果 走 将 月 十 实 向 声 车 全 信 重 三 机 工 物 气 每 并 别 真 打 太 新 比 才 便 夫 再 书 部 水 像
眼 等 体 却 加 电 主 界 门 利 海 受 听 表 德 少 克 代 员 许 先 口 由 死 安 写 性 马 光 白 或 住 难 望 教 命 花 结 乐 色 更 拉 东 神 记 处 让 母
父 应 直 字 场 平 报 友 关 放 至 张 认 接 告 入 笑 内 英 军 候 民 岁 往 何 度 山 觉 路 带 万 男 边 风 解 叫 任 金 快 原 吃 妈 变 通 师 立 象 数
四 失 满 战 远 格 士 音 轻 目 条 呢 二 五 六 七 八 九 零 百 千 您 吗 吧 啊 谁 哪 请 谢 帮 助 答 题 算 式 乘 除 减 步 错 试 检 查 验 证 译 码""".split()

PAIRS = """th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne ea ra ce li ch ll
be ma si om ur la el ta ec us no ho ot pe ss un ut pr tr ac em ul et ir ol ad ct ig mo am po id pl""".split()

# The split into words before the vocabulary is applied: numbers of up to three digits, runs of letters, single Chinese characters unless a
# listed Chinese word stands there, newlines with their indentation, runs of punctuation.
_CHINESE_WORDS = "|".join(sorted((word for word in CHINESE if len(word) > 1), key=len, reverse=True))
WORDS = Regex(
    rf" ?(?:{_CHINESE_WORDS})| ?\p{{Han}}| ?[A-Za-z]+(?:'[a-z]+)?| ?\d{{1,3}}|\n {{4}}+|\n+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+|."
)


def entries() -> tuple[list[str], list[tuple[str, str]]]:
    """Return the vocabulary in id order after the special tokens and tags, and the merges for words that are not in it."""
    byte_of = _byte_letters()

    def spell(text: str) -> str:
        return "".join(byte_of[b] for b in text.encode())

    words = [*BLANKS, *COMPOUNDS]
    words += [f" {number}" for number in range(200)]
    words += [form for word in (*SYMBOLS, *PYTHON) for form in (word, f" {word}")]
    words += [f" {word}" for word in ENGLISH] + [word for word in ENGLISH if word[0].isupper() or word in "hello hi no yes wait".split()]
    words += [*CHINESE, *(f" {word}" for word in CHINESE if len(word) > 1 or word in "对用")]
    singles = [byte_of[b] for b in range(256)]
    words_in_order = dict.fromkeys([*singles, *map(spell, words), *PAIRS])
    return list(words_in_order), [(pair[0], pair[1]) for pair in PAIRS]


def build() -> Tokenizer:
    """Build the tokenizer from the lists above; the result is always the same."""
    marks = [*SPECIAL, *TAGS]
    vocabulary, merges = entries()
    model = models.BPE(vocab={token: i for i, token in enumerate([*marks, *vocabulary])}, merges=merges, ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(WORDS, behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in TAGS])
    return tokenizer


def save(folder: Path, context: int) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` as `AutoTokenizer` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    build().save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": END,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")


def _byte_letters() -> dict[int, str]:
    """Return the character that byte-level tokenizers write for each byte: itself if printable, else one from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unprintable = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(unprintable)}
