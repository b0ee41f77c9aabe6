// CE: a constant that takes for ever, in steps that are each allowed
constexpr int slow(int n) { int sum = 0; for (int i = 0; i < n; i++) for (int j = 0; j < 100000; j++) sum ^= i * j; return sum; }
template <int N> struct Slow { static constexpr int value = slow(100 + N % 20) + Slow<N - 1>::value; };
template <> struct Slow<0> { static constexpr int value = 0; };
int main() { return Slow<800>::value; }
