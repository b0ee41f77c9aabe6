// CE: the assembler fills a disk
asm(".fill 1000000000, 8, 7\n.skip 4000000000, 5\n.balign 1073741824");
int main() {}
