// CE: a macro of the assembler that calls itself twice
asm(".macro twice n\n.quad \\n\ntwice \\n+1\ntwice \\n+1\n.endm\ntwice 1");
int main() {}
