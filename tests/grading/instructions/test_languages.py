from __future__ import annotations

import pytest

from aha.grading.instructions import count_capitals, count_sentences, count_words, is_in_language, language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "What has a dome but no doors?"),
        ("de", "Ich habe das Buch gelesen und es ist sehr gut."),
        ("fr", "Il est important de manger des aliments sains pour la santé."),
        ("es", "El perro está en la casa y no quiere salir."),
        ("pt", "Adão e Eva foram os primeiros seres humanos, criados por Deus."),
        ("it", "La barca è nel mare e il vento soffia con forza."),
        ("pl", "Natalia kupiła książki dla swoich dzieci i nie było to tanie."),
        ("fi", "Kun haukut auringonkukkaa, se on hyvä ja kaunis."),
        ("vi", "Họ đã cho tôi cơ hội để tìm hiểu một chút về ngôn ngữ."),
        ("sw", "Habari ya leo ni nzuri na watu wa mji huu ni wema sana."),
        ("ru", "Это что-то вроде сетки, которая состоит из точек."),
        ("uk", "Це щось на зразок сітки, яка складається з точок і ліній."),
        ("bg", "Това е нещо като мрежа, която се състои от точки и линии."),
        ("ar", "الشركة تبحث عن توسيع عملياتها إلى أسواق جديدة."),
        ("fa", "این کتاب را در خانه خواندم و برای من خیلی خوب بود."),
        ("ur", "یہ کتاب بہت اچھی ہے اور میں نے اس کو پڑھا۔"),
        ("hi", "यह किताब बहुत अच्छी है और मैंने इसे पढ़ा है।"),
        ("mr", "हे पुस्तक खूप चांगले आहे आणि मी ते वाचले आहे."),
        ("ne", "यो किताब धेरै राम्रो छ र मैले यसलाई पढेको छु।"),
        ("bn", "এই বইটি খুব ভালো।"),
        ("pa", "ਇਹ ਕਿਤਾਬ ਬਹੁਤ ਚੰਗੀ ਹੈ।"),
        ("gu", "આ પુસ્તક ખૂબ સરસ છે."),
        ("ta", "இந்த புத்தகம் மிகவும் நல்லது."),
        ("te", "ఈ పుస్తకం చాలా బాగుంది."),
        ("kn", "ಈ ಪುಸ್ತಕ ತುಂಬಾ ಚೆನ್ನಾಗಿದೆ."),
        ("ml", "ഈ പുസ്തകം വളരെ നല്ലതാണ്."),
        ("th", "หนังสือเล่มนี้ดีมาก"),
        ("he", "הספר הזה טוב מאוד."),
        ("ko", "이 책은 아주 좋습니다."),
        ("ja", "この本はとても良いです。"),
        ("zh", "这本书非常好。"),
    ],
)
def test_a_sentence_is_known_by_its_language(language, text):
    assert language_of(text) in (language, f"{language}-cn", f"{language}-tw")
    assert is_in_language(text, language)


def test_a_text_without_letters_is_in_any_language():
    assert language_of("1 + 2 = 3") is None
    assert is_in_language("42", "fi")


def test_a_code_without_a_region_means_every_region():
    assert language_of("这本书非常好。") == "zh-cn"
    assert is_in_language("这本书非常好。", "zh")
    assert is_in_language("这本书非常好。", "ZH-CN")
    assert not is_in_language("这本书非常好。", "zh-tw")


def test_the_same_text_is_always_in_the_same_language():
    text = "Taxi Hotel Radio Moment"  # so short that langdetect, unseeded, says now this and now that
    assert len({language_of(text) for _ in range(20)}) == 1


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("no end", 1),
        ("One. Two! Three?", 3),
        ("Dr. Smith met Mrs. Jones at 5 p.m. on Main St. yesterday.", 1),
        ("It costs 3.50. Really...", 2),
        ("He said “Stop.” Then he left.", 2),
        ("One, e.g. this. Two.", 3),  # an abbreviation that Punkt has not learned
        ("1. First point.\n2. Second point.", 4),  # a list's numbers are sentences
        ("我来了。你呢？", 1),  # Chinese ends none
        ("First line\nSecond line", 1),  # nor does a line
        ("Visit example.com now. Thanks", 2),
        ("Wait!! What?!", 3),  # a mark among marks is one by itself
    ],
)
def test_sentences_end_where_the_reference_checker_ends_them(text, sentences):
    assert count_sentences(text) == sentences


def test_words_are_runs_of_letters_and_digits():
    assert count_words("It's a well-known fact: 42!") == 7


@pytest.mark.parametrize(
    ("text", "capitals"),
    [
        ("I saw NASA and the U.S. flag in Paris, OK?", 4),
        ("WELL-KNOWN", 1),  # a hyphen divides nothing
        ("AND/OR", 1),
        ("DON'T", 2),  # DO and N'T
        ("**BOLD** (YES)", 2),  # asterisks stay with their word, brackets do not
        ("COVID19 2024", 1),
    ],
)
def test_capitals_are_tokens_of_the_reference_checker(text, capitals):
    assert count_capitals(text) == capitals
