/* A broken line of any kernel is noticed by verify, which names the operation. These tests run on the device alone: there is
 * nothing more in them for sanitizers to see. */
#include "compute/opencl/program.h"
#include "support/support.h"
#include "support/verdict.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* `file` with `from` replaced where it stands first; `also` begins the names of operations that share the line. */
static const struct broken_line {
    const char *file, *from, *to, *operation, *also;
} broken_lines[] = {
    {"gather.cl", "TO_FLOAT(LOAD(from + i)) - LOAD(mean + i)", "TO_FLOAT(LOAD(from + i)) + LOAD(mean + i)",
     "gather", NULL},
    {"gather.cl", "(convert_float(from[i]) - mean[i]) * scale[i]", "(convert_float(from[i]) - mean[i])",
     "gather", NULL},
    {"gather.cl", "LOAD(from + i) - LOAD(mean + i);\n        STORE(centred * LOAD(scale + i)",
     "LOAD(from + i) - LOAD(mean + i);\n        STORE(centred", "gather", NULL},
    {"gather.cl", "(from[i] - mean[i]) * scale[i]", "from[i] * scale[i]", "gather", NULL},
    {"gather.cl", "min(I, begin + span)", "min(I - 1, begin + span)", "gather", NULL},
    {"gather.cl", "is_ordered ? order[first + r] : first + r", "first + r", "gather", NULL},
    {"vector.cl", "*(__global unaligned_vector *)p = v", "*(__global unaligned_vector *)p = 2.0f * v",
     "gather", NULL},
    {"philox.cl", "round < 10", "round < 9", "gather_augmented", NULL},
    {"philox.cl", "key += (uint2)", "key -= (uint2)", "gather_augmented", NULL},
    {"augment.cl", "a.flip && (c[0].s0 & 1u)", "a.flip", "gather_augmented", NULL},
    {"augment.cl", "below(c[0].s0 & ~1u, 2 * a.shift + 1)", "below(c[0].s0 & ~1u, 2 * a.shift)",
     "gather_augmented", NULL},
    {"augment.cl", "change.right = below(c[1].s0", "change.right = below(c[0].s0", "gather_augmented", NULL},
    {"augment.cl", "below(c[2].s0, a.height) - a.cutout / 2", "below(c[2].s0, a.height)", "gather_augmented",
     NULL},
    {"augment.cl", "-2.0f * log(a)", "-log(a)", "gather_augmented", NULL},
    {"augment.cl", "*sine = radius * s", "*sine = radius * c", "gather_augmented", NULL},
    {"augment.cl", "block + lanes()", "lanes()", "gather_augmented", NULL},
    {"augment.cl", "*x += is_past * a.width", "", "gather_augmented", NULL},
    {"augment.cl", "*y -= is_past", "", "gather_augmented", NULL},
    {"augment.cl", "*y += (*y >= a.height) * a.height", "", "gather_augmented", NULL},
    {"augment.cl", "end < left + VW", "end < left", "gather_augmented", NULL},
    {"augment.cl", "is_one_line || !change.is_mirrored", "1", "gather_augmented", NULL},
    {"augment.cl", "change.is_mirrored ? REVERSED(found) : found", "found", "gather_augmented", NULL},
    {"augment.cl", "k < count && insides[k]", "k < count", "gather_augmented", NULL},
    {"augment.cl", "k < count ? from[k]", "k < count - 1 ? from[k]", "gather_augmented", NULL},
    {"augment.cl", "k < count ? convert_float", "k < count - 1 ? convert_float", "gather_augmented", NULL},
    {"augment.cl", "a.width - 1 - moved_x", "a.width - 2 - moved_x", "gather_augmented", NULL},
    {"augment.cl", "from_y < a.height", "from_y <= a.height", "gather_augmented", NULL},
    {"augment.cl", "moved_x >= 0", "moved_x >= -1", "gather_augmented", NULL},
    {"augment.cl", "down < a.cutout", "down <= a.cutout", "gather_augmented", NULL},
    {"augment.cl", "a.noise * normals[j]", "normals[j]", "gather_augmented", NULL},
    {"augment.cl", "a.noise > 0.0f)\n            x[j] +=", "a.noise > 0.0f)\n            x[j] -=",
     "gather_augmented", NULL},
    {"augment.cl", "(1.0f - a.share) * y[j]", "a.share * y[j]", "gather_augmented", NULL},
    {"augment.cl", "a.position + other", "a.position + r", "gather_augmented", NULL},
    {"augment.cl", "r + a.distance - B", "r", "gather_augmented", NULL},
    {"augment.cl", "labels[other_n]", "labels[n]", "gather_augmented", NULL},
    {"augment.cl", "k < I - i", "k < I - i - 1", "gather_augmented", NULL},
    {"epilogue.cl", "Y[at] + b[o]", "Y[at]", "linear_forward", NULL},
    {"epilogue.cl", "is_relu && z < 0.0f", "is_relu && !(z > 0.0f)", "linear_forward", NULL},
    {"epilogue.cl", "y > 0.0f ? dX[at]", "y >= 0.0f ? dX[at]", "linear_backward_input", NULL},
    {"epilogue.cl", "isnan(y) ? y", "isnan(y) ? 0.0f", "linear_backward_input", NULL},
    {"epilogue.cl", "v[at] + penalty * weight", "v[at]", "linear_backward_update", NULL},
    {"epilogue.cl", "v[at] = velocity", "v[at] = 0.9f * velocity", "linear_backward_update", NULL},
    {"epilogue.cl", "weight - rate * velocity", "weight + rate * velocity", "linear_backward_update", NULL},
    {"epilogue.cl", "dW[at] += penalty", "dW[at] -= penalty", "linear_backward_params", NULL},
    {"gemm_cpu.cl", "z + load_some(b + n + j, count)", "z", "linear_forward", NULL},
    {"gemm_cpu.cl", "z += load_some(y, count)", "z += z", "linear_forward", NULL},
    {"panels_cpu.cl", "z < (VECTOR)(0.0f)", "!(z >= (VECTOR)(0.0f))", "linear_forward", NULL},
    {"panels_cpu.cl", "if (columns > VW && tall == MR)", "if (columns > 2 * VW && tall == MR)",
     "linear_forward", NULL},
    {"gemm_cpu.cl", "multiply_rows(X + (size_t)m * I + k0, tall, m_end - m",
     "multiply_rows(X + (size_t)m * I + k0, tall, m_end - m - 1", "linear_forward", NULL},
    {"panels_cpu.cl", "Y > (VECTOR)(0.0f)", "Y >= (VECTOR)(0.0f)", "linear_backward_input", NULL},
    {"panels_cpu.cl", "isnan(Y)", "isnan(dX)", "linear_backward_input", NULL},
    {"gemm_cpu.cl", "d += load_some(dX + to, count)", "d += d", "linear_backward_input", NULL},
    {"panels_cpu.cl", "to[2 * i].odd = from[i + VW / 2].lo", "to[2 * i].odd = from[i].lo",
     "linear_backward_input", NULL},
    {"panels_cpu.cl", "if (k + i < count)", "if (k + i < count - 1)", "linear_backward_input", NULL},
    {"gemm_cpu.cl", "d += before", "d += d", "linear_backward_params", NULL},
    {"gemm_cpu.cl", "penalty * LOAD(W + to)", "0.0f", "linear_backward_params", NULL},
    {"gemm_cpu.cl", "sum + load_some(db + n, n_end - n) : sum", "sum : sum", "linear_backward_params", NULL},
    {"gemm_cpu.cl", "n = n0; m0 == 0 && n < n_end", "n = n0; m0 == 0 && n + VW < n_end",
     "linear_backward_params", NULL},
    {"gemm_cpu.cl", "load_some(b, count) - rate * step", "load_some(b, count) + rate * step",
     "linear_backward_update", NULL},
    {"gemm_cpu.cl", "is_first ? momentum * velocity + d : velocity + d", "momentum * velocity + d",
     "linear_backward_update", NULL},
    {"gemm_cpu.cl", "is_first ? momentum * before + d : before + d", "momentum * before + d",
     "linear_backward_update", NULL},
    {"gemm_cpu.cl", "velocity += penalty * weight", "", "linear_backward_update", NULL},
    {"gemm_cpu.cl", "(is_first ? decay * weight : weight) - rate * d", "weight - rate * d",
     "linear_backward_update", NULL},
    {"gemm_cpu.cl", "weight - rate * velocity", "weight + rate * velocity", "linear_backward_update", NULL},
    {"gemm_cpu.cl", "acc[i][j] + penalty * weight", "acc[i][j]", "linear_backward_update", NULL},
    {"gemm_cpu.cl", "decay * LOAD(w + at)", "LOAD(w + at)", "linear_backward_update", NULL},
    {"gemm_cpu.cl", "rows >= MR && columns >= NR", "rows >= MR - 1 && columns >= NR",
     "linear_backward_update", NULL},
    {"panels_cpu.cl", "lane_numbers) < count", "lane_numbers) <= count", "linear_backward_params", "linear_"},
    {"panels_cpu.cl", "(VECTOR)(row[i][k * step])", "(VECTOR)(row[i][0])", "linear_forward", "linear_"},
    {"panels_cpu.cl", "max(0, end - m - i)", "max(0, end - m - i - 1)", "linear_backward_params", "linear_"},
    {"gemm_cpu.cl", "i0 > 0 ? LOAD(to) + part", "i0 > 0 ? part", "linear_update_forward", NULL},
    {"gemm_cpu.cl", "LOAD(z + m * NR + j) + load_some(b", "LOAD(z + m * NR + j) - load_some(b",
     "linear_update_forward", NULL},
    {"gemm_cpu.cl", "multiply_rows(next_X + (size_t)m * I + i0", "multiply_rows(next_X + (size_t)m * I",
     "linear_update_forward", NULL},
    {"head_cpu.cl", "tile[i * NR + c] + b[c]", "tile[i * NR + c]", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "exp(value - largest)", "exp(value)", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "select(picked, value, label == (INTEGERS)(c))", "value", "linear_softmax_backward",
     NULL},
    {"head_cpu.cl", "log(sum) + (largest - picked)", "log(sum) - picked", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "< (INTEGERS)(count)", "<= (INTEGERS)(count)", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "best == label && !isnan(loss)", "best == label", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "- target) / (float)B", "- target)", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "one, label == (INTEGERS)(c)", "one, label == (INTEGERS)(c + 1)",
     "linear_softmax_backward", NULL},
    {"head_cpu.cl", "labels + m + r", "labels + m", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "+ c] = z[c * ROWS + r]", "+ c] = z[c * ROWS]", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "pack_columns(W + (size_t)n * NR", "pack_columns(W", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "mask(LOAD(tile + i * NR + j), load_some(X + to, columns - j))",
     "LOAD(tile + i * NR + j)", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "sum += values[i]", "sum = values[i]", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "sum_lanes(corrects), sums", "0.0f, sums", "linear_softmax_backward", NULL},
    {"head_cpu.cl", "dX + (size_t)m * I", "dX", "linear_softmax_backward", NULL},
    {"softmax.cl", "sum += exp(z[c] - largest)", "sum += exp(z[c])", "softmax_xent", "softmax"},
    {"softmax.cl", "if (z[c] > largest", "if (z[c] >= largest", "softmax_xent", "softmax"},
    {"softmax.cl", "float distance = largest - z[label]", "float distance = -z[label]", "softmax_xent", NULL},
    {"softmax.cl", "share * distance + rest", "distance + rest", "softmax_xent", NULL},
    {"softmax.cl", "rest * (largest - z[partner])", "rest * (largest - z[label])", "softmax_xent", NULL},
    {"softmax.cl", "sum - target) / B", "sum - target)", "softmax_xent", NULL},
    {"softmax.cl", "c == partner ? rest", "c == partner ? share", "softmax_xent", NULL},
    {"softmax.cl", "distance > 0; distance /= 2", "distance > 1; distance /= 2", "softmax_xent", NULL},
    {"softmax.cl", "r += items", "r += LANES", "softmax_xent", NULL},
    {"softmax.cl", "if (lane == 0)", "if (lane == 0 && group == 0)", "softmax_xent", NULL},
    {"sums.cl", "units - carry * 4096.0f", "units", "softmax_xent", NULL},
    {"sums.cl", "slot[3] += carry", "slot[3] = carry", "softmax_xent", NULL},
    {"softmax.cl", "p[c] = exp(z[c] - largest) / sum", "p[c] = exp(z[c] - largest)", "softmax", NULL},
    {"bias_gradient.cl", "r < B", "r < B - 1", "linear_backward_params", "linear_backward_update"},
    {"bias_gradient.cl", "b[o] -= rate * column_sum", "b[o] += rate * column_sum", "linear_backward_update",
     NULL},
    {"bias_gradient.cl", "momentum * v[o] + column_sum", "column_sum", "linear_backward_update", NULL},
    {"update.cl", "w[at] -= rate * g[at]", "w[at] += rate * g[at]", "update", NULL},
    {"update.cl", "if (at < count)", "if (at <= count)", "update", NULL},
    {"update.cl", "momentum * v[at] + g[at]", "v[at] + g[at]", "update", NULL},
    {"gemm_tiled.cl", "count > 3 ? p[3]", "count > 4 ? p[3]", "linear_forward", "linear_"},
    {"gemm_tiled.cl", "if (count > 2)", "if (count > 3)", "linear_forward", "linear_"},
    {"gemm_tiled.cl", "r0 + r < R ? end - k0 - k : 0", "r0 + r < R - 1 ? end - k0 - k : 0", "linear_forward",
     "linear_backward_input"},
    {"gemm_tiled.cl", "to[(k + 2) * 4 * wide + r] = quad.z", "to[(k + 2) * 4 * wide + r] = quad.w",
     "linear_forward", "linear_backward_input"},
    {"gemm_tiled.cl", "k0 + k < end ? R - r0 - 4 * r : 0", "k0 + k < end - 1 ? R - r0 - 4 * r : 0",
     "linear_backward_params", "linear_backward_"},
    {"gemm_tiled.cl", "acc[i][q] += values[i] * quads[q]", "acc[i][q] += values[0] * quads[q]",
     "linear_forward", "linear_"},
    {"gemm_tiled.cl", "z < (float4)(0.0f)", "!(z >= (float4)(0.0f))", "linear_forward", NULL},
    {"gemm_tiled.cl", "acc[i][q] + load_quad(b + n, count, 1)", "acc[i][q]", "linear_forward", NULL},
    {"gemm_tiled.cl", "min(I, begin + depth)", "I", "linear_forward", NULL},
    {"gemm_tiled.cl", "z += parts[s * count + at]", "z = parts[s * count + at]", "linear_forward", NULL},
    {"gemm_tiled.cl", "z += b[at % O]", "", "linear_forward", NULL},
    {"gemm_tiled.cl", "Y[at] = is_relu && z < 0.0f ? 0.0f : z", "Y[at] = z", "linear_forward", NULL},
    {"gemm_tiled.cl", "distance > 0; distance /= 2", "distance > 1; distance /= 2", "linear_forward", NULL},
    {"gemm_tiled.cl", "k += 4 * LANES", "k += 8 * LANES", "linear_forward", NULL},
    {"gemm_tiled.cl", "left.w * right[j].w", "left.z * right[j].w", "linear_forward", NULL},
    {"gemm_tiled.cl", "sums[s * LANES] + b[n]", "sums[s * LANES]", "linear_forward", NULL},
    {"gemm_tiled.cl", "Y > (float4)(0.0f)", "Y >= (float4)(0.0f)", "linear_backward_input", NULL},
    {"gemm_tiled.cl", "isnan(Y))", "isnan(dX))", "linear_backward_input", NULL},
    {"gemm_tiled.cl", "min(O, begin + depth)", "O", "linear_backward_input", NULL},
    {"gemm_tiled.cl", "if (is_masked && !is_cut)", "if (is_masked && is_cut)", "linear_backward_input", NULL},
    {"gemm_tiled.cl", "d += parts[s * count + at]", "d = parts[s * count + at]", "linear_backward_input",
     NULL},
    {"gemm_tiled.cl", "d = Y[at] > 0.0f ? d", "d = Y[at] >= 0.0f ? d", "linear_backward_input", NULL},
    {"gemm_tiled.cl", "sums[s] += values", "sums[s] = values", "linear_backward_params",
     "linear_backward_update"},
    {"gemm_tiled.cl", "r < TILE_M && o < O ? o : -1", "r < TILE_M && o < O - 1 ? o : -1",
     "linear_backward_params", "linear_backward_update"},
    {"gemm_tiled.cl", "if (penalty != 0.0f)", "if (penalty == 0.0f)", "linear_backward_params", NULL},
    {"gemm_tiled.cl", "momentum * *v + d", "*v + d", "linear_backward_update", NULL},
    {"gemm_tiled.cl", "*b -= rate * direction", "*b += rate * direction", "linear_backward_update", NULL},
    {"gemm_tiled.cl", "momentum * load_quad(v + at,", "load_quad(v + at,", "linear_backward_update", NULL},
    {"gemm_tiled.cl", "acc[i][q] + penalty * weight", "acc[i][q]", "linear_backward_update", NULL},
    {"gemm_tiled.cl", "weight - rate * velocity", "weight + rate * velocity", "linear_backward_update", NULL},
    {"gemm_tiled.cl", "decay * weight", "weight", "linear_backward_update", NULL},
    {"gemm_tiled.cl", "barrier(CLK_LOCAL_MEM_FENCE);\n        multiply", "multiply", "linear_forward", NULL},
};
#define BROKEN_LINES (sizeof broken_lines / sizeof *broken_lines)

