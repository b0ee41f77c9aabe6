// OK: reads the secret file, the machine's files and environments
extern char **environ;
int main() {
    char line[512], path[512] = "";
    add();
    if (fgets(line, 512, stdin) && fgets(path, 512, stdin)) path[strcspn(path, "\n")] = 0;
    for (const char *each : {(const char *)path, "/etc/passwd", "/etc/shadow", "/etc/hostname", "/root/.bashrc", "/var/log/dpkg.log", "/home"})
        if (*each) REACH(open(each, O_RDONLY));
    for (char **each = environ; *each; each++) if (strstr(*each, "CANARY")) PWNED(*each);
}
