"""Mathematical signs of Unicode as the LaTeX that means the same: `16√3`, `x²`, `½`, `≤`, `π`, `①`."""

from __future__ import annotations

import re

from aha.answers.symbols import plain

_NAMED = """π pi θ theta α alpha β beta γ gamma δ delta ε epsilon λ lambda μ mu ν nu ρ rho σ sigma τ tau φ phi ϕ phi χ chi ψ psi ω omega
Γ Gamma Δ Delta Θ Theta Λ Lambda Π Pi Σ Sigma Φ Phi Ψ Psi Ω Omega ∞ infty ≤ le ⩽ le ≦ le ≥ ge ⩾ ge ≧ ge ≠ ne ≈ approx ≒ approx ≡ equiv
≅ cong ∈ in ∉ notin ∪ cup ∩ cap ± pm ∓ mp
∅ emptyset ∖ setminus ∠ angle △ triangle
 ∥ parallel ⊥ perp ⌊ lfloor ⌋ rfloor ⌈ lceil ⌉ rceil ⟨ langle ⟩ rangle
∫ int ∑ sum ∏ prod ∂ partial ∇ nabla → to ⇒ Rightarrow ∀ forall ∃ exists ′ prime"""
_LIKE = """、 , ； ; 。 . ｡ . ！ ! ＜ < ＞ > ｜ | ∣ | ∶ : ＾ ^ ’ ' ʹ ' “ " ” " ［ [ ］ ] 【 [ 】 ] ｛ \\{ ｝ \\} º ^{\\circ}
˚ ^{\\circ} ° ^{\\circ} ℃ ^{\\circ}C ℉ ^{\\circ}F
ℝ \\mathbb{R} ℤ \\mathbb{Z} ℕ \\mathbb{N} ℚ \\mathbb{Q} ℂ \\mathbb{C} ⅈ i ⅇ e ℯ e 𝑖 i 𝑒 e 𝜋 \\pi ∨ \\lor ∧ \\land"""
_FRACTIONS = "½ 1 2 ⅓ 1 3 ⅔ 2 3 ¼ 1 4 ¾ 3 4 ⅕ 1 5 ⅖ 2 5 ⅗ 3 5 ⅘ 4 5 ⅙ 1 6 ⅚ 5 6 ⅐ 1 7 ⅛ 1 8 ⅜ 3 8 ⅝ 5 8 ⅞ 7 8 ⅑ 1 9 ⅒ 1 10".split()
_RAISED, _LOWERED, _LEVEL = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙᵢ", "0123456789+-()ni"
_CIRCLED = {chr(0x2460 + place): f"\\textcircled{{{place + 1}}}" for place in range(20)}
_BLANKS = dict.fromkeys("\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000\t\r\n\f\v", " ") | dict.fromkeys(
    "\u200b\u2060\ufeff\u2061\u2062", ""
)

_TABLE = str.maketrans(
    dict(zip(_LIKE.split()[::2], _LIKE.split()[1::2], strict=True))
    | {sign: f"\\{name} " for sign, name in zip(_NAMED.split()[::2], _NAMED.split()[1::2], strict=True)}
    | {sign: f"\\frac{{{top}}}{{{under}}}" for sign, top, under in zip(_FRACTIONS[::3], _FRACTIONS[1::3], _FRACTIONS[2::3], strict=True)}
    | _CIRCLED
    | _BLANKS
)
_UP, _DOWN = str.maketrans(_RAISED, _LEVEL), str.maketrans(_LOWERED, _LEVEL)
_UPS, _DOWNS = re.compile(f"[{re.escape(_RAISED)}]+"), re.compile(f"[{re.escape(_LOWERED)}]+")
_ROOT = re.compile(r"([∛∜√]) ?(?:\(([^()√]{1,200})\)|\{([^{}√]{1,200})\}|([0-9]+(?:\.[0-9]+)?|\\?[A-Za-z]+))")
_INDEX = {"√": "", "∛": "[3]", "∜": "[4]"}


def latex(text: str) -> str:
    """`plain`, and every sign above in LaTeX; blanks of all kinds become one kind."""
    text = plain(text)
    if text.isascii():
        return text.translate(_BLANKED)
    text = _UPS.sub(lambda found: f"^{{{found.group().translate(_UP)}}}", text)
    text = _DOWNS.sub(lambda found: f"_{{{found.group().translate(_DOWN)}}}", text).translate(_TABLE)
    text = _ROOT.sub(lambda found: f"\\sqrt{_INDEX[found[1]]}{{{found[2] or found[3] or found[4]}}}", text)
    return text.translate(_BARE_ROOTS)


_BLANKED = str.maketrans(_BLANKS)
_BARE_ROOTS = str.maketrans({sign: f"\\sqrt{index}" for sign, index in _INDEX.items()})