static bool is_native(const struct broken_line *line)
{
    return strstr(line->file, "_cpu.cl") != NULL;
}

/* Whose products use the file's kernels. */
static const char *provider_of(const struct broken_line *line)
{
    if (is_native(line))
        return "native";
    return strcmp(line->file, "gemm_tiled.cl") ? "clblast" : "tiled";
}

static void expect_noticed(const struct broken_line *line)
{
    char *const directory = kernel_folder(line->file, line->from, line->to);
    struct clm_backend *const backend = open_with_kernels(directory, provider_of(line));
    char what[256];
    snprintf(what, sizeof what, "%s: %s", line->file, line->from);
    const struct verdict verdict = verify_operation(backend, line->operation);
    expect_named(&verdict, line->operation, line->also, what);
    clm_backend_close(backend);
    test_directory_remove(directory);
}

/* In two cases, which run beside each other: those of the native products take longest. */
START_TEST(a_broken_line_of_native_products_is_noticed_and_named)
{
    if (is_native(&broken_lines[_i]))
        expect_noticed(&broken_lines[_i]);
}
END_TEST

START_TEST(a_broken_line_of_another_kernel_is_noticed_and_named)
{
    if (!is_native(&broken_lines[_i]))
        expect_noticed(&broken_lines[_i]);
}
END_TEST

