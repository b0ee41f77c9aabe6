// TLE RE: stops itself and waits to be forgotten
int main() {
    add();
    kill(getpid(), SIGSTOP);
    for (;;) kill(getpid(), SIGSTOP);
}
