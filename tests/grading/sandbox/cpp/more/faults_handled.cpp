// TLE: faults again and again in every way of the processor, and goes on each time
#include <csetjmp>
static sigjmp_buf place;
static void back(int) { siglongjmp(place, 1); }
int main() {
    static char stack[1 << 16];
    stack_t other{};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    sigaltstack(&other, nullptr);
    struct sigaction action{};
    action.sa_handler = back;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (int number : {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP, SIGSYS, SIGXCPU, SIGALRM, SIGABRT}) sigaction(number, &action, nullptr);
    add();
    for (volatile unsigned turn = 0;; turn++) {
        if (sigsetjmp(place, 1)) continue;
        switch (turn % 8) {
            case 0: __asm__ volatile("ud2");
            case 1: __asm__ volatile("int3");
            case 2: __asm__ volatile("hlt");
            case 3: __asm__ volatile("int $0x2d");
            case 4: __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop" ::: "memory", "cc");
            case 5: *(volatile int *)8 = 1;
            case 6: __asm__ volatile("movabs $0x8000000000000000, %%rax; mov (%%rax), %%rax" ::: "rax");
            default: abort();
        }
    }
}
