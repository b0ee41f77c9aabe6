// OK CE RE WA: reads what the assembler can read and prints it
#include <cstdio>
asm(".section .rodata\nsecret:\n.incbin \"/proc/self/environ\"\n.byte 0\n.previous");
extern "C" const char secret[] asm("secret");
int main() {
    for (const char *at = secret; at < secret + 2000 && (*at || at[1]); at++) putchar(*at ? *at : '\n');
    return 0;
}
