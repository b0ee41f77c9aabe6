// RE: calls the kernel through its other tables of calls, which have other numbers
int main() {
    long answer;
    asm volatile("syscall" : "=a"(answer) : "0"(0x40000000L + 57) : "rcx", "r11", "memory");  // fork of x32
    if (answer >= 0) PWNED("x32");
    asm volatile("int $0x80" : "=a"(answer) : "0"(2L) : "memory");  // fork of i386
    if (answer >= 0) PWNED("i386");
    return 3;
}
