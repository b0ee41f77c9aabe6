// CE OK WA RE: names that grow twice as long with each type, in every function
template <class A, class B> struct Both { static int f() { return Both<Both, Both>::template g<0>(); } template <int n> static int g() { return n; } };
template <int n, class T> struct Deep { static int f() { return Deep<n - 1, Both<T, T>>::f() + Both<T, T>::f(); } };
template <class T> struct Deep<0, T> { static int f() { return T::f(); } };
int main() { return Deep<26, Both<int, long>>::f(); }
