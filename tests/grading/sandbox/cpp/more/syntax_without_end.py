# RE MLE: has Python parse what is nested without end
import ast

x = "(" * 90 + "1" + ")" * 90
s = "lambda:" * 90 + "0"
compile("[" * 100 + "]" * 100, "x", "eval")

ast.parse("-" * 100000 + "1")
