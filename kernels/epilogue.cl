/* What follows a matrix product that could not do it itself: one work-item an element. */

/* Y = act(Y + b): Y (B,O), b (O). relu is written so that a NaN survives. */
__kernel void bias_activation(const int B, const int O, const int is_relu, __global const float *restrict b,
                              __global float *restrict Y)
{
    const int o = get_global_id(0), r = get_global_id(1);
    if (o >= O || r >= B)
        return;
    const size_t at = (size_t)r * O + o;
    const float z = Y[at] + b[o];
    Y[at] = is_relu && z < 0.0f ? 0.0f : z;
}

/* dX = dX * (Y > 0): both (B,I), count = B I elements. Where Y is NaN the derivative is unknown: NaN. */
__kernel void relu_mask(const ulong count, __global const float *restrict Y, __global float *restrict dX)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    const float y = Y[at];
    dX[at] = y > 0.0f ? dX[at] : (isnan(y) ? y : 0.0f);
}

/* w -= rate v, after v has had its penalty: v += penalty w, with penalty = 2 l2. */
__kernel void momentum_step(const ulong count, const float rate, const float penalty,
                            __global float *restrict v, __global float *restrict w)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    const float weight = w[at];
    const float velocity = v[at] + penalty * weight;
    v[at] = velocity;
    w[at] = weight - rate * velocity;
}

/* dW += penalty W. */
__kernel void add_penalty(const ulong count, const float penalty, __global const float *restrict W,
                          __global float *restrict dW)
{
    const size_t at = get_global_id(0);
    if (at < count)
        dW[at] += penalty * W[at];
}
