/* Vectors of VW floats, which the host gives by -D, in memory aligned only for floats. POCL is defined if the
 * compiler is PoCL's, which is clang and takes more than OpenCL C. */
#ifndef VW
#define VW 4
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(float, VW)
#define WORDS       JOIN(uint, VW)
#define LOAD(p)     JOIN(vload, VW)(0, p)

#ifdef POCL
/* PoCL's vstore16 is four stores of four floats: three times as slow, and a later load has to wait. */
typedef VECTOR unaligned_vector __attribute__((aligned(4)));

void __attribute__((overloadable)) store_vector(const VECTOR v, __global float *p)
{
    *(__global unaligned_vector *)p = v;
}

void __attribute__((overloadable)) store_vector(const VECTOR v, __local float *p)
{
    *(__local unaligned_vector *)p = v;
}

void __attribute__((overloadable)) store_vector(const VECTOR v, __private float *p)
{
    *(__private unaligned_vector *)p = v;
}
#define STORE(v, p) store_vector(v, p)
/* Asks for memory that is read soon; it may lie outside a buffer, since nothing is read now. */
#define FETCH(p) __builtin_prefetch((const void *)(uintptr_t)(p), 0, 2)
#else
#define STORE(v, p) JOIN(vstore, VW)(v, 0, p)
#define FETCH(p)
#endif
