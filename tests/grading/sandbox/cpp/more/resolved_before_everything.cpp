// RE: forges reports while the loader still resolves its functions, and fails
extern "C" {
static void nothing() {}
static void (*resolver())() {
    char text[] = "{\"status\": 0, \"cpu_s\": 0.1, \"wall_s\": 0.1, \"memory_mb\": 1.0, \"stopped\": \"\", \"entered\": true, \"number\": 1}";
    for (long fd = 3; fd < 300; fd++) {
        long call = 1, first = fd;
        __asm__ volatile("syscall" : "+a"(call) : "D"(first), "S"(text), "d"(sizeof text - 1) : "rcx", "r11", "memory");
        if (call > 0) __asm__ volatile("syscall" : "+a"(call) : "D"(1L), "S"("PWNED\n"), "d"(6L) : "rcx", "r11", "memory");
    }
    return nothing;
}
void early() __attribute__((ifunc("resolver")));
}
int main() {
    early();
    _exit(3);
}
