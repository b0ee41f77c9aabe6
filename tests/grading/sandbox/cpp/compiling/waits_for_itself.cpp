// CE: the compiler reads the pipe that it writes
#include "/dev/stdout"
#include "/dev/stderr"
#include "/proc/self/fd/1"
int main() {}
