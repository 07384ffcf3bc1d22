/* embed TABLE OUTPUT.c KERNEL.cl …: writes the kernels as a table {name, bytes, size}, ended by NULL. */
#include <stdio.h>
#include <string.h>

static int embed(FILE *out, const char *path, int index)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 1;
    }
    fprintf(out, "static const unsigned char kernel_%d[] = {", index);
    for (int byte, column = 0; (byte = fgetc(in)) != EOF; column++)
        fprintf(out, "%s%d,", column % 24 ? "" : "\n", byte);
    fprintf(out, "0};\n");
    return fclose(in) != 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: embed TABLE OUTPUT.c KERNEL.cl ...\n");
        return 2;
    }
    FILE *out = fopen(argv[2], "wb");
    if (!out) {
        perror(argv[2]);
        return 1;
    }
    int failed = 0;
    fprintf(out, "#include \"compute/opencl/program.h\"\n\n");
    for (int i = 3; i < argc; i++)
        failed |= embed(out, argv[i], i);
    fprintf(out, "const struct kernel_source %s[] = {\n", argv[1]);
    for (int i = 3; i < argc; i++) {
        const char *name = strrchr(argv[i], '/');
        fprintf(out, "    {\"%s\", (const char *)kernel_%d, sizeof kernel_%d - 1},\n",
                name ? name + 1 : argv[i], i, i);
    }
    fprintf(out, "    {0, 0, 0},\n};\n");
    failed |= fclose(out) != 0;
    return failed;
}
