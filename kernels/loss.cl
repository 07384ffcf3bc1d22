/* The losses beside plain cross-entropy, whose formulas are in loss.h. Comes after sums.cl and softmax.cl.
 *
 * Z (B,C) outputs. Items take rows, and add their losses, as in softmax.cl. */

/* Adds the groups' sums of `loss` and `correct` to their slots, in a fixed tree. All items of a group must
 * get here. */
#define ADD_ITEMS(loss, correct)                                                                             \
    __local float item_losses[LANES];                                                                        \
    __local float item_corrects[LANES];                                                                      \
    item_losses[lane] = loss;                                                                                \
    item_corrects[lane] = correct;                                                                           \
    for (int distance = LANES / 2; distance > 0; distance /= 2) {                                            \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        if (lane < distance) {                                                                               \
            item_losses[lane] += item_losses[lane + distance];                                               \
            item_corrects[lane] += item_corrects[lane + distance];                                           \
        }                                                                                                    \
    }                                                                                                        \
    if (lane == 0)                                                                                           \
        add_to_sums(item_losses[0], item_corrects[0], sums + SLOT * group);

/* x: (1 - p)^gamma (-log p) of class c. Its gradient is y times that of -log p. No digits are lost if p is
 * nearly 1: 1 - p is the share of the other classes. p (-log p) / (1 - p) is 1 if p is 1, and 0 if p is 0. */
float2 focal(const int C, __global const float *z, const int c, const float gamma, const float largest,
             const float sum)
{
    float others = 0.0f;
    for (int j = 0; j < C; j++)
        others += j == c ? 0.0f : exp(z[j] - largest);
    const float p = exp(z[c] - largest) / sum, rest = others / sum;
    const float entropy = p > 0.5f ? -log1p(-rest) : log(sum) + (largest - z[c]);
    const float quotient = rest == 0.0f ? 1.0f : p == 0.0f ? 0.0f : p * entropy / rest;
    return pow(rest, gamma) * (float2)(entropy, 1.0f + gamma * quotient);
}

/* Σ_c (max - z_c) */
float distances_of(const int C, __global const float *z, const float largest)
{
    float sum = 0.0f;
    for (int c = 0; c < C; c++)
        sum += largest - z[c];
    return sum;
}

/* Focal, or cross-entropy of which `kept` is of a row's own classes and `even` of each class. weights,
 * mixture and dZ are as in softmax_xent. A row's gradient is (all softmax(Z) - own onehot(labels) - other
 * onehot(partners) - each) / B. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
label_loss(const int B, const int C, const int wants_gradient, const int is_focal, const float gamma,
           const float kept, const float even, __global const float *Z, __global const uint *restrict labels,
           __global const uint *restrict partners, const float share, const int is_weighted,
           __global const float *weights, __global const float *partner_weights, __global float *dZ,
           __global float *restrict sums)
{
    const int lane = get_local_id(0), group = get_group_id(0), items = get_num_groups(0) * LANES;
    float loss = 0.0f, correct = 0.0f;
    for (int r = group * LANES + lane; r < B; r += items) {
        __global const float *z = Z + (size_t)r * C;
        const int label = labels[r], partner = partners[r];
        float own = is_weighted ? share * weights[r] : share;
        float other = is_weighted ? (1.0f - share) * partner_weights[r] : 1.0f - share;
        float all = own + other, each = 0.0f, row_loss;
        int best;
        const float largest = row_max(C, z, &best);
        const float sum = row_sum(C, z, largest);
        if (is_focal) {
            const float2 of_label = focal(C, z, label, gamma, largest, sum);
            row_loss = own * of_label.x;
            own *= of_label.y;
            if (other != 0.0f) {
                const float2 of_partner = focal(C, z, partner, gamma, largest, sum);
                row_loss += other * of_partner.x;
                other *= of_partner.y;
            }
            all = own + other;
        } else {
            own *= kept;
            other *= kept;
            each = even * all;
            row_loss = own * (largest - z[label]) + each * distances_of(C, z, largest);
            if (other != 0.0f)
                row_loss += other * (largest - z[partner]);
            row_loss += all * log(sum);
        }
        loss += row_loss;
        correct += best == label && !isnan(row_loss) ? 1.0f : 0.0f;
        if (wants_gradient) {
            __global float *d = dZ + (size_t)r * C;
            for (int c = 0; c < C; c++) {
                const float target = (c == label ? own : 0.0f) + (c == partner ? other : 0.0f) + each;
                d[c] = (all * (exp(z[c] - largest) / sum) - target) / B;
            }
        }
    }
    ADD_ITEMS(loss, correct)
}

#define LOSS_BINARY   2
#define LOSS_SQUARED  3
#define LOSS_ABSOLUTE 4
#define LOSS_HUBER    5
#define LOSS_QUANTILE 6

/* The loss of output z against t, and its slope. An infinite z has no loss against a t that it is right for.
 * If z or t is NaN, no comparison is true, and the last value of each choice is NaN, too. */
float loss_between(const int kind, const float delta, const float q, const float z, const float t,
                   float *slope)
{
    const float e = z - t, size = fabs(e);
    if (kind == LOSS_BINARY) {
        const float against = z > 0.0f ? 1.0f - t : t;
        *slope = 1.0f / (1.0f + exp(-z)) - t;
        return log1p(exp(-fabs(z))) + (against == 0.0f ? 0.0f : fabs(z) * against);
    }
    if (kind == LOSS_ABSOLUTE) {
        *slope = e > 0.0f ? 1.0f : e < 0.0f ? -1.0f : e;
        return size;
    }
    if (kind == LOSS_HUBER) {
        *slope = e > delta ? delta : e < -delta ? -delta : e;
        return size > delta ? delta * (size - 0.5f * delta) : 0.5f * e * e;
    }
    if (kind == LOSS_QUANTILE) {
        *slope = e > 0.0f ? 1.0f - q : e < 0.0f ? -q : 0.5f - q + e;
        return e > 0.0f ? (1.0f - q) * e : -q * e;
    }
    *slope = 2.0f * e;
    return e * e;
}

/* Element i; an array in private memory would be slow. */
float one_of_8(const float8 list, const int i)
{
    const float4 four = i < 4 ? list.lo : list.hi;
    const float2 two = i % 4 < 2 ? four.lo : four.hi;
    return i % 2 == 0 ? two.x : two.y;
}

/* The mean over the outputs of a row, Q for each of its values, times its weight. scale is 1 / (B C). */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
value_loss(const int B, const int C, const int Q, const int wants_gradient, const int kind, const float delta,
           const float8 quantiles, const float scale, __global const float *Z,
           __global const float *restrict values, const int is_weighted, __global const float *weights,
           __global float *dZ, __global float *restrict sums)
{
    const int lane = get_local_id(0), group = get_group_id(0), items = get_num_groups(0) * LANES;
    float loss = 0.0f;
    for (int r = group * LANES + lane; r < B; r += items) {
        __global const float *z = Z + (size_t)r * C, *t = values + (size_t)r * (C / Q);
        const float weight = is_weighted ? weights[r] : 1.0f;
        float sum = 0.0f;
        for (int c = 0; c < C; c++) {
            float slope;
            sum += loss_between(kind, delta, one_of_8(quantiles, c % Q), z[c], t[c / Q], &slope);
            if (wants_gradient)
                dZ[(size_t)r * C + c] = weight * slope * scale;
        }
        loss += weight * (sum / C);
    }
    ADD_ITEMS(loss, 0.0f)
}
