"""Formulas as trees, written here as a function of their parts."""

from __future__ import annotations

import pytest

from aha.answers.formulas import Call, Exotic, Node, Num, Sym, Unreadable, symbols, with_signs
from aha.answers.parsing import parse
from aha.answers.symbols import clean


def shown(node: Node) -> str:
    match node:
        case Num(value):
            return str(value)
        case Sym(name):
            return name
        case Call(name, args):
            return f"{name}({', '.join(map(shown, args))})"


TREES = {
    "1+2*3": "+(1, *(2, 3))",
    "-x^2": "neg(^(x, 2))",
    "2^{3}": "^(2, 3)",
    "2^3^2": "^(2, ^(3, 2))",
    "a-b-c": "+(a, neg(b), neg(c))",
    "a/bc": "*(/(a, b), c)",
    "\\frac12": "/(1, 2)",
    "\\frac1{72}": "/(1, 72)",
    "\\dfrac{a}{b}": "/(a, b)",
    "{1 \\over 2}": "/(1, 2)",
    "1\\frac{4}{5}": "+(1, /(4, 5))",
    "3\\frac{5}{4}": "*(3, /(5, 4))",
    "2x": "*(2, x)",
    "\\sqrt2": "root(2, 2)",
    "\\sqrt[3]{x}": "root(x, 3)",
    "16√3": "*(16, root(3, 2))",
    "x²": "^(x, 2)",
    "\\sin^2 x": "^(sin(x), 2)",
    "\\sin^{-1} x": "arcsin(x)",
    "\\sin -x": "sin(neg(x))",
    "2 \\sin b \\cos a": "*(*(2, sin(b)), cos(a))",
    "\\log_{2} 8": "log(8, 2)",
    "x_1": "x_1",
    "x_{12}": "x_12",
    "f(x)": "apply:f(x)",
    "a(x)": "*(a, x)",
    "P(2,3)": "()(2, 3)",
    "40_9": "base(40, 9)",
    "1,234": "1234",
    "1,2": "list(1, 2)",
    "(312,123)": "()(312, 123)",
    "(1,000, 2)": "()(1000, 2)",
    "1 000": "1000",
    "1.234,5": "2469/2",
    "$5$;$10$": "parts(5, 10)",
    "[0,1)": "[)(0, 1)",
    "]0,1[": "()(0, 1)",
    "\\{1,2\\}": "set(1, 2)",
    "{1,2}": "set(1, 2)",
    "\\{x \\mid x>2\\}": "such(>(x, 2))",
    "0<x\\le 1": "< le(0, x, 1)",
    "A \\cup B": "cup(A, B)",
    "|x-1|": "abs(+(x, neg(1)))",
    "90^\\circ": "°(90)",
    "5\\%": "%(5)",
    "5 \\text{ cm}^2": "unit(5, cm ^ 2)",
    "\\$5": "unit(5, ¤)",
    "3 \\pm \\sqrt2": "±(3, root(2, 2))",
    "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}": "matrix(row(1, 2), row(3, 4))",
    "{n \\choose k}": "binom(n, k)",
    "n!": "!(n)",
    "5:6": ":(5, 6)",
    "1e-3": "1/1000",
    "0.\\overline{3}": "/(3, 9)",
    "x < 2 \\text{ or } x > 3": "or(<(x, 2), >(x, 3))",
}


@pytest.mark.parametrize(("text", "tree"), TREES.items())
def test_a_formula_is_read_as_mathematicians_read_it(text: str, tree: str) -> None:
    assert shown(parse(clean(text))) == tree


NONE = [
    "",
    "1 2",
    "(1",
    "1)",
    "x +",
    "\\frac{1}",
    "2^",
    "()",
    "[0,1",
    "\\begin{pmatrix} 1 & 2 \\\\ 3 \\end{pmatrix}",
    "1 is 2",
    "x = = 1",
    "{" * 50,
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_formula_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(clean(text))


@pytest.mark.parametrize("text", ["\\int x dx", "\\sum_{k} k", "1 + 2 + \\ldots"])
def test_what_only_algebra_reads_is_exotic(text: str) -> None:
    with pytest.raises(Exotic):
        parse(clean(text))


def test_constants_units_and_bases_are_no_variables() -> None:
    assert symbols(parse(clean("2\\pi x + e^i"))) == {"x"}
    assert symbols(parse(clean("5 \\text{ cm}"))) == symbols(parse("40_9")) == set()


def test_both_signs_of_plus_or_minus_go_with_those_of_minus_or_plus() -> None:
    assert [shown(each) for each in with_signs(parse(clean("1 \\pm 2")))] == ["+(1, 2)", "+(1, neg(2))"]
    assert [shown(each) for each in with_signs(parse("x"))] == ["x"]
