// WA: goes on writing once it has ended, from a thread, a destructor and a signal
static void late(int) { write(1, "4\n", 2); _exit(0); }
static void *later(void *) { for (;;) write(1, " ", 1); }
struct Last { ~Last() { write(1, "5\n", 2); raise(SIGALRM); } } last;
int main() {
    signal(SIGALRM, late);
    add();
    pthread_t made;
    pthread_create(&made, nullptr, later, nullptr);
    write(1, "6\n", 2);
}
