"""The commands of aha; `cli` reads the words and calls one of them."""
