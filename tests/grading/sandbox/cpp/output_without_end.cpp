// OLE: writes more than anybody reads, by every call that writes
#include <sys/sendfile.h>
int main() {
    static char block[65536];
    memset(block, 'y', sizeof block);
    struct iovec many[8];
    for (auto &each : many) each = {block, sizeof block};
    int zero = open("/dev/zero", O_RDONLY);
    for (;;) { writev(1, many, 8); write(2, block, sizeof block); sendfile(1, zero, nullptr, 1 << 20); }
}
