// RE: ends with the code 0 for one thread and another for the process
static void *leave(void *) { syscall(SYS_exit, 0); return nullptr; }
int main() {
    pthread_t made;
    pthread_create(&made, nullptr, leave, nullptr);
    pthread_join(made, nullptr);
    raise(SIGUSR1);
}
