/* Softmax, and its cross-entropy from logits. Comes after sums.cl.
 *
 * Z (B,C) logits. Groups have LANES items, and there are at most as many as sums has slots. An item takes the
 * row of its global number, and then every further row that is a multiple of all items away. Losses are added
 * in a fixed tree within a group: always the same bits. LANES is a power of two, from
 * CL_KERNEL_WORK_GROUP_SIZE. */
#ifndef LANES
#define LANES 64
#endif

/* max z, or NaN if the row has a NaN, so that the row's results are NaN. *best: the first of the largest. */
float row_max(const int C, __global const float *z, int *best)
{
    float largest = z[0];
    *best = 0;
    for (int c = 1; c < C; c++)
        if (z[c] > largest || isnan(z[c])) {
            largest = z[c];
            *best = c;
        }
    return largest;
}

/* log(sum(exp(z - max))) + max is the row's log-partition; sum >= 1, so it is finite wherever z is. */
float row_sum(const int C, __global const float *z, const float largest)
{
    float sum = 0.0f;
    for (int c = 0; c < C; c++)
        sum += exp(z[c] - largest);
    return sum;
}

/* dZ = ((own + other) softmax(Z) - target) / B, if wants_gradient; dZ may be Z. A row's target is own
 * onehot(labels) + other onehot(partners), with own = share w and other = (1 - share) w'. w and w' are the
 * weights of label and partner, and 1 if the rows are not weighted. If rows are not mixed, share is 1 and
 * partners are the labels. share and 1 - share are exact floats. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
softmax_xent(const int B, const int C, const int wants_gradient, __global const float *Z,
             __global const uint *restrict labels, __global const uint *restrict partners, const float share,
             const int is_weighted, __global const float *weights, __global const float *partner_weights,
             __global float *dZ, __global float *restrict sums)
{
    __local float losses[LANES];
    __local float corrects[LANES];
    const int lane = get_local_id(0), group = get_group_id(0), items = get_num_groups(0) * LANES;
    const float rest = 1.0f - share;
    float loss = 0.0f, correct = 0.0f;
    for (int r = group * LANES + lane; r < B; r += items) {
        __global const float *z = Z + (size_t)r * C;
        const int label = labels[r], partner = partners[r];
        const float own = is_weighted ? share * weights[r] : share;
        const float other = is_weighted ? rest * partner_weights[r] : rest;
        int best;
        const float largest = row_max(C, z, &best);
        const float sum = row_sum(C, z, largest);
        float distance = own * (largest - z[label]);
        if (other != 0.0f)
            distance += other * (largest - z[partner]);
        const float row_loss = (own + other) * log(sum) + distance;
        loss += row_loss;
        correct += best == label && !isnan(row_loss) ? 1.0f : 0.0f;
        if (wants_gradient) {
            __global float *d = dZ + (size_t)r * C;
            for (int c = 0; c < C; c++) {
                const float target = (c == label ? own : 0.0f) + (c == partner ? other : 0.0f);
                d[c] = ((own + other) * (exp(z[c] - largest) / sum) - target) / B;
            }
        }
    }
    losses[lane] = loss;
    corrects[lane] = correct;
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < distance) {
            losses[lane] += losses[lane + distance];
            corrects[lane] += corrects[lane + distance];
        }
    }
    if (lane == 0)
        add_to_sums(losses[0], corrects[0], sums + SLOT * group);
}

/* P = softmax(Z), may be Z itself; one work-item per row. */
__kernel void softmax_rows(const int B, const int C, __global const float *Z, __global float *P)
{
    const int r = get_global_id(0);
    if (r >= B)
        return;
    __global const float *z = Z + (size_t)r * C;
    __global float *p = P + (size_t)r * C;
    int best;
    const float largest = row_max(C, z, &best);
    const float sum = row_sum(C, z, largest);
    for (int c = 0; c < C; c++)
        p[c] = exp(z[c] - largest) / sum;
}