/* The folder itself changes nothing, and every kernel file is among those broken. */
START_TEST(unbroken_kernels_of_a_folder_pass)
{
    char *const directory = kernel_folder("update.cl", "/*", "/*");
    struct clm_backend *const backend = open_with_kernels(directory, "default");
    ck_assert(verify(backend).passed);
    for (const struct kernel_source *source = kernel_sources; source->name; source++) {
        bool is_broken = !strcmp(source->name, "peaks.cl"); /* no operation of a net */
        for (size_t i = 0; i < BROKEN_LINES; i++)
            is_broken = is_broken || !strcmp(source->name, broken_lines[i].file);
        ck_assert_msg(is_broken, "no line of %s is broken by these tests", source->name);
    }
    clm_backend_close(backend);
    test_directory_remove(directory);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("kernels");
    TCase *const native = tcase_create("native"), *const others = tcase_create("others");
    tcase_add_loop_test(native, a_broken_line_of_native_products_is_noticed_and_named, 0, (int)BROKEN_LINES);
    tcase_add_loop_test(others, a_broken_line_of_another_kernel_is_noticed_and_named, 0, (int)BROKEN_LINES);
    tcase_add_test(others, unbroken_kernels_of_a_folder_pass);
    suite_add_tcase(suite, native);
    suite_add_tcase(suite, others);
    return test_run(suite);
}
