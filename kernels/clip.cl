/* The factor that clips a net's gradients to a common length. Comes after vector.cl.
 *
 * Each group adds the squares that its items meet to a sum of its own; then one group adds these sums, in
 * order: always the same bits. */

#define CLIP_GROUP __attribute__((reqd_work_group_size(LANES, 1, 1)))

/* One of up to six parameters of a launch, as its numbers lie: `count` of them in a row, then `rest`. With
 * panels the rest is the last one, of whose columns only the first `left` of `panel` numbers are weights.
 * Only numbers of eight bytes, so that the host's struct has the same layout. */
struct clip_part {
    ulong count, rest, panel, left, is_weight;
};

struct clip_parts {
    struct clip_part of[6];
};

/* The gradient at a place, with the penalty of absolute values. */
float penalised_gradient(const float l1, __global const float *gs, __global const float *ws, const ulong at)
{
    return l1 != 0.0f ? gs[at] + l1 * sign(ws[at]) : gs[at];
}

/* The squares of one parameter that this item meets. */
float squares_of(const struct clip_part part, const float penalty, __global const float *gs,
                 __global const float *ws)
{
    const float l1 = part.is_weight ? penalty : 0.0f;
    const ulong item = get_global_id(0), items = get_global_size(0), whole = part.count / VW * VW;
    VECTOR sums = (VECTOR)(0.0f);
    float in_order[VW], sum = 0.0f;
    for (ulong at = item * VW; at < whole; at += items * VW) {
        VECTOR g = LOAD(gs + at);
        if (l1 != 0.0f)
            g += l1 * sign(LOAD(ws + at));
        sums += g * g;
    }
    STORE(sums, in_order);
    for (int i = 0; i < VW; i++)
        sum += in_order[i];
    for (ulong at = whole + item; at < part.count; at += items) {
        const float g = penalised_gradient(l1, gs, ws, at);
        sum += g * g;
    }
    for (ulong i = item; i < part.rest; i += items) {
        const ulong at = part.count + i / part.left * part.panel + i % part.left;
        const float g = penalised_gradient(l1, gs, ws, at);
        sum += g * g;
    }
    return sum;
}

/* The sum of a number of each item, for the first item. `room` has a float for each item. */
float sum_of_group(const float own, __local float *room)
{
    const int lane = get_local_id(0);
    float sum = own;
    room[lane] = own;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 1; lane == 0 && i < LANES; i++)
        sum += room[i];
    return sum;
}

/* sums[group] = the squares of a group, added to what is there if the launch is not the first */
__kernel CLIP_GROUP void
gradient_squares(const int is_first, const float l1, const struct clip_parts parts, __global const float *gs0,
                 __global const float *ws0, __global const float *gs1, __global const float *ws1,
                 __global const float *gs2, __global const float *ws2, __global const float *gs3,
                 __global const float *ws3, __global const float *gs4, __global const float *ws4,
                 __global const float *gs5, __global const float *ws5, __global float *sums)
{
    __local float room[LANES];
    float own = squares_of(parts.of[0], l1, gs0, ws0);
    own += squares_of(parts.of[1], l1, gs1, ws1);
    own += squares_of(parts.of[2], l1, gs2, ws2);
    own += squares_of(parts.of[3], l1, gs3, ws3);
    own += squares_of(parts.of[4], l1, gs4, ws4);
    own += squares_of(parts.of[5], l1, gs5, ws5);
    const float sum = sum_of_group(own, room);
    if (get_local_id(0) == 0)
        sums[get_group_id(0)] = is_first ? sum : sums[get_group_id(0)] + sum;
}

/* factor = min(1, most / (sqrt(sum of sums) + epsilon)), in one group. NaN stays NaN. */
__kernel CLIP_GROUP void clip_factor(const int count, const float most, const float epsilon,
                                     __global const float *sums, __global float *factor)
{
    __local float room[LANES];
    const int lane = get_local_id(0);
    float own = 0.0f;
    for (int i = lane; i < count; i += LANES)
        own += sums[i];
    const float sum = sum_of_group(own, room);
    if (lane == 0) {
        const float quotient = most / (sqrt(sum) + epsilon);
        *factor = quotient > 1.0f ? 1.0f : quotient;
    }
}
