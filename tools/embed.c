/* embed HEADER STRUCT TABLE OUTPUT.c FILE …: writes the files as a table of `struct STRUCT`, which HEADER
 * declares as {name, bytes, size}, ended by NULL. The name of FILE.conf has no ending. */
#include <stdio.h>
#include <string.h>

static int embed(FILE *out, const char *path, int index)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 1;
    }
    fprintf(out, "static const unsigned char file_%d[] = {", index);
    for (int byte, column = 0; (byte = fgetc(in)) != EOF; column++)
        fprintf(out, "%s%d,", column % 24 ? "" : "\n", byte);
    fprintf(out, "0};\n");
    return fclose(in) != 0;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: embed HEADER STRUCT TABLE OUTPUT.c FILE ...\n");
        return 2;
    }
    FILE *out = fopen(argv[4], "wb");
    if (!out) {
        perror(argv[4]);
        return 1;
    }
    int failed = 0;
    fprintf(out, "#include \"%s\"\n\n", argv[1]);
    for (int i = 5; i < argc; i++)
        failed |= embed(out, argv[i], i);
    fprintf(out, "const struct %s %s[] = {\n", argv[2], argv[3]);
    for (int i = 5; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/'), *name = slash ? slash + 1 : argv[i],
                   *end = strstr(name, ".conf");
        fprintf(out, "    {\"%.*s\", (const char *)file_%d, sizeof file_%d - 1},\n",
                (int)(end ? (size_t)(end - name) : strlen(name)), name, i, i);
    }
    fprintf(out, "    {0, 0, 0},\n};\n");
    failed |= fclose(out) != 0;
    return failed;
}
