/* What the kernels share that compute the gradients of up to three layers of a net, or take their steps and
 * gather the next batch. */

/* One of three values, for layer l; for example a tensor from the kernel's arguments name0, name1, name2. */
#define CHOOSE(l, a, b, c) ((l) == 0 ? (a) : (l) == 1 ? (b) : (c))
#define OF_LAYER(l, name)  CHOOSE(l, name##0, name##1, name##2)
/* A number of the layer's part in `parts`. */
#define IN_PART(l, number) CHOOSE(l, parts.of[0].number, parts.of[1].number, parts.of[2].number)

#ifdef RULE
/* The next batch, as gather.cl has it; without rows if there is none. Only numbers of four bytes, so that the
 * host's struct has the same layout. */
struct next_batch {
    int rows, I, is_bytes, is_ordered;
    uint first;
};

/* The row of the data set that becomes row r of the next batch. */
uint next_row(const struct next_batch next, const int r, __global const uint *order)
{
    return next.is_ordered ? order[next.first + r] : next.first + r;
}
#endif
