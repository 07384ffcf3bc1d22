/* Epilogues for providers whose products have none. Comes after activation.cl and optimiser.cl. */

#if defined(ACTIVATION)
/* Y = act(Y + b): Y (B,O), b (O); saves the gate, too, if needed. */
__kernel void bias_activation(const int B, const int O, const int saves_gate,
                              __global const float *restrict b, __global float *restrict Y,
                              __global float *restrict gate)
{
    const int o = get_global_id(0), r = get_global_id(1);
    if (o >= O || r >= B)
        return;
    const size_t at = (size_t)r * O + o;
    Y[at] = activate_one(Y[at] + b[o], saves_gate, gate + at);
}

/* dX = dX act': both (B,I), count = B I elements. */
__kernel void through_gate(const ulong count, __global const float *restrict of, __global float *restrict dX)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    const float d = dX[at], value = of[at];
    dX[at] = THROUGH(float, d, value);
}
#elif defined(RULE) && defined(END)
/* Ends the step of `count` weights after a product has added the gradients to their state; see clblast.c. */
__kernel void weights_end(const struct step s, const ulong count, __global float *restrict ms,
                          __global float *restrict ws)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    float w = ws[at];
    STATE_M(float m = ms[at])
    END(float, 1)
    STATE_M(ms[at] = m)
    ws[at] = w;
}
#elif !defined(RULE)
/* dW += penalty W. */
__kernel void add_penalty(const ulong count, const float penalty, __global const float *restrict W,
                          __global float *restrict dW)
{
    const size_t at = get_global_id(0);
    if (at < count)
        dW[at] += penalty * W[at];
}
#endif
