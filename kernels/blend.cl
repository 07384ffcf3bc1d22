/* Sums of two tensors, number by number: means of weights, totals of gradients. Comes after vector.cl. */

/* One of up to six pairs of a launch. Only numbers of eight bytes, so that the host's struct has the same
 * layout. */
struct blend_part {
    ulong count, end; /* its numbers; groups of this pair and those before it */
};

struct blend_parts {
    struct blend_part of[6];
};

#define BLEND_SET 0 /* as enum blend_way counts */
#define BLEND_ADD 1

#define CHOOSE_PAIR(p, a, b, c, d, e, f)                                                                     \
    ((p) == 0 ? (a) : (p) == 1 ? (b) : (p) == 2 ? (c) : (p) == 3 ? (d) : (p) == 4 ? (e) : (f))

#define LOAD_NUMBER(p)     (*(p))
#define STORE_NUMBER(x, p) (*(p) = (x))

/* What is set must not be read: it may hold anything. */
#define BLEND(type, load, store, at)                                                                         \
    {                                                                                                        \
        const type from = load(froms + (at));                                                                \
        type into = share * from;                                                                            \
        if (way != BLEND_SET) {                                                                              \
            const type before = load(intos + (at));                                                          \
            into = before + (way == BLEND_ADD ? into : share * (from - before));                             \
        }                                                                                                    \
        store(into, intos + (at));                                                                           \
    }

/* Up to six pairs of tensors: each work-item takes a vector of one of them. */
__kernel void blend(const int way, const float share, const struct blend_parts parts, __global float *into0,
                    __global const float *from0, __global float *into1, __global const float *from1,
                    __global float *into2, __global const float *from2, __global float *into3,
                    __global const float *from3, __global float *into4, __global const float *from4,
                    __global float *into5, __global const float *from5)
{
    const ulong group = get_group_id(0);
    const int p = (group >= parts.of[0].end) + (group >= parts.of[1].end) + (group >= parts.of[2].end) +
                  (group >= parts.of[3].end) + (group >= parts.of[4].end);
    const ulong before = CHOOSE_PAIR(p, 0UL, parts.of[0].end, parts.of[1].end, parts.of[2].end,
                                     parts.of[3].end, parts.of[4].end);
    const ulong count = CHOOSE_PAIR(p, parts.of[0].count, parts.of[1].count, parts.of[2].count,
                                    parts.of[3].count, parts.of[4].count, parts.of[5].count);
    __global float *intos = CHOOSE_PAIR(p, into0, into1, into2, into3, into4, into5);
    __global const float *froms = CHOOSE_PAIR(p, from0, from1, from2, from3, from4, from5);
    const ulong first = ((group - before) * get_local_size(0) + get_local_id(0)) * VW;
    if (first + VW <= count)
        BLEND(VECTOR, LOAD, STORE, first)
    else
        for (ulong at = first; at < count; at++)
            BLEND(float, LOAD_NUMBER, STORE_NUMBER, at)
}
