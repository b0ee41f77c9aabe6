// CE: a constant that takes all the memory there is
struct Big { long parts[400000000]; constexpr Big() : parts() { for (long n = 0; n < 400000000; n++) parts[n] = n; } };
constexpr Big big;
int main() { return big.parts[5]; }
