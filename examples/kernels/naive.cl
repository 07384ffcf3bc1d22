/* One right and slow kernel for each operation that `clmlp kernel check` knows. Work-items outside of a
 * result return at once: whole groups are launched. */

__kernel void product(int B, int I, int O, __global const float *X, __global const float *W,
                      __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float sum = 0.0f;
    for (int i = 0; i < I; i++)
        sum += X[row * I + i] * W[column * I + i];
    Y[row * O + column] = sum;
}

/* relu(NaN) is NaN, so that fmax does not do. */
__kernel void linear_forward(int B, int I, int O, int relu, __global const float *X, __global const float *W,
                             __global const float *b, __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float sum = b[column];
    for (int i = 0; i < I; i++)
        sum += X[row * I + i] * W[column * I + i];
    Y[row * O + column] = relu && sum < 0.0f ? 0.0f : sum;
}

__kernel void linear_backward_input(int B, int I, int O, __global const float *dZ, __global const float *W,
                                    __global const float *Y, __global float *dX)
{
    const int i = get_global_id(0), row = get_global_id(1);
    if (row >= B || i >= I)
        return;
    float sum = 0.0f;
    for (int o = 0; o < O; o++)
        sum += dZ[row * O + o] * W[o * I + i];
    const float y = Y[row * I + i];
    dX[row * I + i] = isnan(y) ? y : y > 0.0f ? sum : 0.0f;
}

__kernel void linear_backward_params(int B, int I, int O, __global const float *dZ, __global const float *X,
                                     __global float *dW, __global float *db)
{
    const int i = get_global_id(0), o = get_global_id(1);
    if (i >= I || o >= O)
        return;
    float sum = 0.0f, bias = 0.0f;
    for (int row = 0; row < B; row++) {
        sum += dZ[row * O + o] * X[row * I + i];
        bias += dZ[row * O + o];
    }
    dW[o * I + i] = sum;
    if (i == 0)
        db[o] = bias;
}

__kernel void linear_backward_update(int B, int I, int O, float rate, float momentum, float penalty,
                                     __global const float *dZ, __global const float *X, __global float *W,
                                     __global float *b, __global float *v, __global float *b_velocity)
{
    const int i = get_global_id(0), o = get_global_id(1);
    if (i >= I || o >= O)
        return;
    float sum = 0.0f, bias = 0.0f;
    for (int row = 0; row < B; row++) {
        sum += dZ[row * O + o] * X[row * I + i];
        bias += dZ[row * O + o];
    }
    const float velocity = momentum * v[o * I + i] + sum + penalty * W[o * I + i];
    v[o * I + i] = velocity;
    W[o * I + i] -= rate * velocity;
    if (i == 0) {
        b_velocity[o] = momentum * b_velocity[o] + bias;
        b[o] -= rate * b_velocity[o];
    }
}

__kernel void update(int n, float rate, float momentum, __global const float *g, __global float *W,
                     __global float *v)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    v[i] = momentum * v[i] + g[i];
    W[i] -= rate * v[i];
}

/* The largest logit of a row, or NaN if the row has one. */
float largest_of(int C, __global const float *z)
{
    float largest = z[0];
    for (int c = 0; c < C; c++)
        largest = z[c] > largest || isnan(z[c]) ? z[c] : largest;
    return largest;
}

float sum_of(int C, __global const float *z, float largest)
{
    float sum = 0.0f;
    for (int c = 0; c < C; c++)
        sum += exp(z[c] - largest);
    return sum;
}

__kernel void softmax_xent(int B, int C, __global const float *Z, __global const uint *labels,
                           __global float *dZ, __global float *losses)
{
    const int row = get_global_id(0);
    if (row >= B)
        return;
    __global const float *z = Z + row * C;
    const float largest = largest_of(C, z), sum = sum_of(C, z, largest);
    for (int c = 0; c < C; c++)
        dZ[row * C + c] = (exp(z[c] - largest) / sum - (c == labels[row] ? 1.0f : 0.0f)) / B;
    losses[row] = log(sum) + (largest - z[labels[row]]);
}

__kernel void softmax(int B, int C, __global const float *Z, __global float *P)
{
    const int row = get_global_id(0);
    if (row >= B)
        return;
    __global const float *z = Z + row * C;
    const float largest = largest_of(C, z), sum = sum_of(C, z, largest);
    for (int c = 0; c < C; c++)
        P[row * C + c] = exp(z[c] - largest) / sum;
}

__kernel void gather(int B, int I, uint first, __global const uchar *values, __global const uint *labels,
                     __global const uint *order, __global const float *mean, __global const float *scale,
                     __global float *X, __global uint *X_labels)
{
    const int i = get_global_id(0), row = get_global_id(1);
    if (i >= I || row >= B)
        return;
    const uint n = order[first + row];
    X[row * I + i] = (values[n * I + i] - mean[i]) * scale[i];
    if (i == 0)
        X_labels[row] = labels[n];
}

__kernel void gather_floats(int B, int I, uint first, __global const float *values,
                            __global const uint *labels, __global const uint *order,
                            __global const float *mean, __global const float *scale, __global float *X,
                            __global uint *X_labels)
{
    const int i = get_global_id(0), row = get_global_id(1);
    if (i >= I || row >= B)
        return;
    const uint n = order[first + row];
    X[row * I + i] = (values[n * I + i] - mean[i]) * scale[i];
    if (i == 0)
        X_labels[row] = labels[n];
}

__kernel void gather_weights(int B, uint first, int turn, __global const float *weights,
                             __global const uint *order, __global float *batch_weights)
{
    const int row = get_global_id(0);
    if (row < B)
        batch_weights[row] = weights[order[first + (row + turn) % B]];
}
