// The header is C++, too.
#include <clmlp.h>
#include <cstdio>
#include <cstring>

int main()
{
    clm_backend_options options = {};
    clm_error error = {};
    clm_backend *backend = nullptr;
    options.kind = CLM_BACKEND_REFERENCE;
    if (clm_backend_open(&options, &backend, &error) != CLM_OK) {
        std::fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const bool is_reference = !std::strcmp(clm_backend_name(backend), "reference");
    clm_backend_close(backend);
    return is_reference ? 0 : 1;
}
