// RE OK: runs a copy of itself from memory that has no name, and code that it writes as it goes
int main(int count, char **) {
    if (count > 1) return 4;
    unsigned char code[] = {0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3};  // getpid
    void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) {
        memcpy(page, code, sizeof code);
        if (((int (*)())page)() != getpid()) return 5;
    }
    int memory = syscall(SYS_memfd_create, "x", 0);
    if (memory == -1) return 6;
    int own = open("/proc/self/exe", O_RDONLY);
    char part[4096];
    for (long size; own != -1 && (size = read(own, part, sizeof part)) > 0;)
        if (write(memory, part, size) != size) return 7;
    char name[] = "python3", second[] = "x";
    char *arguments[] = {name, second, nullptr}, *environment[] = {nullptr};
    fexecve(memory, arguments, environment);
    return 8;
}
