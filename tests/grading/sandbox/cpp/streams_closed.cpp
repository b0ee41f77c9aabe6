// TLE: closes its streams and stays
int main() {
    add();
    for (int fd = 0; fd < 256; fd++) close(fd);
    for (;;) pause();
}
