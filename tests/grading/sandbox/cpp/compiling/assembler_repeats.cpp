// CE: the assembler repeats a line without end
asm(".rept 2000000000\n.quad 1\n.endr");
int main() {}
